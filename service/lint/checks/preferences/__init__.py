"""Checks of preferences."""
