"""What counts as what: answers that are trained on, repeated values, dense files, secrets, and what rows take back."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest
from secret_samples import SAMPLES

from service.lint.baseline import against
from service.records.lint_report import LintReport, PersonalPlace

Report = Callable[..., LintReport]
MAIL = "ada@quokkas.org"


def chat(question: str, answer: str, **message: Any) -> dict[str, Any]:
    last = {"role": "assistant", "content": answer} | message
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}, last]}


def secret(name: str) -> str:
    before, made, after = SAMPLES[name][0]
    return f"{before}{made(Random(7))}{after}"


def counts(report: LintReport) -> dict[str, int]:
    return {code: count for code, count in report.counts.items() if code[0] == "P" or code in ("S001", "S002")}


@pytest.mark.parametrize(
    ("row", "target", "method", "answers"),
    [
        (chat("Who?", MAIL), "openai", "sft", 1),
        (chat(MAIL, "Yes."), "openai", "sft", 0),
        (chat("Who?", MAIL, weight=0), "openai", "sft", 0),
        # a trainer that does not read weights trains on it all the same
        (chat("Who?", MAIL, weight=0), "trl", "sft", 1),
        ({"prompt": "Who?", "completion": MAIL}, "trl", "sft", 1),
        ({"prompt": MAIL, "completion": "Yes."}, "trl", "sft", 0),
        (
            {
                "input": {"messages": [{"role": "user", "content": MAIL}]},
                "preferred_output": [{"role": "assistant", "content": MAIL}],
                "non_preferred_output": [{"role": "assistant", "content": "No."}],
            },
            "openai", "dpo", 1,
        ),
    ],
)  # fmt: skip
def test_an_answer_that_is_trained_on_counts_more(
    report: Report, row: Any, target: str, method: str, answers: int
) -> None:
    found = report([row], target=target, method=method)
    assert found.counts.get("P040", 0) == answers
    assert found.counts["P001"] >= 1
    severities = {one.rule: one.severity for one in found.findings}
    assert severities["P001"] == "warning"
    assert not answers or severities["P040"] == ("warning" if target == "trl" else "error")


@pytest.mark.parametrize(
    "said",
    [
        MAIL,
        '{"e": "ada\\u0040quokkas.org"}',
        '{"e": "ada\\u0040quokkas.org", "e": 1',
        '{"e": "\\nada\\u0040quokkas.org", "e": 1}',
        f"4 {MAIL} \u20ac",
        "postgres://a:Kq7vR2mWx9TzB4@db/x",
        "call +44 20 7946 0958",
        "v1.2",
    ],
)
def test_plain_rows_and_all_others_are_told_alike(report: Report, said: str) -> None:
    """The first are only looked at closely where something may be."""
    rows = [chat(said, "Yes."), chat("Who?", said), chat("Who?", f'Yes.\n"{said}"', weight=1)]
    plain, other = report(rows, select=["P", "S"]), report([row | {"id": 1} for row in rows], select=["P", "S"])
    told = [[(one.rule, one.line, one.pointer, one.message) for one in made.findings] for made in (plain, other)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "beside",
    [
        {MAIL: 1},
        {"a-b": {"messages": {"x": MAIL}}},
        {"a-b": {"messages": ["x", "y", "z", MAIL]}},
    ],
)
def test_what_stands_at_or_below_a_key_that_no_pointer_shows_is_told(report: Report, beside: dict[str, Any]) -> None:
    found = report([chat("Hi?", "Ho.") | beside])
    assert found.counts["P001"] == 1
    assert "P040" not in found.counts
    assert MAIL.encode() not in msgspec.json.encode(found)


def test_preference_rows_are_scanned_whole(report: Report) -> None:
    said = [{"role": "assistant", "content": f"To {MAIL}"}]
    row = {
        "input": {"messages": [{"role": "user", "content": "Where?"}], "tools": []},
        "preferred_output": [{"role": "assistant", "content": "There."}],
        "non_preferred_output": said,
    }
    found = report([row], method="dpo", select=["P"])
    assert [one.pointer for one in found.findings] == ["/non_preferred_output/0/content"]


@pytest.mark.parametrize("examples", [4, 5])
def test_a_value_in_many_examples_is_an_error(report: Report, examples: int) -> None:
    rows = [chat(f"Question {n}, twice {MAIL}, {MAIL}?", "Yes.") for n in range(examples)]
    rows += [chat(f"Is bob{n}@quokkas.org here?", "No.") for n in range(examples)]
    found = report(rows)
    repeated = [one for one in found.findings if one.rule == "P041"]
    assert len(repeated) == (examples >= 5)
    mark = next(one.personal.value for one in found.findings if isinstance(one.personal, PersonalPlace))
    for one in repeated:
        assert (one.line, one.severity) == (1, "error")
        assert one.message == f"e-mail address, value {mark}, in {examples} examples, this first"


def test_repeated_values_beyond_the_list_are_counted(report: Report) -> None:
    said = " ".join(f"ann{n}@quokkas.org" for n in range(7))
    found = report([chat(f"{n}: {said}?", "Yes.") for n in range(5)], max_findings=2, select=["P041"])
    assert (found.counts, found.truncated, len(found.findings)) == ({"P041": 7}, {"P041": 5}, 2)


def test_a_file_full_of_it_is_said_for_the_targets_that_scan(report: Report) -> None:
    rows = [chat(f"Is ann{n}@quokkas.org here?", "No.") for n in range(10)]
    rows += [chat(f"Question {n}?", "Yes.") for n in range(40)]
    found = report(rows, target="azure-openai")
    assert [one.message for one in found.findings if one.rule == "P042"] == [
        "10 of 50 scanned rows hold personal data or secrets"
    ]
    assert "P042" not in report(rows, target="openai").counts
    assert "P042" not in report([*rows, chat("One more?", "Yes.")], target="azure-openai").counts


def test_a_secret_is_an_error_wherever_it_stands(report: Report) -> None:
    key = secret("SECRET_AWS_ACCESS_KEY")
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": f'{{"x": "{key}"}}'}}
    url = secret("SECRET_AZURE_SAS")
    picture = {"type": "image_url", "image_url": {"url": url}}
    row = chat(f"Here: {key}", f"At {secret('SECRET_URL_PASSWORD')}")
    row["messages"][1]["content"] = [{"type": "text", "text": f"Here: {key}"}, picture]
    row["messages"].insert(2, {"role": "assistant", "tool_calls": [call]})
    found = report([row], select=["S001", "S002"])
    assert [(one.rule, one.pointer, one.severity) for one in found.findings] == [
        ("S001", "/messages/1/content/0/text", "error"),
        ("S002", "/messages/1/content/1/image_url/url", "error"),
        ("S002", "/messages/2/tool_calls/0/function/arguments", "error"),
        ("S002", "/messages/3/content", "error"),
    ]


def test_addresses_of_pages_dates_and_identifiers_alone_are_none(report: Report) -> None:
    said = "See https://pages.test/a on 2024-05-06, id 6ba7b810-9dad-11d1-80b4-00c04fd430c8."
    assert counts(report([chat(said, said)])) == {}


RESERVED = ["ada@example.org", "10.0.0.7 is the server", "Call me on (415) 555-0132."]


def test_what_is_nobodys_is_told_and_counts_for_nothing(report: Report) -> None:
    rows = [chat(said, said) for said in RESERVED for _ in range(5)] + [chat(MAIL, "Yes.")]
    found = report(rows, target="azure-openai")
    assert counts(found) == {"P001": 1, "P013": 30}
    assert {one.severity for one in found.findings if one.rule == "P013"} == {"info"}
    assert found.facts["data.pii_findings"] == 1
    assert found.statistics is not None
    assert found.statistics.personal == {"EMAIL_ADDRESS": 1}


def test_a_project_decides_what_becomes_of_what_is_nobodys(report: Report) -> None:
    rows = [chat(said, "Yes.") for said in RESERVED]
    assert counts(report(rows, privacy={"reserved": "personal"})) == {"P001": 1, "P002": 1, "P011": 1}
    allowed = report(rows, privacy={"reserved": "allow"})
    assert counts(allowed) == {}
    (why,) = [one.why for one in allowed.not_scanned if one.what == "allowed values"]
    assert why.endswith("EMAIL_ADDRESS x 1, IP_ADDRESS x 1, PHONE_NUMBER x 1")


@pytest.mark.parametrize("taken_back", [["P001"], ["P"]])
def test_a_row_takes_back_what_is_meant(report: Report, taken_back: list[str]) -> None:
    rows = [chat(f"Ask {MAIL}, {n}?", "Yes.") | {"_tunegate": {"ignore": taken_back}} for n in range(5)]
    found = report([*rows, chat(f"Ask {MAIL}?", "Yes.")])
    assert found.suppressed == {"P001": 5}
    # what a row takes back does not count as an example either
    assert counts(found) == {"P001": 1}
    assert found.statistics is not None
    assert found.statistics.personal == {"EMAIL_ADDRESS": 1}


def test_a_baseline_knows_findings_of_another_machine(report: Report, tmp_path: Any, monkeypatch: Any) -> None:
    rows = [chat(f"Ask {MAIL}", "Yes."), chat("Call +44 20 7946 0958, my phone", "Yes.")]
    before = report(rows)
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "another"))
    after = report([*rows, chat("Ask bob@quokkas.org", "Yes.")])
    values = [[one.personal for one in made.findings if one.rule == "P001"] for made in (before, after)]
    assert values[0][0] != values[1][0]
    fresh = against(after, before)
    assert [(one.rule, one.line) for one in fresh.findings if one.rule[0] == "P"] == [("P001", 3)]


def test_the_report_says_nothing_of_personal_data_where_there_is_none(report: Report) -> None:
    made = msgspec.json.decode(msgspec.json.encode(report([{"messages": []}])))
    assert made["findings"]
    assert all("personal" not in one for one in made["findings"])
