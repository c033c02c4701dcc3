"""Checks of the file, its lines and its shape."""
