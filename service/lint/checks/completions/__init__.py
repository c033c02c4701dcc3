"""Checks of prompt/completion rows."""
