"""Rows that a model writes from documents or personas, and what is looked at before they may be training data."""
