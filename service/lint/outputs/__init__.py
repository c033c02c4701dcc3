"""The report in the shapes that people and tools read."""
