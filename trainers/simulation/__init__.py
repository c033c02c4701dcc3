"""One training step of the real model class, peft and optimizer on tensors that have a size and no memory.

`python -m trainers.simulation QUESTION.json ANSWER.json`, always in a process of its own: a mistake of a fake device
may end the interpreter. Every operation runs for its shapes alone (torch's FakeTensorMode, on fake CPU tensors: fake
CUDA tensors abort a CPU build); `storage` hears of every storage that appears and disappears, and what CUDA's kernels
keep beyond those of the CPU is put in their place (`emulation`, `four_bit`).
"""
