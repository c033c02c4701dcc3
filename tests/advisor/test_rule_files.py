"""Broken rule files: every mistake of every file at once, each by its rule's id, in words that say what to do."""

from __future__ import annotations

import re

import pytest

from service.advisor.knowledge import load_knowledge
from service.data import rule_files
from service.errors import ErrorItem, TuneGateError
from service.verbs.rules_schema import table_schema

RULES = rule_files()
GOOD = {
    "id": '"ESC-060"',
    "when": '{ "data.rows" = "< 50" }',
    "then": '"collect-data"',
    "why": '"w"',
    "cite": '["foundry-module"]',
    "review-by": "2027-06-30",
}
HEAD = '[table]\nid = "escalation"\nhit = "first"\ndecides = "step"\nanswers = ["collect-data"]\n'


def row(**changes: str | None) -> str:
    fields = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "\n".join(["[[rule]]", *(f"{name} = {value}" for name, value in fields.items() if value is not None)]) + "\n"


def mistakes(text: str, file: str = "escalation.toml") -> list[ErrorItem]:
    with pytest.raises(TuneGateError) as raised:
        load_knowledge(RULES.overlaid({file: text.encode()}))
    assert (raised.value.code, raised.value.exit_code) == ("invalid_rules", 2)
    return list(raised.value.errors)


def said(item: ErrorItem) -> str:
    return " ".join(str(part) for part in (item.where, item.seen, item.allowed, item.remedy))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (HEAD.replace('"first"', '"fist"') + row(), ["[table]", 'hit = "fist"', "first, unique, collect", "'first'"]),
        (HEAD + row() + 'than = "x"\n', ["ESC-060", "no field 'than'", "Did you mean 'then'?"]),
        (HEAD + row(then=None), ["ESC-060", "'then' is missing", "Every row here needs 'then'"]),
        (HEAD + row(cite="[]"), ["ESC-060", "cite = []", "at least one source"]),
        (HEAD + row(cite='["foundry-modul"]'), ["ESC-060", "foundry-modul", "Did you mean 'foundry-module'?"]),
        (HEAD + row(why='" "'), ["ESC-060", "an empty `why`"]),
        (HEAD + row(why=None), ["ESC-060", "'why' is missing"]),
        (HEAD + row(review_by='"2027-06-30"'), ["ESC-060", "Remove the quotes"]),
        (HEAD + row(review_by="2027-06-30T10:00:00"), ["ESC-060", "date only"]),
        (HEAD + row(when='{ "data.rows" = 50 }'), ["ESC-060", '"data.rows" = "= 50"']),
        (HEAD + row(when='{ gap.kind = "none" }'), ["ESC-060", 'Quote the name: "gap.kind"']),
        (HEAD + row(when='{ "gap.kind" = "nome" }'), ["ESC-060", "gap.kind cannot be 'nome'", "Did you mean 'none'?"]),
        (HEAD + row(when='{ "data.row" = "< 5" }'), ["ESC-060", "no fact named 'data.row'", "'data.rows'"]),
        (HEAD + row(when='{ "gap" = "none" }'), ["ESC-060", "no fact named 'gap'", "'gap.kind'"]),
        (HEAD + row(when='{ "data.rows" = "under 50" }'), ["ESC-060", "in conversations", "'under 50'"]),
        (HEAD + row(when='{ "data.rows" = "[13 .. 7)" }'), ["ESC-060", "empty or reversed"]),
        (HEAD + row(then='"colect-data"'), ["ESC-060", "colect-data", "Did you mean 'collect-data'?"]),
        (HEAD + row(id='"esc-60"'), ["id 'esc-60'", "ESC-060"]),
        (HEAD + row() + row(), ["ESC-060", "an id used twice"]),
        (HEAD + 'retired = ["ESC-060"]\n' + row(), ["ESC-060", "a retired id"]),
        (HEAD + row(why='"{gap.kind}"'), ["ESC-060", "{gap.kind} in a text", "data.rows"]),
        (HEAD + row(edition='"secnd"'), ["ESC-060", "edition 'secnd'"]),
        (HEAD + row() + 'why = "again"\n', ["line 13", "why is given twice"]),
        (HEAD + row(when='{ "data.rows" =\n "< 50" }'), ["goes over several lines", "[rule.when]"]),
        (HEAD + row().replace("[[rule]]", "[[rul]]"), ["no section 'rul'", "Did you mean 'rule'?"]),
    ],
)  # fmt: skip
def test_each_mistake_says_where_what_and_what_to_do(text: str, parts: list[str]) -> None:
    found = "\n".join(said(item) for item in mistakes(text))
    for part in parts:
        assert part in found


