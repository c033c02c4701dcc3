"""Checks of roles, turns, content and weights."""
