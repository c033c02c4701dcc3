"""Fine-tunes a model from a plan and exports it as verified ONNX; runs where the GPU is, never imports service."""
