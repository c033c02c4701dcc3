"""CPU of counting tokens through `service.lint.tokens` against its references, in one process: the ratio counts.

Run: python benchmarks/token_speed.py [MB]. The text is prose of the installed documentation, each sentence once and
each text counted once by each engine, as repetition flatters caches. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from _corpora import ranks, texts

from service.lint.tokens.counter import TokenCounter, counter_for

BATCH = 512
PARTS = 5
VOCABULARY = 16_000


def cpu_seconds(work: Callable[[list[str]], object], part: list[str]) -> float:
    """One pass over text that the engine has not seen, in CPU seconds of this process."""
    start = time.process_time()
    work(part)
    return time.process_time() - start


def counted(counter: TokenCounter, chosen: list[str]) -> list[int]:
    """As the linter counts: in batches."""
    return [size for i in range(0, len(chosen), BATCH) for size in counter.count(chosen[i : i + BATCH])]


def openai(encoding: str, model: str, chosen: list[str]) -> None:
    """Ours against a loop over tiktoken's encode_ordinary."""
    from tiktoken import get_encoding

    encode = get_encoding(encoding).encode_ordinary
    compare(exact_counter("openai", model=model), "tiktoken", lambda part: [len(encode(t)) for t in part], chosen)


def local(chosen: list[str], folder: Path) -> None:
    """Ours against a loop over the library tokenizers, with a byte-level tokenizer trained on the same text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(chosen, trainers.BpeTrainer(vocab_size=VOCABULARY, show_progress=False))
    made.save(str(folder / "tokenizer.json"))
    compare(
        exact_counter("local", folder=folder), "tokenizers", lambda part: [len(made.encode(t)) for t in part], chosen
    )


def compare(counter: TokenCounter, reference: str, theirs: Callable[[list[str]], list[int]], chosen: list[str]) -> None:
    """One line: the median ratio over parts of the text, which both count alike."""
    assert counted(counter, ["It loads."]) == theirs(["It loads."])
    parts = [chosen[i::PARTS] for i in range(PARTS)]
    ours = [cpu_seconds(lambda part: counted(counter, part), part) for part in parts]
    other = [cpu_seconds(theirs, part) for part in parts]
    assert counted(counter, chosen) == theirs(chosen)
    ratios = sorted(mine / their for mine, their in zip(ours, other, strict=True))
    name = counter.name.split()[0]
    print(f"  {name:<15} {median(ratios):.2f} x {reference} ({ratios[0]:.2f} to {ratios[-1]:.2f}),", end=" ")
    print(f"{sum(ours):.3f} against {sum(other):.3f} CPU s")


def exact_counter(target: str, *, model: str | None = None, folder: Path | None = None) -> TokenCounter:
    """The counter, or the reason why there is none as the error."""
    found, _ = counter_for(target=target, model=model, model_folder=folder, mode="exact")
    assert found is not None
    return found


def main() -> None:
    """Print the ratios with their conditions."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    chosen = texts(megabytes)
    size = sum(len(text.encode()) for text in chosen) / 1e6
    print(f"token speed: {size:.1f} MB of prose, each sentence once, in {len(chosen)} texts;", end=" ")
    print(f"Python {platform.python_version()}, {platform.machine()}, median of {PARTS} parts")
    with tempfile.TemporaryDirectory() as name:
        ranks(Path(name))
        openai("o200k_base", "gpt-4.1", chosen)
        openai("cl100k_base", "gpt-4", chosen)
        local(chosen[: len(chosen) // 4], Path(name))


if __name__ == "__main__":
    main()
