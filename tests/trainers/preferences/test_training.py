"""Training on pairs: the loss held against numpy, one gradient however the batch is cut, and every technique."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from preference_rows import preference, write_rows

from trainers.contract import Adapter, Dpo, TrainPlan
from trainers.load import load_model, load_tokenizer
from trainers.merge_proof import require_same_answers
from trainers.objectives import objective
from trainers.preferences.measures import measured
from trainers.preferences.rows import PreferenceRow, load_preferences
from trainers.techniques import technique
from trainers.training.loop import Stopped

# sides of unequal length, so that padding is at work
ROWS = [preference(n, preferred=f"The quokka {n} is here{' and there' * (n % 3)}.") for n in range(7)]


def plan_of(path: Path) -> TrainPlan:
    return msgspec.json.decode(path.read_bytes(), type=TrainPlan)


def curve(out: Path) -> list[float]:
    records = map(json.loads, (out / "progress.jsonl").read_text().splitlines())
    return [record["loss"] for record in records if record["event"] == "step"]


def weights(out: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    (file,) = [*out.glob("adapter/*.safetensors"), *out.glob("model/*.safetensors")]
    found: dict[str, Any] = load_file(file)
    return found


def in_numpy(model: Any, tokenizer: Any, row: PreferenceRow) -> list[float]:
    """Log-probabilities of both answers, token by token, found by the text of the prompt and not by any label."""
    import numpy as np
    import torch

    found = []
    for answer in (row.preferred, row.other):
        prompt = tokenizer.apply_chat_template(row.messages, tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template([*row.messages, *answer], tokenize=False)
        start = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].numpy().astype(np.float64)
        total = 0.0
        for at in range(start, len(ids)):
            before = logits[at - 1]
            total += float(before[ids[at]] - before.max() - np.log(np.exp(before - before.max()).sum()))
        found.append(total)
    return found


def test_the_loss_is_that_of_a_slow_count_in_numpy(prefer: Any, train: Any, tmp_path: Path) -> None:
    out, dpo = tmp_path / "out", Dpo(beta=0.2, label_smoothing=0.1)
    path = prefer(ROWS, technique="full", adapter=None, learning_rate=1e-3, dpo=dpo)
    train(path, out)
    plan = plan_of(path)
    tokenizer = load_tokenizer(plan)
    before, after = load_model(plan), load_model(plan, folder=str(out / "model"))
    assert plan.validation is not None
    rows = load_preferences(plan.validation)
    losses, margins, preferred = [], [], []
    for row in rows:
        was, now = in_numpy(before, tokenizer, row), in_numpy(after, tokenizer, row)
        margin = 0.2 * ((now[0] - was[0]) - (now[1] - was[1]))
        margins.append(margin)
        preferred.append(now[0])
        losses.append(0.9 * math.log1p(math.exp(-margin)) + 0.1 * math.log1p(math.exp(margin)))
    held_out = objective(plan).recalled(objective(plan).held_out(plan, tokenizer), plan, out)
    seen = measured(after, tokenizer, held_out.samples, dpo)
    assert seen["validation_loss"] == pytest.approx(sum(losses) / len(rows), abs=1e-5)
    assert seen["reward_margin"] == pytest.approx(sum(margins) / len(rows), abs=1e-5)
    assert seen["preferred_log_prob"] == pytest.approx(sum(preferred) / len(rows), abs=1e-3)
    assert seen["reward_accuracy"] == sum(one > 0 for one in margins) / len(rows)
    last = json.loads((out / "progress.jsonl").read_text().splitlines()[-1])
    assert last["validation_loss"] == pytest.approx(seen["validation_loss"], abs=1e-6)
    assert last["measures"]["reward_accuracy"] == seen["reward_accuracy"]
    assert "reward accuracy" in last["message"]


def test_the_gradient_is_that_of_the_whole_batch_however_it_is_cut(prefer: Any, train: Any, tmp_path: Path) -> None:
    dpo = Dpo(sft_weight=0.5, label_smoothing=0.1)
    for micro in (4, 1):
        path = prefer(ROWS, technique="full", adapter=None, learning_rate=1e-3, micro_batch=micro, dpo=dpo)
        train(path, tmp_path / str(micro))
    whole, cut = tmp_path / "4", tmp_path / "1"
    assert curve(cut) == pytest.approx(curve(whole), abs=2e-6)
    assert len(curve(whole)) == 4  # the last step of an epoch has three pairs
    left, right = weights(whole), weights(cut)
    assert max(float((left[name] - right[name]).abs().max()) for name in left) < 2e-6


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("full", {"adapter": None, "learning_rate": 1e-3}),
        ("lora", {"adapter": Adapter(r=4, alpha=8, init="pissa")}),
        ("dora", {}),
        ("qlora", {}),
        ("qdora", {}),
        ("peft", {"adapter": None, "peft": {"peft_type": "IA3"}}),
        ("peft", {"adapter": None, "peft": {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4}}),
    ],
)
def test_every_technique_learns_pairs_from_log_2_on_and_is_merged(
    prefer: Any, train: Any, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    path = prefer(technique=name, n_epochs=3, **changes)
    summary = train(path, out)
    assert summary["first_loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert summary["last_loss"] < summary["first_loss"]
    model = technique(name).merged(plan_of(path), out)
    if model is not None:
        assert require_same_answers(model, out, exact=True) is not None


def test_early_stopping_and_the_best_weights_go_by_the_loss_over_pairs(prefer: Any, train: Any, tmp_path: Path) -> None:
    """The held-out pairs are the other way round: every step makes their loss worse."""
    backwards = [
        preference(n, other=f"The quokka {n} is here.", preferred=f"What about {n}? Be quokka.") for n in (20, 21)
    ]
    held_out = write_rows(tmp_path / "backwards.jsonl", backwards)
    path = prefer(validation=held_out, n_epochs=20, early_stopping=2, keep="best", eval_steps=1)
    summary = train(path, tmp_path / "out")
    assert summary["stopped_early"]
    assert (summary["kept_step"], summary["steps"]) == (1, 3)


def test_a_kept_reference_is_of_its_own_pairs_and_read_again(prefer: Any, train: Any, tmp_path: Path) -> None:
    from trainers.preferences.reference import recalled, referenced
    from trainers.problems import TrainerError

    out = tmp_path / "out"
    path = prefer(n_epochs=1)
    train(path, out)
    plan = plan_of(path)
    tokenizer = load_tokenizer(plan)
    pairs = objective(plan).training(plan, tokenizer).samples
    kept = recalled(pairs, out, "training")
    base = load_model(plan)
    options: dict[str, Any] = {"pad_id": tokenizer.pad_token_id, "heed": lambda: None}
    again, asked = referenced(base, pairs, tmp_path / "elsewhere", "training", **options)
    assert asked
    assert [one.reference for one in again] == [one.reference for one in kept]
    assert not referenced(None, pairs, out, "training", **options)[1]
    with pytest.raises(TrainerError, match="no longer in the run folder"):
        recalled(pairs[1:], out, "training")


def test_a_run_that_is_to_stop_ends_while_the_model_is_asked(prefer: Any, train: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        train(prefer(), out, stopped=True)
    assert not (out / ".work" / "reference").exists()
    assert not (out / "progress.jsonl").exists()
