"""Whole files of rows: what is refused with its lines, dropped, cut or expanded, and that all of it is counted."""

from __future__ import annotations

from typing import Any

import chat_templates as shapes
import pytest
from chat_templates import calling, tokenizer_with, turn
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.labelling import Limits, label_rows
from trainers.load import Row
from trainers.problems import TrainerError

CHATML = tokenizer_with(shapes.CHATML)


def row(line: int, answer: str = "A", *, weight: int = 1, asked: str = "U") -> Row:
    return Row(line, [turn("user", asked), turn("assistant", answer, weight=weight)], None)


def refused(rows: list[Row], limits: Limits | None = None, tokenizer: Any = CHATML) -> Any:
    with pytest.raises(TrainerError) as raised:
        label_rows(tokenizer, rows, limits, file="training data")
    return raised.value.failure


def test_everything_that_cannot_be_trained_is_refused_at_once_with_its_lines() -> None:
    image = Row(7, [turn("user", [{"type": "image_url"}]), turn("assistant", "A")], None)
    rows = [row(1), row(2, weight=0), row(4, "long " * 40), row(5, weight=0), image]
    failure = refused(rows, Limits(20))
    assert failure.code == "invalid_input"
    assert failure.detail == (
        "training data: lines 2, 5 without a trained token; line 4 too long; line 7 with content other than text "
        "(limit 20 tokens)."
    )
    assert "raise max_tokens" in failure.remedy
    assert "--chat-template" in failure.remedy


def test_a_prompt_longer_than_the_stored_turn_is_refused_where_nothing_cures_it() -> None:
    failure = refused([row(3)], tokenizer=tokenizer_with(shapes.OPEN_THOUGHT))
    assert "line 3 whose answer does not follow the chat template's own generation prompt" in failure.detail
    assert "--chat-template" in failure.remedy


def test_the_templates_own_switch_is_set_and_said_and_travels() -> None:
    tokenizer = tokenizer_with(shapes.PROMPTED_THOUGHT)
    done = label_rows(tokenizer, [row(1), row(2)])
    assert done.template_changed
    assert "enable_thinking is set to false" in done.notes[0]
    prompt = tokenizer.apply_chat_template([turn("user", "U")], tokenize=False, add_generation_prompt=True)
    assert not prompt.endswith("<think>\n")


def test_longer_rows_are_dropped_or_cut_as_asked_and_counted() -> None:
    rows = [row(1), row(2, "long " * 40)]
    dropped = label_rows(CHATML, rows, Limits(20, "drop"))
    assert (len(dropped.samples), dropped.use.dropped_overlong_samples, dropped.use.cut_samples) == (1, 1, 0)
    cut = label_rows(CHATML, rows, Limits(20, "cut"))
    assert [len(one.input_ids) for one in cut.samples][1] == 20
    assert cut.use.cut_samples == 1
    whole = label_rows(CHATML, rows).use
    assert cut.use.trained_tokens + cut.use.cut_trained_tokens == whole.trained_tokens
    assert any("were dropped" in note for note in dropped.notes)
    assert any("were cut to 20 tokens" in note for note in cut.notes)


def test_a_cut_that_would_leave_nothing_trained_is_refused_and_so_is_dropping_everything() -> None:
    failure = refused([row(1), row(2, asked="long " * 40)], Limits(20, "cut"))
    assert "line 2 without a trained token after the cut (limit 20 tokens)" in failure.detail
    assert "every row is too long" in refused([row(1, "long " * 40)], Limits(20, "drop")).detail


def test_what_is_expanded_left_out_or_unstopped_is_said_before_training() -> None:
    tokenizer = tokenizer_with(shapes.THINKING, eos="</s>")
    two = Row(1, [turn("system", "S"), *(turn(role, "x") for role in ("user", "assistant") * 2)], None)
    done = label_rows(tokenizer, [two, row(2)])
    assert (done.use.rows, done.use.samples, done.use.expanded_rows, done.use.unstopped_answers) == (2, 3, 1, 3)
    text = "\n".join(done.notes)
    assert "2 rows, 3 samples" in text
    assert "1 rows became one sample per answer" in text
    assert "will not learn to stop" in text


def test_the_form_of_the_messages_and_what_the_template_leaves_out_are_said() -> None:
    tools = Row(1, [turn("user", "U"), calling(), turn("tool", "R"), turn("assistant", "A")], [shapes.TOOL])
    form = "messages are given to the chat template with content as text, tool arguments as object, developer as system"
    assert label_rows(CHATML, [tools, row(2)]).notes[1:] == [form, f"rows with tools: {form}"]
    dated = tokenizer_with("{{ strftime_now('%Y') }}" + shapes.CHATML)
    assert any("today's date" in note for note in label_rows(dated, [row(1)]).notes)
    phi = tokenizer_with(shapes.PHI, eos="<|endoftext|>")
    only_declared = Row(1, [turn("user", "U"), turn("assistant", "A")], [shapes.TOOL])
    assert "the chat template leaves out tools (1 rows)" in label_rows(phi, [only_declared]).notes


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(12, 60), st.sampled_from(["drop", "cut"]))
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_uncounted(words: list[int], most: int, overlong: Any) -> None:
    rows = [row(line, "word " * count) for line, count in enumerate(words, 1)]
    whole = label_rows(CHATML, rows)
    try:
        done = label_rows(CHATML, rows, Limits(most, overlong))
    except TrainerError:
        assert overlong == "drop"
        assert min(len(one.input_ids) for one in whole.samples) > most
        return
    assert all(len(one.input_ids) <= most and one.trained for one in done.samples)
    assert len(done.samples) + done.use.dropped_overlong_samples == len(rows)
    if overlong == "cut":
        assert done.use.trained_tokens + done.use.cut_trained_tokens == whole.use.trained_tokens
