"""A plan that goes on from an earlier run: what it takes over, and what must not differ."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem
from service.launch.combinations import LORA_FAMILY
from service.launch.peft_methods import method_of
from service.launch.request import PlanChoices
from service.records.decision import Decision
from trainers.contract import Adapter, Choice, StartsFrom, TrainPlan

_ADAPTER, _PEFT = "hyperparameters.adapter", "hyperparameters.peft"
# of an adapter's settings, these shape it; the others say how it is trained
_SHAPE = ("r", "alpha", "targets", "rslora", "init")
_FROM_BASE = ("pissa", "olora")


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier run left: its plan, the files' own account of the adapter, the template it was trained on.

    `model` is what the new plan trains: the reference of the same base, or the tuned model's folder.
    """

    plan: TrainPlan
    manifest: str
    kind: Literal["adapter", "model"]
    path: str
    model: str
    base_model: str
    job: str | None = None
    adapter_config: dict[str, Any] = {}
    template: str | None = None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The choices with everything that the earlier run decides, and what was asked for against it.

    `fingerprint` is of the base that the earlier adapter belongs to; null where the tuned model is the base.
    """

    choices: PlanChoices
    starts_from: StartsFrom
    fingerprint: str | None
    made: list[Choice]
    errors: list[ErrorItem]


def go_on(choices: PlanChoices, left: Left, decision: Decision | None, *, rules: RuleFiles) -> Start:
    """Fill the choices from what the run left; everything that differs from it is among the errors."""
    values, technique = choices.hyperparameters, left.plan.technique
    taken = _Taken(left)
    taken.technique(choices, decision)
    adapter, peft = values.adapter, values.peft
    if technique in LORA_FAMILY:
        adapter = taken.adapter(adapter)
    elif technique == "peft":
        peft = taken.peft(peft, rules)
    filled = msgspec.structs.replace(
        choices,
        model=taken.model(choices.model),
        technique=technique,
        hyperparameters=msgspec.structs.replace(values, adapter=adapter, peft=peft),
        chat_template=taken.template(choices.chat_template),
    )
    start = StartsFrom(manifest=left.manifest, kind=left.kind, base_model=left.base_model, path=left.path, job=left.job)
    return Start(
        choices=filled,
        starts_from=start,
        fingerprint=left.plan.model_fingerprint if left.kind == "adapter" else None,
        made=taken.made,
        errors=taken.errors,
    )


def shape_left(left: Left) -> Adapter:
    """The adapter as the run saved it: one that began in the base's directions is a plain LoRA of twice the rank."""
    was, config = left.plan.hyperparameters.adapter or Adapter(), left.adapter_config
    alpha = config.get("lora_alpha", was.alpha)
    return msgspec.structs.replace(
        was,
        r=config.get("r", was.r),
        alpha=int(alpha) if float(alpha).is_integer() else alpha,
        rslora=bool(config.get("use_rslora", was.rslora)),
        init="default",
    )


class _Taken:
    """Takes what nobody asked for out of the run, and notes it; what was asked for and differs is an error."""

    def __init__(self, left: Left) -> None:
        self._left = left
        self._run = f"the run that it starts from (manifest {left.manifest[:12]})"
        self.made: list[Choice] = []
        self.errors: list[ErrorItem] = []

    def technique(self, choices: PlanChoices, decision: Decision | None) -> None:
        own = self._left.plan.technique
        decided = decision.answer.technique if decision and decision.answer else None
        asked = choices.technique or decided
        if asked is None:
            self.made.append(Choice("technique", own, f"as {self._run}"))
        elif asked != own:
            who = "" if choices.technique else " (by the decision)"
            why = f"What {self._run} left cannot be trained on by another technique. Leave --from out to begin anew."
            self.errors.append(ErrorItem("technique", f"{asked}{who}", own, why))

    def model(self, asked: str) -> str:
        if not asked:
            why = f"what {self._run} tuned" if self._left.kind == "adapter" else f"what {self._run} left"
            self.made.append(Choice("model", self._left.base_model, why))
        return asked if asked and self._left.kind == "adapter" else self._left.model

    def adapter(self, asked: Adapter | None) -> Adapter:
        own = shape_left(self._left)
        if asked is None:
            self.made.append(Choice("adapter", f"r {own.r}, alpha {own.alpha:g}, {own.targets}", self._as_saved()))
            return own
        for name in _SHAPE:
            seen, allowed = getattr(asked, name), getattr(own, name)
            if seen != allowed:
                self.errors.append(self._other(f"{_ADAPTER}.{name}", seen, allowed))
        return msgspec.structs.replace(own, dropout=asked.dropout, loraplus_ratio=asked.loraplus_ratio)

    def peft(self, asked: dict[str, Any] | None, rules: RuleFiles) -> dict[str, Any]:
        own, config = dict(self._left.plan.hyperparameters.peft or {}), self._left.adapter_config
        name, method = str(own.get("peft_type")), method_of(own, rules)
        if why := _not_trained_on(own, fields=method.fields if method else []):
            self.errors.append(ErrorItem("starts_from", f"an adapter of {name}", "lora, IA3, OFT, VERA ...", why))
        if str(own.get("init_lora_weights")).lower().startswith(_FROM_BASE):
            own |= {"r": config.get("r"), "lora_alpha": config.get("lora_alpha"), "init_lora_weights": True}
        if asked is None:
            self.made.append(Choice("peft", name, self._as_saved()))
        for field, seen in (asked or {}).items():
            allowed = config.get(field) if field in config else own.get(field)
            if _sorted(seen) != _sorted(allowed) and field != "task_type":
                self.errors.append(self._other(f"{_PEFT}.{field[:60]}", seen, allowed))
        return own

    def template(self, asked: str | None) -> str | None:
        kept = self._left.template
        if asked is None and kept is not None:
            self.made.append(Choice("chat_template", _short_hash(kept), f"that {self._run} was trained on"))
        elif asked is not None and kept is not None and asked != kept:
            why = f"given, in place of {_short_hash(kept)} that {self._run} was trained on"
            self.made.append(Choice("chat_template", _short_hash(asked), why))
        return kept if asked is None else asked

    def _as_saved(self) -> str:
        plan = self._left.plan
        began: list[str] = [(plan.hyperparameters.adapter or Adapter()).init]
        began.append(str((plan.hyperparameters.peft or {}).get("init_lora_weights")).lower())
        doubled = any(one.startswith(_FROM_BASE) for one in began)
        return f"as {self._run}{' saved it: a plain LoRA of twice the rank' if doubled else ''}"

    def _other(self, where: str, seen: object, allowed: object) -> ErrorItem:
        why = f"The adapter of {self._run} has this shape. Leave the setting out, or begin anew without --from."
        return ErrorItem(where, str(seen)[:60], str(allowed)[:200], why)


def _not_trained_on(peft: dict[str, Any], *, fields: list[str]) -> str | None:
    """Why a saved adapter of this method is no start, or None."""
    if "num_virtual_tokens" in fields:
        return "Of virtual tokens only what they give out is saved, which peft does not train on."
    if peft.get("peft_type") == "ADALORA":
        return "AdaLoRA is saved with its ranks already given out; it begins anew with each run."
    if str(peft.get("init_lora_weights")).lower() == "loftq":
        return "LoftQ changes the base that its adapter belongs to."
    return None


def _sorted(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list) else value


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
