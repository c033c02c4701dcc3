"""What a model's chat template accepts and renders, asked in a process of its own."""
