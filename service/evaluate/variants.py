"""Variants: how a model is asked. One small TOML file each, read strictly and all together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, suggestion
from service.evaluate.given import Given, read_toml
from service.evaluate.models import Model
from service.evaluate.retrieval_settings import Retrieval, read_retrieval
from service.evaluate.templates import NODE_NAMES, check_template, placeholders
from service.records.identity import digest

TUNED = "tuned"
KINDS = ("zero-shot", "few-shot", "rag", "flow", TUNED)
SAMPLE_TEMPERATURE = 0.7
_ID = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_MOST_SAMPLES = 100
_MOST_TOKENS = 1 << 20


class Example(msgspec.Struct, frozen=True):
    """What was asked and what is the right answer."""

    user: str
    assistant: str


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt of a flow; `prompt` names {{input}}, {{passages}} and earlier nodes, `expected` a path in the row."""

    id: str
    prompt: str
    system: str | None = None
    expected: str | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """`system` null leaves the rows' own; `models` are those that it is asked of, none for all.

    `kind` is one of KINDS, or several of them joined by "+".
    """

    id: str
    kind: str
    system: str | None = None
    examples: list[Example] = []
    examples_file: str | None = None
    shots: int = 0
    retrieval: Retrieval | None = None
    nodes: list[Node] = []
    models: list[str] = []
    samples: int = 0
    perturbations: int = 0
    temperature: float = 0.0
    sample_temperature: float = SAMPLE_TEMPERATURE
    max_new_tokens: int = 512

    def described(self) -> dict[str, Any]:
        """As the record names it: without its texts, which stand in the hash."""
        found = self.retrieval
        hashed = self if found is None else {**msgspec.structs.asdict(self), "retrieval": found.content()}
        by_services = {} if found is None or not found.services else {"retrieval": found.described()}
        return {
            "id": self.id,
            "kind": self.kind,
            "sha256": digest(hashed),
            "shots": len(self.examples),
            "nodes": [node.id for node in self.nodes],
            "samples": self.samples,
            "perturbations": self.perturbations,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            **by_services,
        }


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says for variants whose file says nothing."""

    samples: int = 0
    perturbations: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 512


def read_variants(paths: Sequence[Path], defaults: Defaults, errors: list[ErrorItem]) -> list[Variant]:
    """The variants of the files, in their order; whatever is wrong in any of them is noted in `errors`."""
    found = []
    for path in paths:
        given = read_toml(path, errors)
        if given is not None:
            variant = variant_of(given, path.stem, defaults, partial(_beside, path))
            if variant is not None:
                found.append(variant)
    return found


def check_together(variants: Sequence[Variant], models: Sequence[str], errors: list[ErrorItem]) -> None:
    """Ids that are used twice, models that are none, and nodes of one id that should give different things."""
    seen: set[str] = set()
    paths: dict[str, str | None] = {}
    for variant in variants:
        if variant.id in seen:
            errors.append(ErrorItem(f"variant {variant.id}", "two of this id", "ids that differ"))
        seen.add(variant.id)
        for name in variant.models:
            if name not in models:
                hint = suggestion(name, models)
                place = f"variant {variant.id}: models"
                errors.append(ErrorItem(place, name, ", ".join(models) or "no model is given", hint or None))
        for node in variant.nodes:
            if paths.setdefault(node.id, node.expected) != node.expected:
                place = f"variant {variant.id}: node {node.id}"
                errors.append(ErrorItem(place, "another `expected` than in another variant", "the same, or another id"))


def node_paths(variants: Sequence[Variant]) -> dict[str, str]:
    """Node id -> the path in a row of what it should give."""
    nodes = [node for variant in variants for node in variant.nodes]
    return {node.id: node.expected for node in nodes if node.expected is not None}


def services_of(variants: Sequence[Variant]) -> list[Model]:
    """Every address that the variants' retrieval asks."""
    return [model for one in variants if one.retrieval is not None for _, model in one.retrieval.services]


def _beside(path: Path, file: str) -> str:
    return str(path.parent / file)


