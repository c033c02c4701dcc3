"""Peak memory of one training step as named terms, one file per term; pure arithmetic, no torch."""
