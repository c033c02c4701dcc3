"""What several techniques of one answer share is said once, and the rest with the techniques that it is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.records.estimate import Estimate

# (what is said, the techniques that it is of)
Said = tuple[str, list[str]]


def run_text(estimates: Sequence[Estimate]) -> str:
    """The run in half a sentence: length, batch, type of the weights, attention, checkpointing."""
    texts: list[Callable[[Estimate], str]] = [
        lambda one: f"{one.inputs['seq_len']:,} tokens x micro-batch {one.inputs['micro_batch']:,}",
        lambda one: str(one.inputs["base_dtype"]),
        lambda one: f"attention {one.inputs['attention']}",
        lambda one: f"checkpointing {'on' if one.inputs['checkpointing'] else 'off'}",
    ]
    return ", ".join(_joined([(text(one), one.technique) for one in estimates]) for text in texts)


def device_text(estimates: Sequence[Estimate]) -> str:
    """The devices that the figures are for."""
    return _joined([(str(one.assumptions["device"]), one.technique) for one in estimates])


def assumed(estimates: Sequence[Estimate]) -> list[tuple[str, str]]:
    """(setting, its value) for what nobody gave."""
    names = dict.fromkeys(name for one in estimates for name in one.assumptions["defaults"])
    return [(name, _default(estimates, name)) for name in names]


def reasons(estimates: Sequence[Estimate]) -> list[str]:
    """Why estimates are not validated, without a full stop."""
    return [_led(estimates, said) for said in _by_text(estimates, "unvalidated")]


def notes(estimates: Sequence[Estimate]) -> list[str]:
    """What surprises people."""
    return [_led(estimates, said) for said in _by_text(estimates, "notes")]


def _default(estimates: Sequence[Estimate], name: str) -> str:
    values = [(_value(one.assumptions["defaults"][name]), one.technique) for one in estimates
              if name in one.assumptions["defaults"]]  # fmt: skip
    return _joined(values) if len(values) == len(estimates) else _joined(values, always=True)


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _joined(values: Sequence[tuple[str, str]], *, always: bool = False) -> str:
    """One value as it is; several, or with `always`, each with its techniques."""
    groups: dict[str, list[str]] = {}
    for text, technique in values:
        groups.setdefault(text, []).append(technique)
    if len(groups) == 1 and not always:
        return next(iter(groups))
    return ", ".join(f"{text} ({', '.join(techniques)})" for text, techniques in groups.items())


def _by_text(estimates: Sequence[Estimate], name: str) -> list[Said]:
    groups: dict[str, list[str]] = {}
    for one in estimates:
        for text in one.assumptions[name]:
            groups.setdefault(text, []).append(one.technique)
    return list(groups.items())


def _led(estimates: Sequence[Estimate], said: Said) -> str:
    text, techniques = said
    return text if len(techniques) == len(estimates) else f"{', '.join(techniques)}: {text}"
