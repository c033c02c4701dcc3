"""What the synth verb is made of: its request, the files it leaves, and how both kinds of it run."""
