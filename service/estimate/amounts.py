"""How much goes through the model in all epochs: tokens, pairs of tokens, passes; as bounds, never as a guess."""

from __future__ import annotations

import msgspec

from service.estimate.notation import Run

# sequences are as long as the longest row of their pass (trainers/training/batches.py), and of any two of them one
# would have taken the other's rows were there room (best fit): together they are more than half full
_PACKED = 2


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The training rows of one epoch; the two token figures differ where only quantiles are known.

    `lengths` = (at most so many tokens, rows), where the rows were counted by length.
    """

    rows: int | None
    tokens_low: int
    tokens_high: int
    epochs: int
    lengths: tuple[tuple[int, int], ...] = ()


class Amount(msgspec.Struct, frozen=True):
    """Tokens that are multiplied, the sum of squared row lengths, and forward-backward passes of all devices."""

    tokens: float
    pairs: float
    passes: float


def amounts(data: Data, run: Run) -> tuple[Amount, Amount]:
    """(least, most).

    Padding: nothing where a batch is one row; at most as much as where every batch has one of the longest rows, and
    for packed rows at most as much as there are tokens. Packing changes no pass: it packs the rows of one.
    Squared lengths: least where all rows are equally long, most where they are as long as the longest.
    """
    longest = run.seq_len
    rows = data.rows or max(1, -(-data.tokens_high // longest))
    low, high = min(data.tokens_low, rows * longest), min(data.tokens_high, rows * longest)
    passes = -(-rows // run.micro_batch)
    # flash attention cuts one long sequence at the rows' starts: nothing of it is padding, no row sees another
    varlen = run.packed and run.kernel == "flash"
    pads = run.padded and not varlen and run.micro_batch > 1 and data.rows is not None
    padded = _padded(data, run, rows=rows, tokens=high) if pads else high
    if run.packed:
        padded = min(padded, _PACKED * high)
    pairs = padded * longest
    if data.lengths and not pads:
        pairs = min(pairs, sum(count * min(length, longest) ** 2 for length, count in data.lengths))
    virtual = run.virtual_tokens
    if virtual:
        pairs = (padded + rows * virtual) * (longest + virtual)
    least = Amount(low + rows * virtual, (low + rows * virtual) ** 2 / rows, passes)
    most = Amount(padded + rows * virtual, max(pairs, least.pairs), passes)
    return _times(least, data.epochs), _times(most, data.epochs)


def _padded(data: Data, run: Run, *, rows: int, tokens: int) -> int:
    """At most: the longest rows lie in different batches, and each fills its whole batch."""
    batch, batches = run.micro_batch, -(-rows // run.micro_batch)
    most = min(rows * run.seq_len, batch * tokens)
    if not data.lengths:
        return most
    left, found = batches, 0
    for length, count in sorted(data.lengths, reverse=True):
        taken = min(left, count)
        found, left = found + batch * taken * min(length, run.seq_len), left - taken
    # rows that were counted nowhere are as long as any
    return max(tokens, min(most, found + batch * left * run.seq_len))


def is_cut(data: Data, run: Run) -> bool:
    """Rows are on average longer than what the run keeps of them."""
    return data.rows is not None and data.tokens_high > data.rows * run.seq_len


def _times(one: Amount, epochs: int) -> Amount:
    return Amount(one.tokens * epochs, one.pairs * epochs, one.passes * epochs)
