"""Heads, adapters and graphs of several architectures, in this process; whole runs stand beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import Adapter, Hyperparameters, OnnxResult, Outputs, TrainPlan
from trainers.load import load_model, load_tokenizer
from trainers.merge_proof import keep_answers, require_same_answers
from trainers.objectives import objective
from trainers.outfiles import WORK, load_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter
from trainers.refusals import refusals
from trainers.techniques import technique

MakePlan = Callable[..., TrainPlan]
MakeEncoder = Callable[..., Path]


def values(**changes: Any) -> Hyperparameters:
    return Hyperparameters(base_learning_rate=1e-2, learning_rate=1e-2, **changes)


@pytest.mark.parametrize(
    ("architecture", "task", "how", "changes"),
    [
        ("BertForMaskedLM", "text-classification", "lora", {"adapter": Adapter(r=4, rslora=True)}),
        ("BertForMaskedLM", "text-classification", "qlora", {"adapter": Adapter(r=4)}),
        ("BertForMaskedLM", "token-classification", "qdora", {"adapter": Adapter(r=4)}),
        ("BertForMaskedLM", "text-classification", "peft", {"peft": {"peft_type": "IA3"}}),
        ("RobertaForMaskedLM", "text-classification", "lora", {"adapter": Adapter(r=4, init="pissa")}),
        ("RobertaForMaskedLM", "text-classification", "peft", {"peft": {"peft_type": "IA3"}}),
        ("RobertaForMaskedLM", "token-classification", "lora", {"adapter": Adapter(r=4, targets=["query", "value"])}),
        ("DistilBertForMaskedLM", "text-classification", "dora", {"adapter": Adapter(r=4)}),
        ("DistilBertForMaskedLM", "text-classification", "peft", {"peft": {"peft_type": "OFT"}}),
    ],
)
def test_an_adapter_keeps_the_head_and_merges_exactly(
    architecture: str, task: Any, how: str, changes: dict[str, Any], make_encoder: MakeEncoder, make_plan: MakePlan,
    tmp_path: Path,
) -> None:  # fmt: skip
    import torch

    plan = make_plan(task, model=str(make_encoder(architecture)), technique=how, hyperparameters=values(**changes))
    one = technique(how)
    model = one.wrap(one.load(plan), plan, steps=4)
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert any("classifier" in name for name in trained)
    # what no checkpoint has values for must travel with the adapter
    pooler = "pre_classifier" if architecture.startswith("Distil") else "pooler"
    has_pooler = task == "text-classification" and not architecture.startswith("Roberta")
    assert any(pooler in name for name in trained) == has_pooler
    torch.manual_seed(1)
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(0.05 * torch.randn_like(value))
    keep_answers(model, [[2, 9, 11, 3], [2, 30, 3]], tmp_path)
    one.save(model, None, plan, tmp_path)
    merged = one.merged(plan, tmp_path)
    assert require_same_answers(merged, tmp_path, exact=True) is not None
    assert merged.config.id2label == dict(enumerate(plan.labels))


def test_a_fresh_head_is_drawn_from_the_seed_whatever_was_drawn_before(make_plan: MakePlan) -> None:
    import torch

    plan = make_plan("text-classification")
    torch.manual_seed(5)
    first = load_model(plan).classifier.weight
    state = torch.get_rng_state()
    torch.manual_seed(6)
    again = load_model(plan).classifier.weight
    other = msgspec.structs.replace(plan, hyperparameters=values(seed=7))
    assert torch.equal(first, again)
    assert not torch.equal(first, load_model(other).classifier.weight)
    torch.set_rng_state(state)


def test_a_head_with_the_same_labels_is_kept_and_any_other_is_made_anew(
    make_encoder: MakeEncoder, make_plan: MakePlan
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    plan = make_plan("text-classification")
    for labels, kept in ((plan.labels, True), (["x", "y", "z"], False), (["x", "y"], False)):
        folder = make_encoder("BertForSequenceClassification", labels=labels)
        own = AutoModelForSequenceClassification.from_pretrained(folder)
        here = msgspec.structs.replace(plan, model=str(folder))
        model = load_model(here)
        same = own.classifier.weight.shape == model.classifier.weight.shape
        assert (same and torch.equal(own.classifier.weight, model.classifier.weight)) == kept
        assert torch.equal(own.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
        assert model.config.id2label == dict(enumerate(plan.labels))
        notes = objective(here).training(here, load_tokenizer(here)).notes
        assert any(("own head" if kept else "head is fresh") in note for note in notes)


def test_weights_that_are_not_the_config_s_are_no_base(make_encoder: MakeEncoder, make_plan: MakePlan) -> None:
    folder = make_encoder("BertForMaskedLM")
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with pytest.raises(TrainerError, match=r"lack bert\.encoder\.layer\.2") as error:
        load_model(make_plan("text-classification", model=str(folder)))
    assert error.value.failure.code == "unreadable_model"


@pytest.mark.parametrize(
    ("architecture", "task", "settings", "inputs"),
    [
        ("DistilBertForMaskedLM", "token-classification", {}, ["input_ids", "attention_mask"]),
        ("RobertaForMaskedLM", "text-classification", {}, ["input_ids", "attention_mask", "token_type_ids"]),
    ],
)
def test_the_graph_gives_the_same_answers_in_every_precision_and_one_of_another_model_does_not_pass(
    architecture: str, task: Any, settings: dict[str, Any], inputs: list[str], make_encoder: MakeEncoder,
    make_plan: MakePlan, tmp_path: Path,
) -> None:  # fmt: skip
    import onnxruntime

    from trainers.onnx.build import export
    from trainers.onnx.prove import prove

    plan = make_plan(task, model=str(make_encoder(architecture, **settings)), outputs=Outputs(["fp32", "int8"]))
    out = tmp_path / "out"
    folder = out / WORK / "merged"
    folder.parent.mkdir(parents=True)
    model = load_model(plan)
    model.save_pretrained(folder)
    load_tokenizer(plan).save_pretrained(folder)
    export(plan, out, ProgressWriter(out))
    prove(plan, out, ProgressWriter(out), evaluated=False)
    found = msgspec.convert(load_part(out, "onnx")["onnx"], list[OnnxResult])
    assert [one.precision for one in found] == ["fp32", "int8"]
    for one in found:
        assert one.parity.predictions_compared == (7 if task == "text-classification" else 49)
        assert one.parity.greedy_tokens_compared == 0
        assert one.quality is not None
        assert one.quality.f1 is not None
        assert one.latency is not None
        assert one.latency.new_tokens == 0
    assert found[0].parity.predictions_equal == found[0].parity.predictions_compared
    session = onnxruntime.InferenceSession(str(out / found[1].path))
    assert [one.name for one in session.get_inputs()] == inputs
    assert [one.shape for one in session.get_inputs()] == [["batch_size", "sequence_length"]] * len(inputs)

    for value in list(model.classifier.parameters())[-2:]:
        value.data.neg_()  # of its last layer
    model.save_pretrained(folder)
    (out / WORK / "part-onnx.json").unlink()
    with pytest.raises(TrainerError, match="relative logit difference") as error:
        prove(plan, out, ProgressWriter(out), evaluated=False)
    assert error.value.failure.code == "parity_failed"


def test_what_no_classifier_does_is_refused_before_any_library_is_loaded(
    make_plan: MakePlan, model: Path, bert: Path
) -> None:
    plan = make_plan("text-classification", labels=["one"], sharding="zero2", processes=2, model=str(model))
    plan = msgspec.structs.replace(plan, hyperparameters=values(packing=True, batch_size=8, micro_batch=4))
    said = "; ".join(refusals(plan))
    for part in ("phi3 is none of the encoders", "packing", "sharding 'zero2'", "fewer than two labels"):
        assert part in said
    assert "bert is an encoder" in "; ".join(refusals(msgspec.structs.replace(plan, task="chat", model=str(bert))))
    virtual = values(peft={"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4})
    plan = make_plan("text-classification", technique="peft", hyperparameters=virtual)
    one = technique("peft")
    with pytest.raises(TrainerError, match="Virtual tokens"):
        one.wrap(one.load(plan), plan, steps=4)
