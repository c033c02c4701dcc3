"""Decides, checks, estimates, launches and follows fine-tuning: the tunegate service and its command line."""

__version__ = "0.1.0"
