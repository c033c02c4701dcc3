"""tunegate train: a plan, or data and model, to a verified ONNX artifact on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.files import read_record
from service.cli.output import emit, output_options, pretty_json, say
from service.cli.plan_options import choices_from, evaluation_from, plan_options, require_data, settings_from
from service.cli.plan_text import plan_text
from service.cli.sweep import asked_to_sweep, sweep_command, sweep_options
from service.data import rule_files
from service.errors import TuneGateError
from service.records.decision import Decision
from service.records.manifest import Comparison, Manifest, Parity
from service.settings import load_settings
from trainers.contract import Progress, TrainPlan

if TYPE_CHECKING:
    from service.verbs.plan import PlanBundle


_FOUND = {
    "unfinished": "holds an unfinished run of this plan: it goes on where that one stopped",
    "finished": "holds the finished run of this plan: it is verified, nothing is repeated",
}


@click.command("train")
@click.argument("plan", type=click.Path(path_type=Path), required=False, metavar="[PLAN.json]")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The run folder.")
@sweep_options
@plan_options
@output_options()
def command(plan: Path | None, out: Path, format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Run the whole pipeline here and print the manifest; on the folder of a stopped or killed run, go on with it.

    Exit 1, with the artifact complete in DIR, when the tuned model is not shown to be better than the one before.

    With --sweep, do so once per combination of values and print the comparison: DIR/trials holds a run folder for
    each, DIR/best the best of them exported, DIR/sweep.json the record. All trials have the same seed. The first one
    is nearest to our defaults, each further one farthest from those before it, so that a small --budget still covers
    the range. The same command on the same DIR goes on: finished trials are kept, the one under way resumes, and a
    failed one is not tried again unless its folder is removed. Exit 1 when the best one's gate failed.
    """
    del no_input
    from service.verbs.train import found_in, train

    if asked_to_sweep(options, plan):
        return sweep_command(options, out, format_=format_, output=output, report=say_progress)
    bundle = _from_plan(plan, trusted=options["trust_remote_code"]) if plan else _from_options(options)
    say(plan_text(bundle.plan))
    if said := _FOUND.get(found_in(out, bundle.plan.id)):
        say(f"{out} {said}")
    manifest = train(bundle, out, report=say_progress)
    emit(pretty_json(manifest) if format_ == "json" else manifest_text(manifest, out), output)
    held = manifest.evaluation.comparison
    if held is None or held.gate != "failed":
        return 0
    say(f"GATE FAILED: {held.why} The artifact is in {out}, but it is not shown to be worth deploying.")
    return 1


def say_progress(record: Progress) -> None:
    """One line per progress record, on stderr."""
    line = progress_line(record.event, {"phase": record.phase, "message": record.message} | _numbers(record))
    if line:
        say(line)


def progress_line(event: str, data: dict[str, Any]) -> str:
    """The line a person reads for one progress record or job event."""
    if event in {"phase", "state"}:
        return f"== {data.get('phase') or data.get('state')}"
    if event == "step":
        total = data.get("total")
        return f"   step {data.get('step')}{f'/{total}' if total else ''}  loss {data.get('loss') or 0:.4f}"
    return f"   {data['message']}" if data.get("message") else ""


