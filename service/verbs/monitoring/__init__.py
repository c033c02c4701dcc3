"""Monitors: what is asked for, how a run goes on, and what the last decision would be now."""
