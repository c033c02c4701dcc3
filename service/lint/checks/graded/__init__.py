"""Checks of graded."""
