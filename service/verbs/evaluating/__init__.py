"""What the evaluate verbs are made of: what is asked for, carrying it out, its words and pages."""
