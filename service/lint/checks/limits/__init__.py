"""Checks of how much data there is."""
