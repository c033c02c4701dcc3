"""Lints chat datasets: rows in, findings out; one small self-proving file per check."""