def test_every_mistake_of_every_file_is_reported_at_once() -> None:
    escalation = HEAD + row(then=None, cite="[]", when='{ "gap.kind" = "nome", "data.row" = "< 5" }')
    broken = RULES.overlaid(
        {
            "escalation.toml": escalation.encode(),
            "target.toml": RULES.read("target.toml").replace(b'"local"', b'"lokal"', 1),
            "facts.toml": RULES.read("facts.toml").replace(b'type = "flag"', b'type = "flog"', 1),
            "tunable.toml": RULES.read("tunable.toml").replace(b'model = "phi-4"', b'model = "phi-44"', 1),
            "platforms.toml": RULES.read("platforms.toml").replace(b'cite = ["kaito"', b'cite = ["kaitu"', 1),
            "escalaton.toml": b"",
        }
    )
    with pytest.raises(TuneGateError) as raised:
        load_knowledge(broken)
    found = [said(item) for item in raised.value.errors]
    for part in (
        "escalation.toml: ESC-060 'then' is missing", "escalation.toml: ESC-060 cite = []", "'nome'", "'data.row'",
        "lokal", "flog", "phi-44", "kaitu", "escalaton.toml",
    ):  # fmt: skip
        assert any(part in one for one in found), part


def test_the_editor_schema_takes_every_shipped_cell_and_refuses_mistakes() -> None:
    schema = table_schema(RULES)["properties"]["rule"]["items"]["properties"]["when"]["properties"]
    for _, rule in load_knowledge(RULES).rules.values():
        for name, cell in rule.row.when.items():
            known = schema[name]
            assert cell in known["enum"] if "enum" in known else re.fullmatch(known["pattern"], cell), (rule.id, name)
    assert not re.fullmatch(schema["gap.kind"]["pattern"], "nome")
    assert not re.fullmatch(schema["data.rows"]["pattern"], "under 50")
    assert "model.id" not in schema  # free text: no rule can test it


def test_a_byte_order_mark_and_windows_lines_are_fine() -> None:
    content = b"\xef\xbb\xbf" + RULES.read("escalation.toml").replace(b"\n", b"\r\n")
    knowledge = load_knowledge(RULES.overlaid({"escalation.toml": content}))
    assert len(knowledge.tables["escalation"].rules) == 10


def test_a_table_of_its_own_lines_is_read_like_one_in_braces() -> None:
    text = HEAD.replace("[table]", "[table]\ncomplete = false") + row(when=None)
    text += '[rule.when]\n"data.rows" = "< 50"\n'
    assert (
        load_knowledge(RULES.overlaid({"escalation.toml": text.encode()})).rules["ESC-060"][1].cells["data.rows"].text
        == "< 50"
    )


def test_bytes_that_are_no_text_are_named() -> None:
    assert any("not UTF-8" in said(item) for item in _broken_bytes(b"[table]\n\xff"))


def _broken_bytes(content: bytes) -> list[ErrorItem]:
    with pytest.raises(TuneGateError) as raised:
        load_knowledge(RULES.overlaid({"escalation.toml": content}))
    return list(raised.value.errors)
