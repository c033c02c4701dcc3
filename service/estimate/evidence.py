"""What was never compared with a measurement, and what surprises people, in words."""

from __future__ import annotations

from service.estimate.hardware import Hardware
from service.estimate.notation import GIB, Case
from service.estimate.sharding import bucket_bytes
from service.estimate.temporaries import cast_weights

_INSIDE_BACKWARD, _GATHERS = 2, 3
# compared with real devices or the exact simulator
VALIDATED_TECHNIQUES = ("full", "lora", "qlora", "dora", "prompt")
# (technique, type that it runs in, ZeRO stage, what is offloaded) whose peak and host memory are within 3 % of what
# DeepSpeed allocates: benchmarks/results/zero_accuracy.txt; stage 0 is plain data parallelism
CONFIRMED = frozenset(
    {(technique, "bf16", stage, offload) for technique in ("full", "lora") for stage in (1, 2, 3)
     for offload in ("nothing", "optimizer")}
    | {(technique, "bf16", 3, "optimizer and weights") for technique in ("full", "lora")}
    | {("qlora", "bf16", stage, offload) for stage in (1, 2) for offload in ("nothing", "optimizer")}
    | {("full", "fp32", stage, "nothing") for stage in (1, 2, 3)}
    | {("full", None, 0, "nothing"), ("lora", None, 0, "nothing")}
)  # fmt: skip


def unvalidated(case: Case, devices: list[Hardware]) -> list[str]:
    """Every reason why this estimate counts as not validated; empty means validated."""
    run = case.run
    reasons = {
        f"family {case.model.model_type}: activation formulas not checked": not case.model.family.validated,
        f"technique {run.technique}: only its parts were checked": run.technique not in VALIDATED_TECHNIQUES,
        "no device was named": not devices,
        "mixed precision (autocast): checked against a simulator, not on a real device": run.autocast,
        "DoRA with activation checkpointing: formula only": case.dora and run.checkpointing,
        "the math kernel of attention in 16 bits: checked against a simulator, not on a real device": (
            run.kernel == "math" and case.e == 2
        ),
        "eager attention with full fine-tuning: formula only": case.full and run.kernel == "eager" and run.cuda,
        "gradient accumulation: formula only": run.accumulates,
        "adapter dropout: formula only": run.dropout,
        f"loss {run.loss}: formula only": run.loss != "hf",
        f"optimizer {run.optimizer}: formula only": _unseen_optimizer(case),
        f"{_parallel_name(case)}: formulas from DeepSpeed's source only": _is_parallel(case) and not is_confirmed(case),
    }
    found = [reason for reason, applies in reasons.items() if applies]
    return found + [f"hardware {device.id}: no measured run" for device in devices if not device.validated]


def notes(case: Case, device: Hardware, *, packed: bool = False) -> list[str]:
    """Where the bytes go that people do not expect, for this run."""
    run = case.run
    texts = {
        "Each adapted module keeps its own fp32 copy of its input; autocast halves that.": (
            case.casts_inputs and not run.autocast and not run.checkpointing
        ),
        "Preparing a 4-bit model keeps embeddings, norms and head in fp32.": case.kbit,
        "The outputs object is kept alive through backward, and the logits with it.": run.keep_logits,
        "Tied embeddings: three gradients of the embedding's size exist at the end of backward.": (
            case.full and case.model.tied
        ),
        "foreach AdamW holds one more copy of the trained parameters during the step.": (
            run.optimizer == "adamw" and run.cuda
        ),
        "A padding mask makes transformers repeat keys and values to every query head.": (
            run.padded and run.repeated_kv and case.model.kv_heads < case.model.heads
        ),
        "Packed: at most micro_batch sequences of seq_len tokens; fewer where rows share one, never more.": packed,
        "No fused attention kernel runs here: the score matrix is stored.": run.kernel == "math",
        f"Autocast holds 16-bit copies of weights: {cast_weights(case) / GIB:.2f} GiB.": cast_weights(case) > 0,
        "Activations, logits and temporaries are not sharded by ZeRO.": run.zero_stage > 0,
        f"{_parallel_name(case)}: confirmed against {_confirmed_by(case)} in two CPU processes; communication on GPUs "
        "was not measured.": _is_parallel(case) and is_confirmed(case),
        f"The gradients' bucket is allocated whole, however little is trained: {bucket_bytes(case) / GIB:.2f} GiB.": (
            run.zero_stage > 0
        ),
        "ZeRO-2 averages gradients during the backward pass, ZeRO-1 after it: with short rows ZeRO-2 can need more.": (
            run.zero_stage == _INSIDE_BACKWARD
        ),
        "ZeRO-3: how far the prefetch runs depends on all sizes; a slightly larger adapter can need a little less.": (
            run.zero_stage == _GATHERS and case.low_rank
        ),
        "CPU: host RAM is the device; the libraries' own memory is not in the figures.": device.is_cpu,
        "The process context of this device is from memory, on the safe side.": (
            not device.context_verified and not device.is_cpu
        ),
        "host_ram_gib counts offloaded state only.": not device.is_cpu,
        "What was left open is our trainer's default on each device that is judged.": True,
    }
    return [text for text, applies in texts.items() if applies]


def is_confirmed(case: Case) -> bool:
    """Whether this way to share a run between processes was compared with what really is allocated."""
    run = case.run
    plain = "fp32" if case.w == case.g == 4 and not case.quantised else "mixed"
    kind = (run.zero_half or plain) if run.zero_stage else None
    adamw = run.optimizer in {"adamw", "adamw_fused"}
    return run.gpus > 1 and adamw and (run.technique, kind, run.zero_stage, _offload(case)) in CONFIRMED


def _is_parallel(case: Case) -> bool:
    return case.run.zero_stage > 0 or case.run.gpus > 1


def _offload(case: Case) -> str:
    if case.run.offload_params:
        return "optimizer and weights" if case.run.offload_optimizer else "weights"
    return "optimizer" if case.run.offload_optimizer else "nothing"


def _parallel_name(case: Case) -> str:
    if not case.run.zero_stage:
        return f"data parallelism with {case.run.technique}"
    what = "" if _offload(case) == "nothing" else f", {_offload(case)} offloaded"
    return f"ZeRO-{case.run.zero_stage} with {case.run.technique}{what}"


def _confirmed_by(case: Case) -> str:
    return "DeepSpeed 0.19.8's own allocation" if case.run.zero_stage else "DistributedDataParallel's own allocation"


def _unseen_optimizer(case: Case) -> bool:
    if case.run.optimizer in {"adamw", "adamw_fused", "sgd"}:
        return False
    return case.full or case.run.optimizer != "adamw_paged_8bit"
