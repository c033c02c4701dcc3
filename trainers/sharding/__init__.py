"""Several processes: who starts them, what DeepSpeed is told, and what only the first of them does."""
