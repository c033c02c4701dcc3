"""Checks of rows of plain text."""
