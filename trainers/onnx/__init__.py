"""ONNX: built by one of two routes, proven against PyTorch, measured, and closed with what a user needs to load it."""
