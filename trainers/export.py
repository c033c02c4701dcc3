"""Merge, ONNX and proof again: `python -m trainers.export PLAN OUT`, from what a finished run left in OUT."""

from __future__ import annotations

import sys

from trainers.train import main

# "proof" is "prove" without measuring the tuned model: the run that trained it has done so
GROUPS = ("merge", "export", "proof")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], groups=GROUPS))
