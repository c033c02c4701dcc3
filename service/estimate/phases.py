"""The phases of a training step at steady state, each as a list of named parts; the peak is the largest."""

from __future__ import annotations

from service.estimate import activations, loss, temporaries
from service.estimate import adapters as adapters_term
from service.estimate import gradients as gradients_term
from service.estimate import optimizer as optimizer_term
from service.estimate import sharding as sharding_term
from service.estimate import weights as weights_term
from service.estimate.notation import MIB, Case
from service.estimate.parts import Part, Phase, phase_of
from service.estimate.sharded_phases import sharded_phases
from service.estimate.sharding import State, device_state
from service.models.parameters import layer_parameters

# resident after load plus library workspaces; takes the T4 median error from 0.56 % to 0.26 %
CONSTANT_BYTES = 32 * MIB
CONSTANT_SOURCE = "measured on a T4: fitcheck data/measurements, 20 rows"


def phases(case: Case) -> list[Phase]:
    """Every phase of one step."""
    if case.run.zero_stage:
        return sharded_phases(case)
    state = device_state(case)
    found = [_loss(case, state), _backward_first(case, state)]
    if case.full and temporaries.cast_at_loss(case) < temporaries.cast_weights(case):
        found.append(_forward(case, state))
    if case.full:
        found.append(_backward_last(case, state))
    found += [_end(case, state), _step(case, state)]
    if case.dora or case.quantised:
        found.append(_module_forward(case, state))
    return found


def peak(case: Case) -> Phase:
    """The largest phase; the first of equals."""
    return max(phases(case), key=lambda phase: phase.bytes)


def _base(state: State) -> list[Part]:
    return [
        Part("weights", state.weights, weights_term.SOURCE),
        Part("adapter", state.adapter, adapters_term.SOURCE),
        Part("optimizer", state.optimizer, optimizer_term.SOURCE),
        Part("communication", state.communication, sharding_term.SOURCE),
    ]


def _gradients(size: int) -> Part:
    return Part("gradients", size, gradients_term.SOURCE)


def _accumulated(case: Case, state: State) -> Part:
    return _gradients(state.gradients if case.run.accumulates else 0)


def _casts(case: Case, *, head_read: bool = True) -> Part:
    return Part("cast_weights", temporaries.cast_weights(case, head_read=head_read), temporaries.CAST_SOURCE)


def _kept_logits(case: Case) -> Part:
    return Part("logits_and_loss", loss.kept_logits(case), loss.SOURCE)


def _activations(per_token: int, case: Case) -> Part:
    return Part("activations", case.tokens * per_token, activations.SOURCE)


def _temporaries(size: int, source: str = temporaries.SOURCE) -> Part:
    return Part("temporaries", size, source)


def _forward(case: Case, state: State) -> Phase:
    """The end of the forward pass, where every copy that autocast made is still held."""
    return phase_of(
        "fwd",
        *_base(state),
        _casts(case),
        _accumulated(case, state),
        _activations(activations.all_layers(case) + activations.head(case), case),
        Part("logits_and_loss", loss.forward_bytes(case), loss.SOURCE),
        Part("token_ids", 8 * case.tokens, loss.SOURCE),
    )


def _loss(case: Case, state: State) -> Phase:
    return phase_of(
        "loss",
        *_base(state),
        Part("cast_weights", temporaries.cast_at_loss(case), temporaries.CAST_SOURCE),
        _accumulated(case, state),
        _activations(activations.all_layers(case) + activations.head(case), case),
        Part("logits_and_loss", loss.loss_bytes(case), loss.SOURCE),
        Part("token_ids", 8 * case.tokens, loss.SOURCE),
    )


def _backward_first(case: Case, state: State) -> Phase:
    recomputed = activations.layer(case) if case.run.checkpointing else 0
    fresh = case.head_elements + temporaries.down_elements(case) if case.full else 0
    return phase_of(
        "bwd_first",
        *_base(state),
        Part("cast_weights", temporaries.cast_in_backward(case), temporaries.CAST_SOURCE),
        _gradients(_accumulated(case, state).bytes + fresh * case.g),
        _activations(activations.all_layers(case) + recomputed, case),
        _temporaries(temporaries.backward_bytes(case)),
        _kept_logits(case),
    )


def _backward_last(case: Case, state: State) -> Phase:
    """The first layer's feed-forward network, when all layers above it have their gradients."""
    model, down = case.model, temporaries.down_elements(case)
    if case.run.accumulates:
        waits = case.head_elements if model.tied else 0
        gradients = state.gradients + (waits + down) * case.g
    else:
        missing = layer_parameters(model) - down + (0 if model.tied else case.head_elements)
        gradients = state.gradients - min(missing * case.g, state.gradients)
    checkpoint = case.rho * model.hidden if case.run.checkpointing else 0
    return phase_of(
        "bwd_last",
        *_base(state),
        Part("cast_weights", temporaries.cast_of_layer(case), temporaries.CAST_SOURCE),
        _gradients(gradients),
        _activations(activations.layer(case) + checkpoint, case),
        _temporaries(temporaries.backward_bytes(case)),
        _kept_logits(case),
    )


def _end(case: Case, state: State) -> Phase:
    # lm_head gradient, embedding gradient and their sum exist at once; the sum is the gradient or is added to it
    copies = 3 if case.run.accumulates else 2
    tied = copies * case.head_elements * case.g if case.full and case.model.tied else 0
    return phase_of("end", *_base(state), _gradients(state.gradients), _temporaries(tied), _kept_logits(case))


def _step(case: Case, state: State) -> Phase:
    return phase_of(
        "opt",
        *_base(state),
        _gradients(state.gradients),
        _temporaries(optimizer_term.step_bytes(case), optimizer_term.SOURCE),
    )


def _module_forward(case: Case, state: State) -> Phase:
    """The last layer's forward pass; under checkpointing the first that is computed again, in the backward pass."""
    above = case.model.layers - 1
    if case.run.checkpointing:
        kept = case.rho * case.model.hidden * (case.model.layers + 1)
    else:
        kept = above * activations.layer(case) - (activations.frozen_start(case) if above else 0)
    parts = [
        *_base(state),
        _accumulated(case, state),
        _casts(case, head_read=case.run.checkpointing),
        _activations(kept, case),
        _temporaries(temporaries.module_forward(case), temporaries.DORA_SOURCE),
    ]
    plain = "recompute" if case.run.checkpointing else "fwd"
    kept_logits = [_kept_logits(case)] if case.run.checkpointing else []
    return phase_of("dora_fwd" if case.dora else plain, *parts, *kept_logits)
