"""Encoders that classify texts or tag words: rows, samples, the model with its head, and the measures."""
