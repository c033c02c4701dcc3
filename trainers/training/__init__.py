"""Fine-tuning itself: what the loop is told, the loop, what it says on its way and what it keeps."""
