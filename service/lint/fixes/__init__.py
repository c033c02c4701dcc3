"""Fixes: what can be mended, row by row and line by line; a new file is written, nothing is changed in place.

A safe fix changes neither the text of a message nor which messages are trained on; all others are unsafe.
"""
