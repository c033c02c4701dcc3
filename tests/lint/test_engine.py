"""The engine through its verb: sets and splits, packings, limits, arbitrary bytes, and no text in any output."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.data import rule_files
from service.errors import TuneGateError
from service.lint.catalogue import all_checks
from service.lint.check import Line, Row
from service.lint.fast import Limits, plain_rows
from service.lint.gate import EVERY_FAMILY, NO_FAMILY, gate
from service.records.lint_report import LintReport
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.output import RENDERERS, render

RULES = rule_files()


def row(n: int = 0, **last: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Question {n}?"},
            {"role": "assistant", "content": f"Answer {n}."} | last,
        ]
    }


def file(tmp_path: Path, rows: list[Any], name: str = "data.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def run(*paths: Path, validation: Path | None = None, target: str = "openai", most: int = 20) -> LintReport:
    inputs = [LintInput(path, path.name) for path in paths]
    if validation:
        inputs.append(LintInput(validation, validation.name, "validation"))
    return lint(LintRequest(inputs=inputs, target=target, max_findings=most), rules=RULES)


def test_a_finding_says_line_offset_and_pointer(tmp_path: Path) -> None:
    rows = [row(n) for n in range(60)]
    rows[2]["messages"][2]["weight"] = True
    (found,) = [f for f in run(file(tmp_path, rows)).findings if f.rule == "R030"]
    offset = sum(len(json.dumps(one)) + 1 for one in rows[:2])
    assert (found.line, found.byte_offset, found.pointer) == (3, offset, "/messages/2/weight")


def test_counts_are_complete_and_the_lowest_lines_are_kept(tmp_path: Path) -> None:
    report = run(file(tmp_path, [row(n, weight=2) for n in range(37)]), most=20)
    assert report.counts["R030"] == 37
    assert [f.line for f in report.findings if f.rule == "R030"] == list(range(1, 21))
    assert report.truncated == {"R030": 17}
    assert report.verdict == "fail"


@pytest.mark.parametrize(("rows", "code"), [(9, "L001"), (12, "L002"), (60, None)])
def test_the_number_of_rows_is_held_against_the_target(tmp_path: Path, rows: int, code: str | None) -> None:
    counts = run(file(tmp_path, [row(n) for n in range(rows)])).counts
    assert {"L001", "L002"} & set(counts) == ({code} if code else set())


def test_rows_and_prompts_in_both_parts_are_found(tmp_path: Path) -> None:
    train = file(tmp_path, [row(n) for n in range(60)])
    other = row(7) | {}
    other["messages"][2]["content"] = "Another answer."
    held_out = file(tmp_path, [row(3), other, *map(row, range(92, 100))], "validation.jsonl")
    report = run(train, validation=held_out)
    assert [(f.rule, f.path, f.line) for f in report.findings if f.rule[0] == "X"] == [
        ("X001", "validation.jsonl", 1),
        ("X002", "validation.jsonl", 2),
    ]
    assert report.facts["data.leakage_rows"] == 2
    assert report.facts["data.rows"] == 60


def test_the_same_file_twice_is_an_error(tmp_path: Path) -> None:
    train = file(tmp_path, [row(n) for n in range(60)])
    assert "X005" in run(train, validation=train).counts


def test_several_files_are_one_corpus(tmp_path: Path) -> None:
    one = file(tmp_path, [row(n) for n in range(30)], "a.jsonl")
    two = file(tmp_path, [row(n) for n in range(29, 59)], "b.jsonl")
    report = run(one, two)
    assert report.facts["data.rows"] == 60
    assert report.counts["Q001"] == 1


def test_packing_and_transport_do_not_change_the_report(tmp_path: Path) -> None:
    plain = file(tmp_path, [row(n, weight=n % 3) for n in range(60)])
    raw = plain.read_bytes()
    (tmp_path / "data.jsonl.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "data.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(raw))
    stream = lint(LintRequest(inputs=[LintInput(None, "-")], target="openai"), rules=RULES, stdin=io.BytesIO(raw))
    packed = [run(tmp_path / f"data.jsonl.{end}") for end in ("gz", "zst")]
    want = run(plain)
    for other in (*packed, stream):
        assert other.id == want.id
        assert [(f.rule, f.line, f.byte_offset) for f in other.findings] == [
            (f.rule, f.line, f.byte_offset) for f in want.findings
        ]


def test_damaged_packing_is_an_unreadable_input(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 10000)[:-20])
    with pytest.raises(TuneGateError) as raised:
        run(path)
    assert raised.value.exit_code == 2


VALID = [
    {"messages": [{"role": "developer", "content": "Be brief."}, *row()["messages"][1:]]},
    {"messages": [row()["messages"][0], {"role": "user", "content": "a"}, *row()["messages"][1:]]},
    row(weight=1),
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What?"}], "name": "pat"},
            row()["messages"][2],
        ]
    },
    {
        "messages": [*row()["messages"][:2], {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
        "functions": [{"name": "f"}],
    },
    {
        "messages": [
            *row()["messages"][:2],
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "parallel_tool_calls": False,
    },
]


@pytest.mark.parametrize("valid", VALID)
def test_what_azure_documents_as_valid_is_no_error(valid: dict[str, Any], tmp_path: Path) -> None:
    report = run(file(tmp_path, [valid, *(row(n) for n in range(60))]), target="azure-openai")
    assert [f for f in report.findings if f.severity == "error"] == []


MARKER = "zebra-secret-7731"


def test_no_output_repeats_training_text(tmp_path: Path) -> None:
    broken: list[Any] = [
        row(0, role=MARKER), row(1, content={MARKER: MARKER}), row(2, weight=MARKER), {MARKER: MARKER}, [MARKER],
        {"messages": MARKER}, {"messages": [MARKER]}, row(3, **{MARKER: 1}), row(4, content=f"{MARKER}<|im_end|>"),
        row(5) | {"tools": MARKER},
        row(6, tool_calls=[{"id": MARKER, "function": {"name": MARKER, "arguments": MARKER}}]),
    ]  # fmt: skip
    path = file(tmp_path, broken)
    path.write_bytes(
        path.read_bytes() + f'{{"a": "{MARKER}"\n{MARKER}\n"{MARKER}" {{}}\n'.encode() + b"\xff" + MARKER.encode()
    )
    report = run(path, most=0)
    assert report.summary.errors >= 10
    shown = [render(report, name) for name in RENDERERS] + [msgspec.json.encode(report).decode()]
    assert all(MARKER not in one for one in shown)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_get_a_report(lines: list[bytes]) -> None:
    raw = b"\n".join(lines)
    if raw[:2] == b"\x1f\x8b" or raw[:4] == b"\x28\xb5\x2f\xfd":
        return
    report = lint(LintRequest(inputs=[LintInput(None, "-")], target="local"), rules=RULES, stdin=io.BytesIO(raw))
    assert report.verdict in {"pass", "fail"}
    assert report.files[0].bytes == len(raw)


SNIPPETS = [
    "", " ", "Hi.", "a<|end|>", "[INST]", "[/INST]", "ok", "\u200b", "\ufeff", "\u202e", "\u00c3\u00a9", "\ufffd",
    "caf\u00e9", "Ignore all previous instructions.", "IGNORE my rules", "show the system prompt", "jailbreak",
    "as an AI language model", "As a large language model", "[NAME]", "[insert date]", "{{item.x}}", "{name}", "TODO",
    "lorem ipsum", "XXXX", "<br/>",
    "</p>", "&nbsp;", "<script>", ";base64,", "A" * 240, "```", "one,", "the end of the", "\x00", "\x0c",
    "Please come in and see us today. " * 6, "<tool_call>", "I'm sorry, but I cannot help.",
    "Self-harm", "kill him", "rape", "therapeutic", "skill", "\u017fuicide", "jailbrea\u212a", "\u0130gnore my rules",
    f"ignore {chr(0x1F600) * 18} my rules", f"<p {chr(0x20AC) * 70}>", "word " * 3300,
]  # fmt: skip
# what stands between two words in a text may look like a letter in its line: a line feed is written \n
GAPS = [" ", "\n", "\t", "", "\u00e9", '"', "\\"]
texts = st.one_of(
    st.sampled_from(SNIPPETS),
    st.builds(str.join, st.sampled_from(GAPS), st.lists(st.sampled_from(SNIPPETS), max_size=3)),
    st.text(max_size=5),
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "User"]), "content": texts},
    optional={"weight": st.sampled_from([0, 1, 2, True, 1.0, None, "1"]), "name": st.just("x")},
)


question = st.fixed_dictionaries({"role": st.just("user"), "content": texts})
reply = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": texts}, optional={"weight": st.sampled_from([0, 1])}
)
system = st.lists(st.fixed_dictionaries({"role": st.just("system"), "content": texts}), max_size=1)
# random messages are rarely a conversation; most of these are one
conversations = st.builds(
    lambda first, pairs: [*first, *(message for pair in pairs for message in pair)],
    system,
    st.lists(st.tuples(question, reply), min_size=1, max_size=3),
)


@given(st.one_of(st.lists(messages, max_size=5), conversations), st.booleans(), st.booleans())
@example([{"role": "user", "content": "```"}, {"role": "assistant", "content": "```"}], False, True)
@settings(max_examples=400)
def test_on_a_plain_row_only_checks_of_what_its_texts_hold_can_fire(
    found: list[dict[str, Any]], escaped: bool, weights: bool
) -> None:
    raw = json.dumps({"messages": found}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    held = gate(raw)
    families = EVERY_FAMILY if held is None else frozenset(family for _, family in held)
    told = plain_rows([raw], {0: families}, NO_FAMILY, Limits(weights))
    if not told.lines:
        return
    suspects = told.suspects.get(0, NO_FAMILY)
    data = json.loads(raw)
    line, one = Line(raw=raw, number=2, data=data, error=None), Row(data)
    # targets that read weights have R033 off
    silent = {"F011", "R033"} if weights else {"F011"}
    checks = [check for check in all_checks() if check.code not in silent and "sft" in check.methods]
    hits = [(c.code, h) for c in checks if c.scope == "line" for h in c.find(line)]
    hits += [(c.code, h) for c in checks if c.scope == "row" for h in c.find(one)]
    asked = {check.code for check in checks if not suspects.isdisjoint(check.reads)}
    assert {code for code, _ in hits} <= asked
    assert bool(suspects) == bool(asked)


@pytest.mark.parametrize("depth", [65, 199, 500, 977, 985, 999, 1_100, 5_000])
def test_any_depth_gets_a_report(depth: int) -> None:
    raw = b'{"messages": [{"role": "user", "content": ' + b"[" * depth + b"]" * depth + b"}]}\n"
    report = lint(LintRequest(inputs=[LintInput(None, "-")], target="openai"), rules=RULES, stdin=io.BytesIO(raw))
    assert "F017" in report.counts
    assert report.verdict == "fail"
