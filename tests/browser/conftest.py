"""A real browser without a network, and the pages of real runs.

The tests here are collected where a Chromium is installed, or named in TUNEGATE_TEST_BROWSER; .ci/run installs one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PROGRAM = os.environ.get("TUNEGATE_TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
collect_ignore_glob = [] if _PROGRAM else ["test_*.py"]

# what would change the page's title if any of it were run
OWNED = "document.title='owned'"
HOSTILE = f'<script>{OWNED}</script><img src=x onerror="{OWNED}"><b>bold</b>'
ANSWERED = {
    "eval.exists": "yes", "gap.kind": "behaviour", "tried.prompt": "yes", "tried.few_shot": "yes", "data.rows": "120",
    "answer.grounded": "no", "scenario": "chatbot", "compute.managed_by": "provider", "control.needed": "no",
    "artifact.needed": "hosted",
}  # fmt: skip


class Opened:
    """A page in the browser, with all that it asked for and complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def asks(self, script: str) -> Any:
        """What a script says of the page; `seen` is every element of the body that takes up room."""
        seen = "const seen = [...document.body.querySelectorAll('*')].filter(e => e.getClientRects().length);"
        return self.page.evaluate(f"() => {{ {seen} {script} }}")


# not for the session: while its driver lives, nothing else in this process can run an event loop
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=_PROGRAM)
        yield running
        running.close()


@pytest.fixture
def visit(chromium: Any) -> Callable[..., Any]:
    """Opens a file; with the context that it is opened in, for as long as the block runs."""

    @contextmanager
    def opened(path: Path, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> Iterator[Opened]:
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        found = Opened(context.new_page())
        found.page.emulate_media(media=media, color_scheme=scheme)
        found.page.goto(path.as_uri(), wait_until="networkidle")
        yield found
        context.close()

    return opened


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What tunegate writes with --format html, by name."""
    folder = tmp_path_factory.mktemp("pages")
    flawed = EXAMPLES / "library-desk" / "flawed.jsonl"
    (folder / f"<img src=x onerror={OWNED}> {'long_name_' * 12}.jsonl").write_text(flawed.read_text() + hostile_rows())
    hostile = next(folder.glob("<img*.jsonl"))
    facts = [part for name, value in ANSWERED.items() for part in ("--set", f"{name}={value}")]
    commands = {
        "lint": ["lint", str(flawed), "--target", "local", "--languages", "--near-duplicates"],
        "lint of hostile data": ["lint", hostile.name, "--target", "local", "--model", HOSTILE],
        "lint of clean data": ["lint", str(EXAMPLES / "library-desk" / "train.jsonl"), "--target", "local"],
        "estimate": ["estimate", "llama-3.1-8b"],
        "estimate of a named GPU": ["estimate", "llama-3.1-70b", "--gpu", "A100-80GB", "--gpu", "T4-16GB"],
        "estimate of a simulated step": [
            "estimate",
            hostile_model(folder),
            "--simulate",
            "--technique",
            "lora",
            "--seq-len",
            "128",
            "--gpu",
            "T4-16GB",
        ],
        "advise": ["advise", *facts],
        "advise without facts": ["advise", str(EXAMPLES / "scenarios" / "library-desk.toml"), "--no-input"],
        "advise in Tagalog": ["advise", *facts, "--lang", "tl"],
    }
    return {name: written(folder, name, command) for name, command in commands.items()}


def hostile_model(folder: Path) -> str:
    """A small model in a folder whose name would run, and which is long."""
    name = f"<img src=x onerror={OWNED}><b>bold {'long_name_' * 8}"
    config = {
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 1000,
    }  # fmt: skip
    (folder / name).mkdir()
    (folder / name / "config.json").write_text(json.dumps(config))
    return str(folder / name)


def hostile_rows() -> str:
    messages = [
        {"role": HOSTILE, "content": HOSTILE},
        {"role": "user", "content": HOSTILE, HOSTILE: 1},
        {"role": "assistant", "content": HOSTILE, "weight": HOSTILE, "name": HOSTILE},
    ]
    tools = [{"type": HOSTILE, "function": {"name": HOSTILE}}]
    return (json.dumps({"messages": messages, "tools": tools, HOSTILE: HOSTILE, "x" * 400: 1}) + "\n") * 3


def written(folder: Path, name: str, command: list[str]) -> Path:
    path = folder / f"{name}.html"
    done = subprocess.run(
        [sys.executable, "-m", "service", *command, "--format", "html", "--output", str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TUNEGATE_HOME": str(folder / "home")},
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    return path
