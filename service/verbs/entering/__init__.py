"""Who is let in: keys and tokens, and what they were allowed."""
