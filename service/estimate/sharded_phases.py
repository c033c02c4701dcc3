"""The phases of a training step under ZeRO."""

from __future__ import annotations

from service.estimate import activations, gathering, loss, temporaries
from service.estimate import adapters as adapters_term
from service.estimate import buckets as buckets_term
from service.estimate import gradients as gradients_term
from service.estimate import optimizer as optimizer_term
from service.estimate import weights as weights_term
from service.estimate.adapters import largest_trained, trained_parameters
from service.estimate.buckets import Flush, flushes
from service.estimate.notation import Case, once, per_length
from service.estimate.parts import Part, Phase, phase_of
from service.estimate.sharding import State, bucket_bytes, device_state, gradient_width, kept_whole, share
from service.models.parameters import linears

# a gradient's norm is computed in fp64 (deepspeed runtime/zero/utils.py get_norm_dtype)
_NORM = 8
# under ZeRO-3 with offload at most so many elements at a time (stage3.py _constant_buffered_norm2)
_NORM_ELEMENTS = 250_000_000


def sharded_phases(case: Case) -> list[Phase]:
    """Every phase of one step."""
    state = device_state(case)
    three = case.run.zero_stage == 3
    found = [_loss(case, state), _backward_first(case, state), *_reductions(case, state), _step(case, state)]
    if three:
        found.append(_forward(case, state))
    elif case.run.loaded_bytes > case.w and not case.quantised:
        found.append(_load(case))
    if case.dora:
        found.append(_dora_forward(case, state))
    return found


def _load(case: Case) -> Phase:
    """The base as our trainer loads it, before DeepSpeed casts it.

    DeepSpeed's flat copy of what is trained, made next, is not counted: where there is no room it is made on the host.
    """
    loaded = weights_term.weight_bytes(case) // case.w * case.run.loaded_bytes
    return phase_of("load", Part("weights", loaded, weights_term.SOURCE))


def _base(case: Case, state: State, *, gathered: int = 0) -> list[Part]:
    whole = 0
    if case.run.zero_stage == 3:
        base, adapter = kept_whole(case)
        whole = base * case.w + adapter * case.u
    return [
        Part("weights", state.weights, weights_term.SOURCE),
        Part("adapter", state.adapter, adapters_term.SOURCE),
        Part("optimizer", state.optimizer, optimizer_term.SOURCE),
        Part("gathered_weights", whole + gathered, gathering.SOURCE),
    ]


def _held(case: Case, state: State, *, backward: bool = False, extra: int = 0) -> Part:
    """What is held for communication; ZeRO-1's bucket stays from one accumulated pass to the next."""
    bucket = 0
    if case.run.zero_stage < 3 and (backward or (case.run.zero_stage == 1 and case.run.accumulates)):
        bucket = bucket_bytes(case)
    if case.run.offload_params and case.run.cuda:
        # a process's own share of what is gathered is copied from the host first (partition_parameters.py)
        bucket += share(case.run.zero_sizes.prefetch * case.w, case.run.gpus)
    return Part("communication", state.communication + bucket + extra, buckets_term.SOURCE)


def _accumulated(case: Case, state: State) -> int:
    """Gradients that are there before the backward pass."""
    if case.run.zero_stage == 3:
        return state.gradients  # one flat buffer, always
    if not case.run.accumulates:
        return 0
    return _all_gradients(case) if case.run.zero_stage == 1 else state.gradients


def _all_gradients(case: Case) -> int:
    return trained_parameters(case) * gradient_width(case)


def _gradients(size: int) -> Part:
    return Part("gradients", size, gradients_term.SOURCE)


@per_length
def _layer(case: Case) -> int:
    """Kept by one layer per token: ZeRO-3's linear function keeps its input also where the weight is not trained.

    Source: deepspeed 0.19.8 runtime/zero/linear.py.
    """
    return activations.layer(case) + _kept_by_linear(case)


