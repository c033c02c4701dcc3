"""Training, validation and test data without leakage between them."""
