"""Azure Machine Learning: a command job on the user's own compute that runs our trainers and hands back ONNX."""
