"""Real training steps of the real model class with random weights, and the memory that each phase of them needs.

`python -m trainers.measurement QUESTION.json ANSWER.json`, always in a process of its own: what it holds of a device
ends with it. The model is made on the device and wrapped by the trainer's own techniques; a `meter` counts, CUDA's own
counters on a GPU and the bytes of living tensors on a CPU.
"""
