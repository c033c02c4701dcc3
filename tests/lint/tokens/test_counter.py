"""The door: which counter a target has, why it has none, and what a missing one says."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.errors import TuneGateError
from service.lint.tokens.counter import TokenCounter, counter_for

WITHOUT = """
import sys
for name in sys.argv[1].split():
    sys.modules[name] = None  # as if it were not installed
from service.errors import TuneGateError
from service.lint.tokens.counter import counter_for
for mode in ("auto", "exact"):
    try:
        counter, why = counter_for(target="openai", model=sys.argv[2], model_folder=None, mode=mode)
        print(counter and (counter.name, counter.count(["It's plain.", "a<|endoftext|>"])), why)
    except TuneGateError as error:
        print(error.code, error.exit_code, error.remedy)
"""


def counter(target: str = "openai", model: str | None = None, folder: Path | None = None) -> TokenCounter:
    found, why = counter_for(target=target, model=model, model_folder=folder, mode="exact")
    assert found is not None
    assert why is None
    return found


def without(modules: str, model: str = "gpt-4o", cache: Path | None = None) -> list[str]:
    environment = {"PYTHONPATH": ":".join(sys.path), "TIKTOKEN_CACHE_DIR": str(cache or "")}
    command = [sys.executable, "-c", WITHOUT, modules, model]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("target", ["openai", "azure-openai"])
def test_without_a_model_the_default_encoding_counts_and_says_so(target: str) -> None:
    found = counter(target)
    assert found.name == "o200k_base"
    assert "no model is named" in (found.note or "")
    assert found.count(["Hello, world!", ""]) == [4, 0]


def test_a_named_model_needs_no_remark() -> None:
    found = counter(model="gpt-35-turbo")
    assert (found.name, found.note) == ("cl100k_base", None)


def test_a_counter_travels_to_another_process() -> None:
    found = counter()
    assert pickle.loads(pickle.dumps(found)).count(["a b"]) == found.count(["a b"])


def test_switched_off_there_is_none() -> None:
    assert counter_for(target="openai", model=None, model_folder=None, mode="off")[0] is None


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"target": "openai", "model": "our-deployment"}, "not one of OpenAI's"),
        ({"target": "openai", "model": "gpt2"}, "No engine counts in gpt2"),
        ({"target": "local", "model": None}, "no model folder is named"),
        ({"target": "trl", "model": "phi-3-mini-4k"}, "no model folder is named"),
    ],
)
def test_where_nothing_can_count_auto_says_why_and_exact_refuses(asked: dict[str, Any], reason: str) -> None:
    found, why = counter_for(**asked, model_folder=None, mode="auto")
    assert found is None
    assert reason in (why or "")
    with pytest.raises(TuneGateError) as refused:
        counter_for(**asked, model_folder=None, mode="exact")
    assert (refused.value.code, refused.value.exit_code) == ("missing_encoder", 3)
    assert "--tokens auto" in refused.value.remedy


def test_a_folder_without_a_tokenizer_counts_nothing(tmp_path: Path) -> None:
    with pytest.raises(TuneGateError, match=r"holds no tokenizer\.json") as refused:
        counter("local", folder=tmp_path)
    assert refused.value.exit_code == 3


def test_a_broken_tokenizer_is_unusable_input(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TuneGateError) as refused:
        counter("local", folder=tmp_path)
    assert (refused.value.code, refused.value.exit_code) == ("unreadable_model", 2)
    assert counter_for(target="local", model=None, model_folder=tmp_path, mode="auto")[0] is None


def test_what_counted_does_not_show(ranks: Path) -> None:
    assert without("toktok", cache=ranks) == without("tiktoken", cache=ranks) == without("none", cache=ranks)


def test_without_any_engine_exact_says_what_to_install_and_where_ranks_go(ranks: Path) -> None:
    auto, exact = without("toktok tiktoken", cache=ranks)
    assert auto == "None Nothing installed here counts in o200k_base"
    assert exact.startswith("missing_encoder 3 pip install toktok-rs")
    assert "fb374d419588a4632f3f557e76b4b70aebbca790" in exact


def test_without_ranks_nothing_is_downloaded() -> None:
    assert without("toktok requests")[0] == "None Nothing installed here counts in o200k_base"
