"""The page of an estimate: whole, small, honest about its numbers, and safe with names that others chose."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from service.cli.app import run
from service.data import rule_files
from service.records.estimate import Estimate, EstimateSet, Fit
from service.settings import load_settings
from service.verbs.estimate import answer, estimate, read_inputs
from service.verbs.estimating.page import html
from service.verbs.rendering.drawings import Line, curve, stacked

RULES = rule_files()
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
HOSTILE = "<script>document.title='owned'</script>\x1b[31m\x00\"'&<b>\n\u202e"


def made(model: str = "llama-3.1-8b", **raw: Any) -> Estimate | EstimateSet:
    return answer(estimate(read_inputs({"model": model, **raw}), rules=RULES, settings=SETTINGS))


class Page(HTMLParser):
    """Tables by caption, drawings, elements and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._rows: list[list[str]] = []
        self._caption = ""
        self._into = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")
        if tag in {"td", "th", "caption", "style"}:
            self._into = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._into:
            self._into = ""
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if self._into == "style":
            return
        self.text += data
        if self._into in {"td", "th"}:
            self._rows[-1][-1] += data
        elif self._into == "caption":
            self._caption += data

    def table(self, begins: str) -> list[list[str]]:
        return next(rows for caption, rows in self.tables.items() if caption.startswith(begins))


def test_every_verdict_and_headroom_stands_in_the_table() -> None:
    found = made()
    assert isinstance(found, EstimateSet)
    head, *rows = Page(html(found)).table("GiB left at P90")
    assert head == ["device", "GiB each", *(one.technique for one in found.estimates)]
    assert len(rows) == len(found.estimates[0].fits)
    for row, fits in zip(rows, zip(*(one.fits for one in found.estimates), strict=True), strict=True):
        assert row[0] == f"1 x {fits[0].gpu}"
        assert row[2:] == [f"{fit.verdict} {fit.headroom_gib:+.1f}" for fit in fits]


def test_the_bars_are_the_breakdown_and_what_one_device_must_have() -> None:
    found = made()
    assert isinstance(found, EstimateSet)
    page = Page(html(found))
    head, *rows = page.table("Memory at P90, GiB")
    assert head[1:] == [one.technique for one in found.estimates]
    *parts, total = rows
    for column, one in enumerate(found.estimates, start=1):
        assert float(total[column]) == pytest.approx(one.peak.total_p90_gib, abs=0.006)
        assert sum(float(row[column]) for row in parts) == pytest.approx(one.peak.total_p90_gib, abs=0.06)
    shapes = [attributes for tag, attributes in page.elements if tag == "rect"]
    assert len(shapes) == len(parts) * len(found.estimates)
    weights = next(row for row in parts if row[0] == "weights")
    assert f"weights: {weights[1]} GiB (full)" in page.text


def bars(drawing: ET.Element) -> list[tuple[float, float, float]]:
    return [tuple(float(one.get(name, "0")) for name in ("x", "y", "width")) for one in drawing.iter("rect")]  # type: ignore[misc]


def test_a_bar_is_as_long_as_its_value_and_the_capacity_lies_where_it_belongs() -> None:
    drawing = stacked(
        "T", "S", {"a": [10.0, 20.0], "b": [30.0, 0.0]}, bars=["first", "second"], unit="GiB",
        lines=[Line(value=40.0, label="40", owner="x"), Line(value=41.0, label="41", owner="y")],
    )  # fmt: skip
    (a2, a1, b2, b1) = bars(drawing)
    assert a2[2] == pytest.approx(2 * a1[2], abs=0.05)
    assert b1[2] == pytest.approx(3 * a1[2], abs=0.05)
    assert b2[2] == 0
    assert b1[0] == pytest.approx(a1[0] + a1[2], abs=0.05)
    assert a1[1] < a2[1], "the first bar is on top"
    over = next(one for one in drawing.iter("g") if "over" in one.get("class", "").split())
    first, second = (float(str(path.get("d")).split()[0][1:]) for path in over.iter("path"))
    assert first == pytest.approx(b1[0] + b1[2], abs=0.05), "40 is where the bars of 10 and 30 end"
    assert second > first
    assert [one.text for one in over.iter("text")] == ["40", ""], "two words in one place cannot be read"


def test_a_drawing_brings_no_style_script_or_name_of_its_own() -> None:
    points = [(i / 200, 1 + i % 7) for i in range(200)]
    for drawing in (
        curve("One step", "S", points, lines=[], unit="GiB"),
        stacked("Bars", "S", {"<script>": [1.0]}, bars=["x"], lines=[], unit="GiB"),
    ):
        tags = {one.tag for one in drawing.iter()}
        assert tags <= {"svg", "g", "path", "rect", "text", "title", "desc"}
        kept = {"x", "y", "width", "height", "d", "class", "transform", "viewBox", "role", "aria-labelledby", "id"}
        assert {name for one in drawing.iter() for name in one.attrib} <= kept
        assert ET.tostring(drawing) == ET.tostring(ET.fromstring(ET.tostring(drawing)))


