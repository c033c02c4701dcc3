"""From operations to hours: what share of a device's peak real trainings reach, and how fast a layer can go at best."""

from __future__ import annotations

import msgspec

from service.estimate.amounts import Amount
from service.estimate.flops import Work
from service.records.cost import Range

SOURCE = "published trainings: tests/estimate/throughput.toml has what each reached, and where it says so"


class Speed(msgspec.Struct, frozen=True):
    """Share of the peak of all matrix products, recomputed ones included, and milliseconds that a layer needs anyhow.

    A layer's forward and backward of one micro-batch takes the longer of both: small batches wait for the host.
    """

    utilisation: Range
    layer_ms: Range


# chosen on the rows of SOURCE, not blind; benchmarks/time_accuracy.py says how many of them each band holds
SIXTEEN_BIT = Speed(Range(0.18, 0.40, 0.73), Range(4.0, 6.0, 16.0))
FOUR_BIT = Speed(Range(0.18, 0.37, 0.60), Range(6.0, 10.0, 20.0))
# a source that has both reaches less of an H100's peak than of an A100's (0.45 against 0.62, 0.23 against 0.35):
# memory did not become faster as products did
FAST_TFLOPS = 500
SIXTEEN_BIT_FAST = Speed(Range(0.12, 0.27, 0.50), SIXTEEN_BIT.layer_ms)
FOUR_BIT_FAST = Speed(Range(0.12, 0.25, 0.45), FOUR_BIT.layer_ms)
# several devices against one: 0.56 over two machines (Qwen README, 7B LoRA 2048 tokens: 5.2 against 9.25 s);
# close to 1 in one machine and with fast networks (llm-foundry, 8 to 64 H100)
SCALING = Range(0.55, 0.85, 1.0)
_ALONE = Range(1.0, 1.0, 1.0)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A run's operations, the bounds of what goes through, the devices."""

    work: Work
    least: Amount
    most: Amount
    layers: int
    quantised: bool
    devices: int
    tflops: float

    @property
    def speed(self) -> Speed:
        if self.tflops > FAST_TFLOPS:
            return FOUR_BIT_FAST if self.quantised else SIXTEEN_BIT_FAST
        return FOUR_BIT if self.quantised else SIXTEEN_BIT


def flops(work: Work, least: Amount, most: Amount) -> tuple[float, float]:
    """(least, most) operations of the whole run."""
    low, high = (work.total(tokens=one.tokens, pairs=one.pairs, passes=one.passes) for one in (least, most))
    return low, high


def hours(job: Job) -> Range:
    """Wall-clock hours of the training steps alone: loading, evaluation and saving are not in them."""
    low, high = flops(job.work, job.least, job.most)
    scaling = SCALING if job.devices > 1 else _ALONE
    use, layer = job.speed.utilisation, job.speed.layer_ms
    return Range(
        _hours(job, low, job.least.passes, use.high, layer.low, scaling.high),
        _hours(job, (low + high) / 2, job.most.passes, use.mid, layer.mid, scaling.mid),
        _hours(job, high, job.most.passes, use.low, layer.high, scaling.low),
    )


def _hours(job: Job, operations: float, passes: float, share: float, layer_ms: float, scaling: float) -> float:
    computing = operations / (job.tflops * 1e12 * share)
    waiting = passes * job.layers * layer_ms / 1000
    return max(computing, waiting) / (job.devices * scaling) / 3600
