"""Fixes: what can be mended without asking, row by row; nothing is changed in place."""
