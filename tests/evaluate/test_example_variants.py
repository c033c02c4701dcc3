"""The example variants that retrieve work as they stand, with addresses of this machine put in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write
from scripted_retrieval import PASSAGES, desk, evaluate, library

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "library-desk" / "variants"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.toml"))
Model = Callable[..., str]


def served(body: dict[str, Any], number: int) -> Said:
    if "search" in body:
        return Said(raw=json.dumps({"value": [{body["select"]: text} for text in PASSAGES.values()]}).encode())
    return library(body, number)


def test_there_is_one_for_each_service() -> None:
    assert EXAMPLES == ["embeddings.toml", "search-index.toml"]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("with_what_is_commented", [False, True])
def test_an_example_is_evaluated(
    write: Write,
    model: Model,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    *,
    with_what_is_commented: bool,
) -> None:
    desk(write)
    for variable in ("EMBEDDINGS_KEY", "SEARCH_KEY"):
        monkeypatch.setenv(variable, "s3cret")
    text = (FOLDER / name).read_text()
    if with_what_is_commented:
        keys = "semantic_configuration|vector_field|filter|question_prefix|passage_prefix|endpoint|name|api_key_env"
        text = re.sub(rf"^# ((?:{keys}) = |\[)", r"\1", text, flags=re.MULTILINE)
    with Endpoint(served) as endpoint:
        write(name, re.sub(r'"https://[^"]*"', json.dumps(endpoint.url), text))
        # an index takes no documents, and is not hindered by them
        arguments = ["--model", model(endpoint.url), "--variant", name, "--documents", "docs"]
        code, record, said = evaluate(capsys, *arguments)
    assert (code, record and record["cells"][0]["answered"]) == (0, 3), said
    assert (record["documents"] is None) == (name == "search-index.toml")