def manifest_text(manifest: Manifest, out: Path) -> str:
    """What came out: the ONNX files with their parity, the evaluation, the chain."""
    lines = [f"artifact {manifest.id[:12]} in {out}: {len(manifest.files)} files, all hashes verified"]
    for model in manifest.onnx:
        parity = model.parity
        lines.append(
            f"  {model.path} ({model.route}): logits differ by {parity.max_abs_logit_diff:.2g} from PyTorch, "
            f"{_equal(parity)}"
        )
        if model.quality is not None:
            increase = round(model.quality.loss_increase, 4) + 0.0  # never -0.0000
            f1 = "" if model.quality.f1 is None else f", F1 {model.quality.f1:.4f} ({model.quality.reference_f1:.4f})"
            lines.append(f"    loss {model.quality.loss:.4f} ({increase:+.4f} against PyTorch){f1}")
        if model.latency is not None:
            speed = model.latency
            lines.append(f"    {speed.tokens_per_second:g} tokens/s on one thread, {speed.times_torch:g} x PyTorch")
        if not model.verified:
            lines.append(f"    built for {model.provider}, not verified there: proven on {model.proven_on}")
    for left in manifest.onnx_left_out:
        lines.append(f"  LEFT OUT {left.precision}: {left.why}")
        if left.next:
            lines.append(f"    the next precision is {left.next}")
    before, after = manifest.evaluation.before, manifest.evaluation.after
    if before and after:
        for name, value in _measures(before).items():
            lines.append(f"  {name}: {_short(value)} before, {_short(_measures(after).get(name))} after")
    lines += _gate_text(manifest.evaluation.comparison)
    chain = {"decision": manifest.chain.decision, "lint report": manifest.chain.lint_report,
             "estimate": manifest.chain.estimate, "plan": manifest.chain.plan, "job": manifest.chain.job,
             "earlier run": manifest.chain.starts_from,
             "evaluation": manifest.chain.evaluation}  # fmt: skip
    chain |= {f"synthesis {n}": one for n, one in enumerate(manifest.chain.synth, 1)}
    lines.append("  rests on " + ", ".join(f"{name} {value[:12]}" for name, value in chain.items() if value))
    return "\n".join(lines)


def _gate_text(held: Comparison | None) -> list[str]:
    if held is None:
        return []
    rows = [
        f"    {one.measure}: {one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}] on {one.rows} rows: {one.verdict}"
        for one in held.differences
    ]
    return [f"  gate {held.gate or 'open'}: {held.why}", *rows]


def _equal(parity: Parity) -> str:
    if parity.predictions_compared is not None:
        return f"{parity.predictions_equal} of {parity.predictions_compared} predictions equal"
    return f"{parity.greedy_tokens_equal} of {parity.greedy_tokens_compared} greedy tokens equal"


def _measures(evaluation: dict[str, Any]) -> dict[str, Any]:
    names = (
        "rows", "validation_loss", "perplexity", "token_accuracy", "reward_accuracy", "reward_margin",
        "log_prob_accuracy", "preferred_log_prob", "exact_match", "accuracy", "macro_f1", "entity_f1",
        "majority_accuracy", "majority_macro_f1",
    )  # fmt: skip
    metrics: dict[str, Any] = evaluation.get("metrics", {})
    checks = {f"check {name}" if name in metrics else name: one for name, one in evaluation.get("checks", {}).items()}
    return {name: evaluation[name] for name in names if name in evaluation} | metrics | checks


def _short(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _numbers(record: Progress) -> dict[str, Any]:
    return {"step": record.step, "total": record.total, "loss": record.loss}


def _from_plan(path: Path, *, trusted: bool) -> PlanBundle:
    from service.verbs.plan import reopen_plan

    settings, found = load_settings(), read_record(path, TrainPlan)
    if found.trust_remote_code != trusted:
        said = "runs code that its model brings" if found.trust_remote_code else "runs no code of its model"
        how = "Read that code, then give" if found.trust_remote_code else "Leave out"
        raise TuneGateError("usage", f"{path}: the plan {said}.", remedy=f"{how} --trust-remote-code.")
    return reopen_plan(found, rules=rule_files(settings.rules), settings=settings)


def _from_options(options: dict[str, Any]) -> PlanBundle:
    from service.verbs.plan import plan_from_files

    require_data(options, "Give a PLAN.json, or: ")
    settings = settings_from(options)
    return plan_from_files(
        choices_from(options),
        data=options["data"],
        validation=options["validation"],
        decision=read_record(options["decision"], Decision) if options["decision"] else None,
        evaluation=evaluation_from(options),
        rules=rule_files(settings.rules),
        settings=settings,
    )
