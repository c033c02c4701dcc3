"""What of drift is not the verb itself: its page and its words."""
