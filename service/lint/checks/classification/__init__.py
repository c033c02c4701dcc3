"""Checks of labelled texts."""