def _kept_by_linear(case: Case, *, down: bool = True) -> int:
    """Without `down`: after the backward pass of the last matrix."""
    model = case.model
    if case.run.zero_stage < 3 or case.full:
        return 0
    widths = {"attention": model.hidden, "o": model.q, "mlp": model.hidden, "down": model.intermediate if down else 0}
    alone = (reads for reads in widths if case.casts_inputs or not case.adapted(case.reading(reads)))
    return case.e * sum(widths[reads] for reads in alone)


@per_length
def _all_layers(case: Case) -> int:
    added = 0 if case.run.checkpointing else case.model.layers * _kept_by_linear(case)
    return activations.all_layers(case) + added


def _activations(case: Case, layers: int) -> int:
    """Kept for so many layers."""
    if case.run.checkpointing:
        return case.tokens * case.rho * case.model.hidden * layers
    return case.tokens * _layer(case) * layers


def _activation_part(size: int) -> Part:
    return Part("activations", size, activations.SOURCE)


def _kept_logits(case: Case) -> Part:
    return Part("logits_and_loss", loss.kept_logits(case), loss.SOURCE)


def _forward(case: Case, state: State) -> Phase:
    """The moment of the forward pass when gathered weights and activations together take most."""
    kept, size = max(_ahead(case), key=lambda one: one[1] + _activations(case, one[0]))
    return phase_of(
        "fwd",
        *_base(case, state, gathered=size),
        _held(case, state),
        _gradients(_accumulated(case, state)),
        _activation_part(_activations(case, kept)),
    )


@once
def _ahead(case: Case) -> list[tuple[int, int]]:
    """The most that is gathered with so many layers kept."""
    most: dict[int, int] = {}
    for kept, size in gathering.gathered(case).forward:
        most[kept] = max(size, most.get(kept, 0))
    return list(most.items())


def _loss(case: Case, state: State) -> Phase:
    size = gathering.gathered(case).at_loss if case.run.zero_stage == 3 else 0
    return phase_of(
        "loss",
        *_base(case, state, gathered=size),
        _held(case, state),
        _gradients(_accumulated(case, state)),
        _activation_part(case.tokens * (_all_layers(case) + activations.head(case))),
        Part("logits_and_loss", loss.loss_bytes(case), loss.SOURCE),
        Part("token_ids", 8 * case.tokens, loss.SOURCE),
    )


@per_length
def _recomputed(case: Case) -> int:
    return activations.layer(case) + _kept_by_linear(case, down=False)


def _backward_first(case: Case, state: State) -> Phase:
    recomputed = _recomputed(case) if case.run.checkpointing else 0
    head = case.head_elements * case.g if case.full else 0
    return phase_of(
        "bwd_first",
        *_base(case, state, gathered=_gathered_back(case, case.model.layers)),
        _held(case, state, backward=True),
        _gradients(_accumulated(case, state) + head),
        _activation_part(case.tokens * (_all_layers(case) + recomputed)),
        Part("temporaries", case.tokens * temporaries.backward_layer(case), temporaries.SOURCE),
        _kept_logits(case),
    )


def _gathered_back(case: Case, layers: int, weight: int = gathering.NONE) -> int:
    """Gathered weights in the backward pass, when so many layers are still to come."""
    if case.run.zero_stage < 3:
        return 0
    return gathering.most_back(gathering.gathered(case), layers=layers, weight=weight)


def _reductions(case: Case, state: State) -> list[Phase]:
    """The bucket whose averaging takes most."""
    found = [_reduction(case, state, flush) for flush in _candidates(case)]
    return [max(found, key=lambda phase: phase.bytes)] if found else []


@once
def _candidates(case: Case) -> list[Flush]:
    """Buckets that no earlier one outdoes: fewer activations are left, and fewer gradients, the later one is."""
    first, *rest = flushes(case) or (None,)
    kept = [first] if first else []
    sizes: list[tuple[int, int, int]] = []
    for flush in rest:
        size = flush.copied, flush.pending, _gathered_back(case, flush.layers, flush.weight)
        if not any(all(a >= b for a, b in zip(other, size, strict=True)) for other in sizes):
            sizes.append(size)
            kept.append(flush)
    return kept