def variant_of(given: Given, name: str, defaults: Defaults, place: Callable[[str], str]) -> Variant | None:
    """The variant of a table, called `name` unless it has an id; `place` says where a file of examples lies.

    None, with what is wrong noted in the table's errors, where it is unusable.
    """
    before = len(given.errors)
    name = given.text("id", name) or name
    if not _ID.fullmatch(name):
        given.wrong("id", "another kind of name", "lower-case letters, digits, and - _ . between them")
    said = given.text("kind")
    examples = _examples(given)
    file = given.text("examples")
    made = Variant(
        id=name,
        kind="zero-shot",
        system=given.text("system"),
        examples=examples,
        examples_file=place(file) if file else None,
        shots=given.whole("shots", 3 if file else 0, least=1 if file else 0, most=_MOST_SAMPLES),
        retrieval=read_retrieval(given.inner("retrieval")),
        nodes=_nodes(given),
        models=given.texts("models"),
        samples=given.whole("samples", defaults.samples, least=0, most=_MOST_SAMPLES),
        perturbations=given.whole("perturbations", defaults.perturbations, least=0, most=_MOST_SAMPLES),
        temperature=given.number("temperature", defaults.temperature, least=0, most=2) or 0.0,
        sample_temperature=given.number("sample_temperature", SAMPLE_TEMPERATURE, least=0, most=2) or 0.0,
        max_new_tokens=given.whole("max_new_tokens", defaults.max_new_tokens, least=1, most=_MOST_TOKENS),
    )
    given.close()
    _check_parts(given, made)
    kind = _kind(made, said)
    if said is not None and said not in kind.split("+"):
        hint = suggestion(said, KINDS) if said not in KINDS else f"What it holds makes it {kind}."
        given.wrong("kind", said if said in KINDS else "another word", ", ".join(KINDS), hint or None)
    return msgspec.structs.replace(made, kind=kind) if len(given.errors) == before else None


def for_tuned_models(variants: Sequence[Variant], tuned: Collection[str], others: Collection[str]) -> list[Variant]:
    """The variants with those that are asked of tuned models as variants of their own: tuning is what they try."""
    found = []
    taken = {variant.id for variant in variants}
    for variant in variants:
        asked = set(variant.models or [*tuned, *others])
        plain, of_tuned = sorted(asked & set(others)), sorted(asked & set(tuned))
        if plain or not of_tuned:
            found.append(msgspec.structs.replace(variant, models=plain or variant.models))
        if of_tuned:
            kind = variant.kind if TUNED in variant.kind.split("+") else f"{TUNED}+{variant.kind}"
            name = _free(f"{variant.id}-{TUNED}", taken) if plain else variant.id
            taken.add(name)
            found.append(msgspec.structs.replace(variant, id=name, kind=kind, models=of_tuned))
    return found


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with the first number behind it that nobody has where somebody has it."""
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    return next(one for one in names if one not in taken)


def _kind(variant: Variant, said: str | None) -> str:
    """What a variant is by what it has; that the model was tuned for it must be said."""
    kinds = [TUNED] if said == TUNED else []
    kinds += ["flow"] if variant.nodes else []
    kinds += ["rag"] if variant.retrieval is not None else []
    kinds += ["few-shot"] if variant.examples or variant.examples_file else []
    return "+".join(kinds or ["zero-shot"])


def _check_parts(given: Given, variant: Variant) -> None:
    if variant.nodes and (variant.examples or variant.examples_file):
        given.wrong("node", "nodes and examples", "examples within a node's prompt")
    if variant.examples and variant.examples_file:
        given.wrong("examples", "a file and [[example]]", "one of the two")
    if variant.shots and not variant.examples_file:
        given.wrong("shots", "a number without a file", "shots with examples = FILE; every [[example]] is given")
    if variant.nodes and variant.retrieval is None and any("passages" in placeholders(n.prompt) for n in variant.nodes):
        given.wrong("node", "{{passages}} without [retrieval]", "a table [retrieval]")
    if variant.nodes and variant.system is not None:
        given.wrong("system", "a system message beside nodes", "system in each [[node]]")


def _examples(given: Given) -> list[Example]:
    found = []
    for one in given.tables("example"):
        user, assistant = one.text("user", asked=True), one.text("assistant", asked=True)
        one.close()
        if user is not None and assistant is not None:
            found.append(Example(user, assistant))
    return found


def _nodes(given: Given) -> list[Node]:
    found: list[Node] = []
    for one in given.tables("node"):
        name, prompt = one.text("id", asked=True), one.text("prompt", asked=True)
        system, expected = one.text("system"), one.text("expected")
        one.close()
        if name is None or prompt is None:
            continue
        if not _ID.fullmatch(name) or name in NODE_NAMES or name in {node.id for node in found}:
            allowed = f"lower-case letters, digits, and - _ . between them; not {', '.join(NODE_NAMES)}; each once"
            one.wrong("id", "a name that cannot be used", allowed)
        check_template(one, "prompt", prompt, (*NODE_NAMES, *(node.id for node in found)))
        found.append(Node(id=name, prompt=prompt, system=system, expected=expected))
    return found