def test_the_same_answer_gives_the_same_page_and_it_asks_for_nothing() -> None:
    page = html(made())
    assert page == html(made())
    assert "http" not in page.replace("http-equiv", "")
    assert {tag for tag, _ in Page(page).elements}.isdisjoint({"script", "link", "img", "a", "iframe", "image", "use"})


def test_five_techniques_on_twenty_devices_stay_small() -> None:
    content = RULES.read("hardware.toml").decode()
    block = content[content.index('id = "T4-16GB"') : content.index("[[hardware]]", content.index('id = "T4-16GB"'))]
    more = "".join("[[hardware]]\n" + block.replace("T4-16GB", f"T4-16GB-{i}") for i in range(7))
    rules = RULES.overlaid({"hardware.toml": (content + "\n" + more).encode()})
    found = estimate(read_inputs({"model": "llama-3.1-8b"}), rules=rules, settings=SETTINGS)
    timed = [msgspec.structs.replace(one, timeline=[(i / 200, 10 + i % 9) for i in range(200)]) for one in found]
    assert (len(timed), len(timed[0].fits)) == (5, 20)
    page = html(answer(timed))
    assert len(page.encode()) < 300_000
    assert page.count("<svg") == 6


def test_names_of_others_stay_text() -> None:
    found = made(techniques=["lora", "qlora"])
    assert isinstance(found, EstimateSet)
    inputs = found.estimates[0].inputs | {"peft": {"peft_type": HOSTILE}}
    hostile = [
        msgspec.structs.replace(one, model=HOSTILE, technique=technique, inputs=inputs)
        for one, technique in zip(found.estimates, ("peft", "lora"), strict=True)
    ]
    page = html(EstimateSet(hostile))
    assert not re.search("[\x00-\x08\x1b\u202e]", page)
    read = Page(page)
    assert "<script>document.title='owned'</script>" in read.text
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "b"})
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]


def test_a_simulated_step_is_drawn_with_its_numbers() -> None:
    (one,) = estimate(
        read_inputs({"model": "llama-3.1-8b", "techniques": ["lora"], "gpu": "A100-80GB"}),
        rules=RULES, settings=SETTINGS,
    )  # fmt: skip
    points = [(i / 200, 12.0 + (8.5 if i == 120 else i % 3)) for i in range(201)]
    page = Page(html(msgspec.structs.replace(one, timeline=points)))
    rows = page.table("One step of lora")[1:]
    assert len(rows) <= 40
    assert max(float(row[1]) for row in rows) == 20.5
    assert rows[-1][0] == "100 %"
    assert "the most is 20.50 GiB" in page.text
    assert "One step" not in Page(html(one)).text


def test_a_device_that_a_simulation_did_not_judge_is_said_to_be_so() -> None:
    found = made(techniques=["lora", "qlora"])
    assert isinstance(found, EstimateSet)
    first, second = found.estimates
    fewer = EstimateSet([msgspec.structs.replace(first, fits=first.fits[2:]), second])
    rows = {row[0]: row for row in Page(html(fewer)).table("GiB left at P90")}
    assert rows[f"1 x {first.fits[0].gpu}"][2] == "not judged"
    assert rows[f"1 x {first.fits[5].gpu}"][2] == f"{first.fits[5].verdict} {first.fits[5].headroom_gib:+.1f}"


def test_an_estimate_stored_before_there_were_machines_is_a_page_too() -> None:
    one = made(techniques=["lora"])
    assert isinstance(one, Estimate)
    old = msgspec.structs.replace(
        one, smallest=None, no_smallest=None, fits=[Fit(fit.gpu, 1, fit.verdict, fit.headroom_gib) for fit in one.fits]
    )
    assert "not worked out" in Page(html(old)).text


def test_the_command_line_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "<img src=x onerror=alert(1)>"
    model.mkdir()
    config = {"model_type": "llama", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2}
    (model / "config.json").write_text(json.dumps(config | {"num_attention_heads": 4}))
    assert run(["estimate", str(model), "--gpu", "T4-16GB", "--format", "html", "--output", str(tmp_path / "p")]) == 0
    assert capsys.readouterr().out == ""
    page = Page((tmp_path / "p").read_text())
    assert "img" not in {tag for tag, _ in page.elements}
    assert "<img src=x onerror=alert(1)>" in page.text
    sizes = page.table("Each with the other settings")
    assert [row[0] for row in sizes[1:]] == ["full", "lora", "qlora", "dora", "qdora"]


def test_what_fits_only_where_it_is_sharded_says_so_first() -> None:
    page = Page(html(made("llama-3.1-8b", gpu="T4-16GB", techniques=["lora", "dora"])))
    assert "llama-3.1-8b: lora is the cheapest that fits, sharded over 4 GPUs" in page.text
    header = next(attributes for tag, attributes in page.elements if tag == "header")
    assert header["class"] == "verdict pass"
    none = Page(html(made("llama-3.1-70b", gpu="T4-16GB", techniques=["lora", "full"])))
    assert "llama-3.1-70b: nothing fits" in none.text
