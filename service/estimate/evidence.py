"""What was never compared with a measurement, and what surprises people, in words."""

from __future__ import annotations

from service.estimate.hardware import Hardware
from service.estimate.notation import GIB, Case
from service.estimate.temporaries import cast_weights

# compared with real devices or the exact simulator
VALIDATED_TECHNIQUES = ("full", "lora", "qlora", "dora", "prompt")


def unvalidated(case: Case, devices: list[Hardware]) -> list[str]:
    """Every reason why this estimate counts as not validated; empty means validated."""
    run = case.run
    reasons = {
        f"family {case.model.model_type}: activation formulas not checked": not case.model.family.validated,
        f"technique {run.technique}: only its parts were checked": run.technique not in VALIDATED_TECHNIQUES,
        "no device was named": not devices,
        "mixed precision (autocast): checked against a simulator, not on a real device": run.autocast,
        "DoRA with activation checkpointing: formula only": case.dora and run.checkpointing,
        "eager attention with full fine-tuning: formula only": case.full and run.kernel == "eager" and run.cuda,
        "gradient accumulation: formula only": run.accumulates,
        "adapter dropout: formula only": run.dropout,
        f"loss {run.loss}: formula only": run.loss != "hf",
        f"optimizer {run.optimizer}: formula only": _unseen_optimizer(case),
        "several devices or ZeRO: formulas from source only": run.zero_stage > 0 or run.gpus > 1,
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
        "CPU: host RAM is the device; the libraries' own memory is not in the figures.": device.is_cpu,
        "The process context of this device is from memory, on the safe side.": (
            not device.context_verified and not device.is_cpu
        ),
        "host_ram_gib counts offloaded state only.": not device.is_cpu,
        "What was left open is our trainer's default on each device that is judged.": True,
    }
    return [text for text, applies in texts.items() if applies]


def _unseen_optimizer(case: Case) -> bool:
    if case.run.optimizer in {"adamw", "adamw_fused", "sgd"}:
        return False
    return case.full or case.run.optimizer != "adamw_paged_8bit"
