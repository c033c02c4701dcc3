"""Learning from pairs of answers, of which one is preferred: rows, pairs, loss, reference and measures."""
