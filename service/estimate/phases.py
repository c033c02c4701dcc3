"""The phases of a training step at steady state, each as a list of named parts; the peak is the largest."""

from __future__ import annotations

from service.estimate import activations, loss, temporaries
from service.estimate import adapters as adapters_term
from service.estimate import gradients as gradients_term
from service.estimate import optimizer as optimizer_term
from service.estimate import sharding as sharding_term
from service.estimate import weights as weights_term
from service.estimate.notation import MIB, Case, once
from service.estimate.parts import Part, Phase, filled, phase_of
from service.estimate.sharding import device_state
from service.models.parameters import layer_parameters

# resident after load plus library workspaces; takes the T4 median error from 0.56 % to 0.26 %
CONSTANT_BYTES = 32 * MIB
CONSTANT_SOURCE = "measured on a T4: fitcheck data/measurements, 20 rows"


def phases(case: Case) -> list[Phase]:
    """Every phase of one step."""
    if case.run.zero_stage:
        # replaying DeepSpeed takes modules that most estimates have no use for
        from service.estimate.sharded_phases import sharded_phases

        return sharded_phases(case)
    found = [_loss(case), _backward_first(case)]
    if case.full and temporaries.cast_at_loss(case) < temporaries.cast_weights(case):
        found.append(_forward(case))
    if case.full:
        found.append(_backward_last(case))
    found += [_end(case), _step(case)]
    if case.dora or case.quantised:
        found.append(_module_forward(case))
    return found


def peak(case: Case) -> Phase:
    """The largest phase; the first of equals."""
    return max(phases(case), key=lambda phase: phase.bytes)


@once
def _base(case: Case) -> list[Part]:
    state = device_state(case)
    return [
        Part("weights", state.weights, weights_term.SOURCE),
        Part("adapter", state.adapter, adapters_term.SOURCE),
        Part("optimizer", state.optimizer, optimizer_term.SOURCE),
        Part("communication", state.communication, sharding_term.SOURCE),
    ]


def _gradients(size: int) -> Part:
    return Part("gradients", size, gradients_term.SOURCE)


def _accumulated(case: Case) -> Part:
    return _gradients(device_state(case).gradients if case.run.accumulates else 0)


def _casts(size: int) -> Part:
    return Part("cast_weights", size, temporaries.CAST_SOURCE)


def _kept_logits(case: Case) -> Part:
    return Part("logits_and_loss", loss.kept_logits(case), loss.SOURCE)


def _activations(per_token: int, case: Case) -> Part:
    return Part("activations", case.tokens * per_token, activations.SOURCE)


def _temporaries(size: int, source: str = temporaries.SOURCE) -> Part:
    return Part("temporaries", size, source)


def _forward(case: Case) -> Phase:
    """The end of the forward pass, where every copy that autocast made is still held."""
    return phase_of(
        "fwd",
        _activations(activations.all_layers(case) + activations.head(case), case),
        Part("logits_and_loss", loss.forward_bytes(case), loss.SOURCE),
        Part("token_ids", 8 * case.tokens, loss.SOURCE),
        fixed=_held_forward(case),
    )


@once
def _held_forward(case: Case) -> tuple[Part, ...]:
    return filled(*_base(case), _casts(temporaries.cast_weights(case)), _accumulated(case))


def _loss(case: Case) -> Phase:
    return phase_of(
        "loss",
        _activations(activations.all_layers(case) + activations.head(case), case),
        Part("logits_and_loss", loss.loss_bytes(case), loss.SOURCE),
        Part("token_ids", 8 * case.tokens, loss.SOURCE),
        fixed=_held_at_loss(case),
    )


@once
def _held_at_loss(case: Case) -> tuple[Part, ...]:
    return filled(*_base(case), _casts(temporaries.cast_at_loss(case)), _accumulated(case))


def _backward_first(case: Case) -> Phase:
    recomputed = activations.layer(case) if case.run.checkpointing else 0
    return phase_of(
        "bwd_first",
        _activations(activations.all_layers(case) + recomputed, case),
        _temporaries(temporaries.backward_bytes(case)),
        _kept_logits(case),
        fixed=_held_backward_first(case),
    )


@once
def _held_backward_first(case: Case) -> tuple[Part, ...]:
    fresh = case.head_elements + temporaries.down_elements(case) if case.full else 0
    return filled(
        *_base(case),
        _casts(temporaries.cast_in_backward(case)),
        _gradients(_accumulated(case).bytes + fresh * case.g),
    )


def _backward_last(case: Case) -> Phase:
    """The first layer's feed-forward network, when all layers above it have their gradients."""
    checkpoint = case.rho * case.model.hidden if case.run.checkpointing else 0
    return phase_of(
        "bwd_last",
        _activations(activations.layer(case) + checkpoint, case),
        _temporaries(temporaries.backward_bytes(case)),
        _kept_logits(case),
        fixed=_held_backward_last(case),
    )


@once
def _held_backward_last(case: Case) -> tuple[Part, ...]:
    model, down, gradients = case.model, temporaries.down_elements(case), device_state(case).gradients
    if case.run.accumulates:
        waits = case.head_elements if model.tied else 0
        gradients += (waits + down) * case.g
    else:
        missing = layer_parameters(model) - down + (0 if model.tied else case.head_elements)
        gradients -= min(missing * case.g, gradients)
    return filled(*_base(case), _casts(temporaries.cast_of_layer(case)), _gradients(gradients))


def _end(case: Case) -> Phase:
    return phase_of("end", _kept_logits(case), fixed=_held_at_end(case))


@once
def _held_at_end(case: Case) -> tuple[Part, ...]:
    # lm_head gradient, embedding gradient and their sum exist at once; the sum is the gradient or is added to it
    copies = 3 if case.run.accumulates else 2
    tied = copies * case.head_elements * case.g if case.full and case.model.tied else 0
    return filled(*_base(case), _gradients(device_state(case).gradients), _temporaries(tied))


@once
def _step(case: Case) -> Phase:
    return phase_of(
        "opt",
        *_base(case),
        _gradients(device_state(case).gradients),
        _temporaries(optimizer_term.step_bytes(case), optimizer_term.SOURCE),
    )


def _module_forward(case: Case) -> Phase:
    """The last layer's forward pass; under checkpointing the first that is computed again, in the backward pass."""
    above = case.model.layers - 1
    if case.run.checkpointing:
        kept = case.rho * case.model.hidden * (case.model.layers + 1)
    else:
        kept = above * activations.layer(case) - (activations.frozen_start(case) if above else 0)
    parts = [
        _activations(kept, case),
        _temporaries(temporaries.module_forward(case), temporaries.DORA_SOURCE),
    ]
    plain = "recompute" if case.run.checkpointing else "fwd"
    kept_logits = [_kept_logits(case)] if case.run.checkpointing else []
    return phase_of("dora_fwd" if case.dora else plain, *parts, *kept_logits, fixed=_held_in_module(case))


@once
def _held_in_module(case: Case) -> tuple[Part, ...]:
    casts = _casts(temporaries.cast_weights(case, head_read=case.run.checkpointing))
    return filled(*_base(case), _accumulated(case), casts)
