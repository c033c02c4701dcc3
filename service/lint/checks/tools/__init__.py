"""Checks of tools and their calls."""
