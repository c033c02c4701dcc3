"""What the sweep verb is made of: its request, plans, folder and the choice of the best."""
