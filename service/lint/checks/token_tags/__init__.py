"""Checks of tagged tokens."""
