"""The repository's own small model as the endpoint that writes rows: it follows no form, and the record says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from service.cli.app import run

if TYPE_CHECKING:
    from conftest import Service

# as short as the model's context takes
ASKED = """
system = "The quokka."
reply = "?"
[[template]]
id = "SYT-110"
of = "personas"
type = "question"
ask = "What about {topic}? {persona}"
source = "the test"
read_on = "2026-11-22"
"""


def test_a_model_that_follows_no_form_gives_no_rows(
    service: Service, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "synth-templates.toml").write_text(ASKED)
    (tmp_path / "grid.toml").write_text('topics = ["the quokka"]\n[dimensions]\nplace = ["here", "there"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEGATE_RULES", "rules")
    code = run(
        ["synth", "personas", "--grid", "grid.toml", "--endpoint", f"{service.url}/v1/jobs/{service.job}",
         "--model", "fp32", "--target", "local", "--rows", "2", "--budget-requests", "9", "--max-new-tokens", "6",
         "-o", "out.jsonl", "--format", "json"]
    )  # fmt: skip
    said = capsys.readouterr()
    assert code == 1, said.err
    record = json.loads(said.out)
    assert (record["verdict"], record["output"], record["failed"]) == ("fail", None, {})
    assert record["rejected"].keys() <= {"SYN-010", "SYN-020", "SYN-050"}
    assert sum(record["rejected"].values()) == record["spent"]["requests"] == 4
    assert 0 < record["spent"]["tokens"] < 500
