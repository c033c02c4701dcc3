"""A stored evaluation is named by its id where a decision is asked for over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.records.evaluation import Evaluation
from service.settings import load_settings
from service.storage.storage import Storage
from service.store.database import migrate, open_engine
from service.store.store import Store
from service.verbs.context import Context
from service.verbs.records import DecisionRequest, make_decision


def test_a_decision_takes_over_stored_evaluations(evaluated: Callable[..., Evaluation], tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'records.sqlite'}")
    migrate(engine)
    settings = load_settings()
    context = Context(settings, rule_files(), Store(engine), Storage(settings), runner=None)  # type: ignore[arg-type]
    found = evaluated(400, plain=0.97)
    context.store.put("evaluation", found.id, found)
    body = msgspec.json.encode({"facts": {}, "evaluation_ids": [found.id]})
    decision = make_decision(context, msgspec.json.decode(body, type=DecisionRequest))
    assert decision.answer is not None
    assert decision.answer.step == "keep-prompt"
    assert {one.source for one in decision.facts} == {f"measured:{found.id}"}
    with pytest.raises(TuneGateError) as raised:
        make_decision(context, DecisionRequest(evaluation_ids=["f" * 64]))
    assert raised.value.code == "unknown_id"
    engine.dispose()
