"""What the redact verb is made of: its options, places, query and settings."""
