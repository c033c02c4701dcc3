"""Checks of personal data and secrets: what the privacy scan finds, by kind."""
