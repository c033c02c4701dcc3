"""Personal data and secrets: what is scanned, who finds it, and how it is taken out."""
