"""Turns decision, dataset and estimate into a plan, and carries plans out on their targets."""
