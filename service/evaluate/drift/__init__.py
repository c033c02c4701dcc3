"""Drift: what changed between two samples of data, or between two evaluations of the same rows."""
