"""What the advise verb is made of: its questions, measured facts, texts and pages."""
