"""tunegate export: the ONNX files of a finished run again, in other precisions or for another provider."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from service.cli.output import emit, output_options, pretty_json
from service.cli.train import manifest_text, say_progress
from service.data import rule_files
from service.errors import ErrorItem, TuneGateError, suggestion
from service.settings import load_settings
from trainers.contract import ONNX_PRECISIONS, Outputs

PRECISIONS = ("fp32", "fp16", "int8", "int4")


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path), metavar="DIR")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT", help="The new artifact.")
@click.option(
    "--precision", "precisions", multiple=True, metavar="P",
    help="fp32, fp16, int8, int4 (repeatable).  [default: fp32; fp16 for dml]",
)  # fmt: skip
@click.option("--provider", default="cpu", show_default=True, metavar="P", help="cpu, cuda or dml.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the model's folder brings.")
@click.option("--model", metavar="M", help="Where the base model lies now; default: where the plan says.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="The run's validation or training rows.")
@output_options()
def command(
    run: Path,
    out: Path,
    precisions: tuple[str, ...],
    provider: str,
    model: str | None,
    data: Path | None,
    format_: str,
    output: Path | None,
    *,
    trust_remote_code: bool,
    no_input: bool,
) -> int:
    """Merge and export a finished run again, prove it, print the manifest; exit 1 if a precision had to be left out."""
    del no_input
    from service.verbs.export import ExportRequest, export

    request = ExportRequest(outputs=_outputs(precisions, provider), model=model, data=data)
    settings = msgspec.structs.replace(load_settings(), trust_remote_code=trust_remote_code)
    manifest = export(run, out, request, rules=rule_files(settings.rules), settings=settings, report=say_progress)
    emit(pretty_json(manifest) if format_ == "json" else manifest_text(manifest, out), output)
    return 1 if manifest.onnx_left_out else 0


def _outputs(precisions: tuple[str, ...], provider: str) -> Outputs:
    """The typed outputs; every unusable name is reported at once."""
    errors = [
        ErrorItem("--precision", seen, ", ".join(PRECISIONS), suggestion(seen, PRECISIONS) or None)
        for seen in precisions
        if seen not in PRECISIONS
    ]
    if provider not in ONNX_PRECISIONS:
        errors.append(ErrorItem("--provider", provider, ", ".join(ONNX_PRECISIONS)))
    if errors:
        raise TuneGateError("usage", f"{len(errors)} option(s) cannot be used.", errors=errors)
    # a provider without fp32 has its most exact precision first
    wanted = list(dict.fromkeys(precisions)) or [ONNX_PRECISIONS[provider][0]]
    return msgspec.convert({"onnx": wanted, "provider": provider}, Outputs)
