"""What the demo makes and shows: the base model, decisions, findings, estimates, answers side by side."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from service.cli.output import say
from service.cli.train import manifest_text
from service.data import folder
from service.errors import TuneGateError

_SHOWN_FINDINGS = 12
_WIDTH = 60
_ANSWER_TOKENS = 160


def example_folder(name: str) -> Path:
    """A folder of the shipped examples."""
    return Path(str(folder("examples"))) / name


def base_model(out: Path) -> Path:
    """The small base model, made once per version of its script (tokenizer and pre-training, under two minutes)."""
    example = example_folder("library-desk")
    made_from = [example / name for name in ("make_base_model.py", "make_dataset.py", "topics.toml")]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()[:12]
    model = out / "base-model" / version
    if not model.is_dir():
        click.echo("\nThe base model is made first (once): a tokenizer, then a short pre-training", err=True)
        script = made_from[0]
        done = subprocess.run([sys.executable, str(script), str(model)], check=False)
        if done.returncode:
            raise TuneGateError("environment", f"{script.name} ended with {done.returncode}.")
    return model


def show_decision(decision: dict[str, Any]) -> None:
    """The answer and its reasons, or what is still to be asked."""
    if decision["answer"] is None:
        say(f"  no answer yet; {len(decision['unknown'])} facts are missing:")
        for unknown in decision["unknown"]:
            say(f"    {unknown['fact']}: {unknown['ask']}")
        return
    answer = {name: value for name, value in decision["answer"].items() if value}
    say("  " + ", ".join(f"{name} = {value}" for name, value in answer.items()))
    for because in decision["because"]:
        say(f"    because {because['rule']}: {because['why']} [{', '.join(because['cite'])}]")
    for change in decision["would_change"][:4]:
        say(f"    {change['fact']} = {change['nearest']} would change it ({change['rule']})")
    for caution in decision["cautions"]:
        say(f"    caution {caution['rule']}: {caution['text']}")


def show_findings(name: str, stored: dict[str, Any]) -> None:
    """The verdict of a dataset, and where and how it fails."""
    report = stored["report"]
    summary = report["summary"]
    say(
        f"  {name}.jsonl: verdict {report['verdict']}, {stored['rows']} rows, "
        f"{summary['errors']} errors, {summary['warnings']} warnings"
    )
    errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
    for finding in errors[:_SHOWN_FINDINGS]:
        say(f"    {finding['rule']} line {finding['line']} {finding['pointer'] or ''}: {finding['message']}")
    if len(errors) > _SHOWN_FINDINGS:
        say(f"    and {len(errors) - _SHOWN_FINDINGS} more")
    if errors:
        say(f"    remedy: tunegate explain {errors[-1]['rule']} (and so on) says how to mend it")


def show_estimates(title: str, answer: dict[str, Any]) -> list[str]:
    """A line per technique; returns the ids."""
    estimates = answer.get("estimates", [answer])
    say(f"  {title}:")
    for estimate in estimates:
        peak, fit = estimate["peak"], estimate["fits"][0]
        say(
            f"    {estimate['technique']:<8} {peak['total_p50_gib']:7.2f} to {peak['total_p90_gib']:.2f} GiB "
            f"(peak in {estimate['phase']}): {fit['verdict']}, headroom {fit['headroom_gib']:.1f} GiB"
        )
    return [estimate["id"] for estimate in estimates]


def show_manifest(artifact: Path) -> None:
    """Check every hash of the downloaded artifact, then say what it holds."""
    from service.verbs.artifact import verify

    say("  " + manifest_text(verify(artifact), artifact).replace("\n", "\n  "))


def show_answers(model: Path, artifact: Path) -> None:
    """A held-out prompt, answered by the untuned model and by the artifact."""
    prompt = json.loads((example_folder("library-desk") / "heldout.json").read_text())
    system, question = (message["content"] for message in prompt["messages"])
    say(f"\nA prompt neither of them has seen: {question!r}")
    before, _ = _answer(model, system, question)
    after, engine = _answer(artifact, system, question)
    say(f"  {'before (base model, PyTorch)':<{_WIDTH}}   after (artifact, {engine})")
    for left, right in _side_by_side(before, after):
        say(f"  {left:<{_WIDTH}} | {right}")


def _answer(model: Path, system: str, question: str) -> tuple[str, str]:
    """The answer, and the engine that gave it."""
    from service.verbs.converse import Manner, talking

    with talking(model, Manner(max_tokens=_ANSWER_TOKENS), system=system) as talk:
        return "".join(talk.ask(question)), talk.model.engine


def _side_by_side(left: str, right: str) -> list[tuple[str, str]]:
    columns = [_wrapped(left), _wrapped(right)]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return list(zip(*padded, strict=True))


def _wrapped(text: str) -> list[str]:
    import textwrap

    return [part for line in text.splitlines() for part in textwrap.wrap(line, _WIDTH) or [""]]
