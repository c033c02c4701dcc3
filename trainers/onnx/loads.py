"""Whether every ONNX file of a run folder loads: `python -m trainers.onnx.loads OUT`, after it came from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """0 when all of them load; else 1, and the first that does not is named on stdout."""
    import onnxruntime

    out = Path(argv[0])
    onnxruntime.set_default_logger_severity(4)
    for path in sorted(out.glob("onnx/*/model.onnx")):
        try:
            # what it was built for may not be on this machine, and a graph that loads here is whole
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the library raises many kinds
            print(f"{path.relative_to(out).as_posix()} ({type(error).__name__})")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
