"""Checks of text that breaks templates."""
