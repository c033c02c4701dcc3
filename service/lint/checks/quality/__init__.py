"""Checks of repetition and missing parts."""