def _reduction(case: Case, state: State, flush: Flush) -> Phase:
    stage, width = case.run.zero_stage, gradient_width(case)
    copy, own = flush.copied * width, state.gradients if stage < 3 else 0
    if not flush.before:
        # the place for the process's own share is made when the first bucket has been averaged
        copy, own = (copy, 0) if copy > own else (0, own)
    if case.run.offload_optimizer:
        norm = _NORM * min(largest_trained(case), _share_of_trained(case))
        piece = share(largest_trained(case), case.run.gpus)
        # where host and device differ, the piece comes back to the device for its norm (stage3.py partition_grads)
        three = _NORM * min(_NORM_ELEMENTS, piece) + (piece * width if case.run.cuda else 0)
        copy = copy + three if stage == 3 else max(copy, norm)
    kept, passing = _activations(case, flush.layers), case.tokens * temporaries.backward_layer(case)
    if stage == 1:
        kept = passing = 0
    elif case.run.checkpointing and flush.layers:
        kept += case.tokens * _layer(case)
    return phase_of(
        "reduce",
        *_base(case, state, gathered=_gathered_back(case, flush.layers, flush.weight)),
        _held(case, state, backward=True, extra=copy),
        _gradients(own + _reduced(case, state, flush)),
        _activation_part(kept),
        Part("temporaries", passing if flush.layers else 0, temporaries.SOURCE),
        _kept_logits(case),
    )


def _reduced(case: Case, state: State, flush: Flush) -> int:
    """Gradients outside the bucket while it is averaged."""
    if case.run.zero_stage == 1:
        return (trained_parameters(case) - flush.before - flush.elements) * gradient_width(case)
    waiting = flush.pending * case.g
    if case.full and case.model.tied:
        # the head's part waits for the embedding's, and both for their sum
        waiting += case.head_elements * case.g * (1 if flush.layers else 2)
    return _accumulated(case, state) + waiting


def _step(case: Case, state: State) -> Phase:
    """The optimizer's step: the share's gradients once more as one tensor, then in fp32."""
    size = 0
    if not case.run.offload_optimizer:
        width, part = gradient_width(case), _share_of_trained(case)
        if case.run.zero_stage == 3:
            part = min(part, case.run.zero_sizes.group)
        flat = part * (width + 4 if width < 4 else width)
        size = max(flat, _NORM * min(largest_trained(case), part))
        size += share(optimizer_term.step_bytes(case), case.run.gpus) // case.g * 4
    base = _base(case, state)
    if not case.run.offload_optimizer:
        # weights that every device keeps whole are gathered anew when the step is done
        base = [part for part in base if part.term != "gathered_weights"]
    return phase_of(
        "opt",
        *base,
        Part("communication", state.communication, buckets_term.SOURCE),
        _gradients(state.gradients),
        Part("temporaries", size, optimizer_term.SOURCE),
    )


def _share_of_trained(case: Case) -> int:
    return share(trained_parameters(case), case.run.gpus)


def _dora_forward(case: Case, state: State) -> Phase:
    layers = max(0, case.model.layers - 1) if case.run.checkpointing else case.model.layers
    own = case.tokens * _layer(case) if case.run.checkpointing else 0
    size = gathering.gathered(case).at_loss if case.run.zero_stage == 3 else 0
    return phase_of(
        "dora_fwd",
        *_base(case, state, gathered=size),
        _held(case, state),
        _gradients(_accumulated(case, state)),
        _activation_part(_activations(case, layers) + own),
        Part("temporaries", temporaries.largest_of(_dora_lines(case), case), temporaries.DORA_SOURCE),
    )


@once
def _dora_lines(case: Case) -> list[temporaries.Line]:
    return [line for module in case.adapted(linears(case.model)) for line in temporaries.dora_module(case, module)]
