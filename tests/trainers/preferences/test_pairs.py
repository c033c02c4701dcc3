"""Preference rows and their labels: which forms are read, what is trained of them, what is refused with its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chat_templates as shapes
import pytest
from chat_templates import TOOL, calling, tokenizer_with
from preference_rows import preference, turn, write_rows

from trainers.labelling import Limits
from trainers.labels import IGNORED, LabelledRow
from trainers.preferences.pairs import label_pairs
from trainers.preferences.rows import PreferenceRow, load_preferences
from trainers.problems import TrainerError

CHATML = tokenizer_with(shapes.CHATML)
ASKED = [turn("system", "Be brief."), turn("user", "Where?")]
HISTORY = [turn("user", "Hi?"), turn("assistant", "Hello."), turn("user", "Where?")]
UP, DOWN = [turn("assistant", "Up the stairs.")], [turn("assistant", "No idea.")]


def refused(rows: list[PreferenceRow], limits: Limits | None = None, tokenizer: Any = CHATML) -> str:
    with pytest.raises(TrainerError) as raised:
        label_pairs(tokenizer, rows, limits, file="training data")
    return raised.value.failure.detail


def trained(tokenizer: Any, row: LabelledRow) -> str:
    return str(tokenizer.decode([label for label in row.labels if label != IGNORED]))


def test_every_form_of_messages_gives_the_same_row(tmp_path: Path) -> None:
    forms = [
        {"input": {"messages": HISTORY}, "preferred_output": UP, "non_preferred_output": DOWN},
        {"prompt": HISTORY, "chosen": UP, "rejected": DOWN},
        {"chosen": [*HISTORY, *UP], "rejected": [*HISTORY, *DOWN]},
    ]
    rows = load_preferences(write_rows(tmp_path / "rows.jsonl", forms))
    assert [row.line for row in rows] == [1, 2, 3]
    assert {str((row.messages, row.preferred, row.other, row.tools)) for row in rows} == {
        str((HISTORY, UP, DOWN, None))
    }
    assert rows[0].answered.messages == [*HISTORY, *UP]


def test_tools_stand_in_the_input_or_beside_the_prompt(tmp_path: Path) -> None:
    forms = [
        {"input": {"messages": ASKED, "tools": [TOOL]}, "preferred_output": UP, "non_preferred_output": DOWN},
        {"prompt": ASKED, "chosen": UP, "rejected": DOWN, "tools": [TOOL]},
    ]
    rows = load_preferences(write_rows(tmp_path / "rows.jsonl", forms))
    assert [row.tools for row in rows] == [[TOOL], [TOOL]]


def test_what_is_no_preference_of_messages_is_refused_by_name_with_its_lines(tmp_path: Path) -> None:
    rows = [
        {"prompt": "secret words", "chosen": "secret words too", "rejected": "no"},
        preference(1),
        {"messages": [*ASKED, *UP]},
        {"prompt": ASKED, "chosen": "secret words", "rejected": DOWN},
        {"input": {"messages": ASKED}, "preferred_output": UP},
        {"chosen": UP, "rejected": DOWN},
    ]
    with pytest.raises(TrainerError) as raised:
        load_preferences(write_rows(tmp_path / "rows.jsonl", rows))
    detail = raised.value.failure.detail
    assert "lines 1, 4 give prompt, chosen or rejected as plain text" in detail
    assert "line 3 are chats" in detail
    assert "line 5 cannot be read as a preference" in detail
    assert "line 6 have a chosen and a rejected that begin with no message in common" in detail
    assert "secret" not in detail


@pytest.mark.parametrize(
    ("template", "eos", "end"),
    [
        (shapes.CHATML, "<|im_end|>", "<|im_end|>\n"),
        (shapes.LLAMA, "<|eot_id|>", "<|eot_id|>"),
        (shapes.PHI, "<|endoftext|>", "<|end|>\n<|endoftext|>"),
        (shapes.MISTRAL, "</s>", "</s>"),
        (shapes.PROMPTED_THOUGHT, "<|im_end|>", "<|im_end|>\n"),
        (shapes.THINKING, "<|im_end|>", "<|im_end|>\n"),
    ],
)
def test_of_each_side_its_answer_alone_is_trained(template: str, eos: str, end: str) -> None:
    tokenizer = tokenizer_with(template, eos=eos)
    done = label_pairs(tokenizer, [PreferenceRow(1, HISTORY, UP, DOWN)])
    (pair,) = done.pairs
    for side, answer in zip(pair.sides, ("Up the stairs.", "No idea."), strict=True):
        assert trained(tokenizer, side).replace("<think></think>", "").lstrip() == answer + end
    prompt = next(k for k, label in enumerate(pair.preferred.labels) if label != IGNORED)
    assert pair.preferred.input_ids[:prompt] == pair.other.input_ids[:prompt]
    assert done.template_changed == (template == shapes.PROMPTED_THOUGHT)
    assert done.use.unstopped_answers == 0


def test_calls_of_an_output_are_trained_and_results_and_weightless_turns_are_not() -> None:
    result = turn("tool", "second floor", tool_call_id="callabcde")
    preferred = [calling(), result, turn("assistant", "Hm.", weight=0), turn("assistant", "Second floor.")]
    (pair,) = label_pairs(CHATML, [PreferenceRow(1, ASKED, preferred, DOWN, [TOOL])]).pairs
    text = trained(CHATML, pair.preferred)
    assert "<tool_call>" in text
    assert "Second floor." in text
    assert "second floor" not in text
    assert "Hm." not in text


def test_everything_that_cannot_be_trained_is_refused_at_once_with_its_lines() -> None:
    image = [turn("user", "x") | {"content": [{"type": "image_url"}]}]
    rows = [
        PreferenceRow(1, ASKED, UP, DOWN),
        PreferenceRow(2, ASKED, UP, UP),
        PreferenceRow(3, ASKED, [turn("assistant", "long " * 60)], DOWN),
        PreferenceRow(5, ASKED, UP, [turn("assistant", "No.", weight=0)]),
        PreferenceRow(6, image, UP, DOWN),
        PreferenceRow(8, ASKED, DOWN, DOWN),
    ]
    assert refused(rows, Limits(60)) == (
        "training data: lines 2, 8 whose two answers are the same in tokens; line 3 too long; "
        "line 5 without a trained token; line 6 with content other than text (limit 60 tokens)."
    )
    assert "line 1 whose answer does not follow" in refused(rows[:1], tokenizer=tokenizer_with(shapes.OPEN_THOUGHT))


def test_an_output_that_would_be_several_samples_is_refused() -> None:
    thinking = tokenizer_with(shapes.THINKING)
    several = [turn("assistant", "<think>a</think>One."), turn("user", "And?"), turn("assistant", "Two.")]
    said = refused([PreferenceRow(4, ASKED, several, DOWN)], tokenizer=thinking)
    assert "line 4 with an output whose earlier answers" in said


def test_longer_pairs_are_dropped_or_cut_as_asked_and_counted() -> None:
    rows = [PreferenceRow(1, ASKED, UP, DOWN), PreferenceRow(2, ASKED, UP, [turn("assistant", "long " * 60)])]
    dropped = label_pairs(CHATML, rows, Limits(60, "drop"))
    assert (dropped.use.pairs, dropped.use.dropped_overlong_pairs) == (1, 1)
    assert "1 pairs have a side of more than 60 tokens and were dropped" in dropped.notes
    cut = label_pairs(CHATML, rows, Limits(60, "cut"))
    whole = label_pairs(CHATML, rows)
    assert (cut.use.pairs, cut.use.cut_pairs) == (2, 1)
    assert cut.use.trained_tokens + cut.use.cut_trained_tokens == whole.use.trained_tokens
    assert cut.use.longest_sample == 60
    assert "too long and was dropped" in refused(rows, Limits(8, "drop"))
    same_start = [PreferenceRow(7, ASKED, [turn("assistant", "long " * 60)], [turn("assistant", "long " * 70)])]
    assert "line 7 whose two answers are the same in tokens" in refused(same_start, Limits(60, "cut"))
    assert "line 2 without a trained token after the cut" in refused(rows[1:], Limits(20, "cut"))
