"""tunegate plan: packing, over-long rows and a supplied chat template are in the plan, in its id and on the screen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with a tokenizer that has no chat template."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    return folder


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "chat.jinja"
    path.write_text(TEMPLATE)
    return path


def plan(capsys: Capture, model: Path, *options: str, format_: str = "json") -> tuple[int, Any, str]:
    arguments = ["--model", str(model), "--data", str(DESK / "train.jsonl"), "--technique", "lora"]
    arguments += ["--validation", str(DESK / "validation.jsonl")]
    code = run(["plan", *arguments, *options, "--format", format_])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out and format_ == "json" else captured.out, captured.err


def test_the_choices_are_in_the_plan_and_make_another_plan(model: Path, template: Path, capsys: Capture) -> None:
    given = ("--chat-template", str(template))
    chosen = plan(capsys, model, *given, "--packing", "--overlong", "cut", "--max-tokens", "64")[1]
    values = chosen["hyperparameters"]
    assert (values["packing"], values["overlong"], values["max_tokens"]) == (True, "cut", 64)
    assert chosen["chat_template"] == {"sha256": hashlib.sha256(TEMPLATE.encode()).hexdigest(), "text": TEMPLATE}
    plain = plan(capsys, model, *given)[1]
    assert (plain["hyperparameters"]["packing"], plain["hyperparameters"]["overlong"]) == (False, "refuse")
    assert plain["id"] != chosen["id"]


def test_the_screen_says_them(model: Path, template: Path, capsys: Capture) -> None:
    options = ("--chat-template", str(template), "--packing", "--overlong", "drop")
    shown = plan(capsys, model, *options, format_="text")[1]
    assert "rows up to the model's context, longer ones: drop, packed" in shown
    assert f"chat template {hashlib.sha256(TEMPLATE.encode()).hexdigest()[:12]} in place of the model's own" in shown


def test_a_tokenizer_without_a_template_is_refused_with_the_remedy(model: Path, capsys: Capture) -> None:
    code, _, error = plan(capsys, model)
    assert code == 2
    assert "no chat template" in error
    assert "--chat-template FILE" in error


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% for m in %}", "does not compile"),
        ("{{ messages[0]['role'] }}", "refuses or drops a plain question and answer"),
        (" ", "an empty text"),
    ],
)
def test_a_template_that_renders_no_answer_is_refused(
    model: Path, template: Path, capsys: Capture, text: str, why: str
) -> None:
    template.write_text(text)
    code, _, error = plan(capsys, model, "--chat-template", str(template))
    assert code == 2
    assert why in error


def test_a_template_that_cannot_be_read_is_said_with_its_path(model: Path, tmp_path: Path, capsys: Capture) -> None:
    code, _, error = plan(capsys, model, "--chat-template", str(tmp_path / "none.jinja"))
    assert code == 2
    assert "none.jinja" in error
