"""Checks of training against validation data."""
