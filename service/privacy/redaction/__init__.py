"""Takes findings out of rows: names in their place, the same for the same value, and a map that leads back."""
