"""Exact token counts without a network: which encoding counts, what counts it, and what frames a row."""
