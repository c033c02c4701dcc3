"""The audit: the shipped rules are clean, and every kind of hole that is planted is found and named."""

from __future__ import annotations

from datetime import date

from service.advisor.audit import audit
from service.advisor.knowledge import Knowledge, load_knowledge
from service.data import rule_files
from service.verbs.rules import problems

RULES = rule_files()


def test_the_shipped_rules_audit_clean() -> None:
    # dates are left out: a review that falls due must not turn the tests red, a scheduled check says it
    assert problems(RULES, None) == []


def test_a_review_that_is_due_is_said() -> None:
    late = problems(RULES, date(2030, 1, 1))
    assert any(one.startswith("ESC-080") for one in late)
    assert any(one.startswith("TUN-010") for one in late)
    assert any(one.startswith("PLT-040") for one in late)
    assert any(one.startswith("base-models.toml: ") for one in late)


def audited(file: str, *changes: tuple[str, str]) -> str:
    text = RULES.read(file).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return "\n".join(audit(_knowledge(file, text)))


def _knowledge(file: str, text: str) -> Knowledge:
    return load_knowledge(RULES.overlaid({file: text.encode()}))


def test_a_gap_is_few_boxes_and_leaves_out_what_does_not_matter() -> None:
    found = audited("escalation.toml", ('"data.rows" = "< 50"', '"data.rows" = "< 40"'))
    gaps = [one for one in found.splitlines() if "no row matches" in one]
    # few-shot is a question for format and behaviour only, retrieval for knowledge, so the hole has three parts
    assert len(gaps) == 3
    assert all("data.rows >= 40 and <= 49" in gap and "answer.grounded" not in gap for gap in gaps)
    assert sum("gap.kind latency-cost" in gap and "few_shot" not in gap for gap in gaps) == 1
    assert sum("gap.kind knowledge" in gap and "tried.rag yes" in gap for gap in gaps) == 1
    assert sum("gap.kind format | behaviour, " in gap and "tried.few_shot yes" in gap for gap in gaps) == 1


def test_an_unreachable_row_is_found() -> None:
    found = audited("escalation.toml", ('"gap.kind" = "none"', '"eval.exists" = "no"'))
    assert "ESC-020 can never be the first match" in found


def test_a_row_that_changes_nothing_is_found() -> None:
    found = audited("target.toml", ('"control.needed" = "no", "artifact.needed" = "hosted"', '"control.needed" = "no"'))
    assert "changes nothing" not in found
    text = RULES.read("target.toml").decode()
    extra = text.replace("[[rule]]", '[[rule]]\nid = "TGT-100"\nwhen = { "compute.managed_by" = "us", '
                         '"artifact.needed" = "onnx" }\nthen = "local"\nwhy = "w"\ncite = ["source-guide"]\n'
                         "review-by = 2027-06-30\n\n[[rule]]", 1)  # fmt: skip
    assert "TGT-100 changes nothing" in "\n".join(audit(_knowledge("target.toml", extra)))


def test_an_overlap_names_both_rows_and_a_shared_input() -> None:
    found = audited("scenarios.toml", ('{ "scenario" = "creative" }', '{ "scenario" = "creative | chatbot" }'))
    assert "SCN-040 and SCN-050 both match scenario = chatbot" in found


def test_a_missing_scenario_is_a_gap_of_its_edition() -> None:
    found = audited("scenarios.toml", ('{ "scenario" = "creative" }', '{ "scenario" = "chatbot" }'))
    assert found.count("no row matches scenario creative") == 2


def test_the_target_table_is_complete_because_of_the_conflicts() -> None:
    text = RULES.read("conflicts.toml").decode().replace('"onnx | weights"', '"onnx"')
    found = "\n".join(audit(_knowledge("conflicts.toml", text)))
    assert "target.toml: no row matches" in found
    assert "artifact.needed weights" in found


def test_what_nothing_uses_or_tells_is_found() -> None:
    sources = RULES.read("sources.toml").decode() + '\n[nobody]\ntitle = "t"\nwhere = "w"\n'
    assert "nobody is cited by nothing" in "\n".join(audit(_knowledge("sources.toml", sources)))
    translation = RULES.read("translations/tl.toml").decode()
    assert "translations/tl.toml: no reason for ESC-010" in "\n".join(
        audit(_knowledge("translations/tl.toml", translation.replace("ESC-010 =", "ESC-999 =")))
    )
    assert "no word for gap.kind = none" in "\n".join(
        audit(_knowledge("translations/tl.toml", translation.replace('"none" = "walang kulang", ', "")))
    )


def test_a_rule_without_an_example_is_found() -> None:
    text = RULES.read("examples/decisions.toml").decode().replace('rule = "ESC-070"', 'rule = "ESC-080"')
    assert "ESC-070: no worked example names it" in problems(
        RULES.overlaid({"examples/decisions.toml": text.encode()}), None
    )


def test_six_cells_differ_between_the_editions() -> None:
    knowledge = load_knowledge(RULES)
    cells = {
        (rule.row.edition, rule.row.when["scenario"], column): value
        for rule in knowledge.tables["scenarios"].rules
        for column, value in dict(rule.row.then).items()  # type: ignore[arg-type]
    }
    assert len(cells) == 108
    differing = {key[1:] for key, value in cells.items() if cells[("original", *key[1:])] != value}
    assert differing == {
        ("reduce-cost", "peft"), ("reduce-cost", "dora"), ("reduce-memory", "lora"), ("reduce-memory", "peft"),
        ("fewer-parameters", "lora"), ("data-parallel", "dora"),
    }  # fmt: skip
