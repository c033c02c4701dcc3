"""What is generated is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.regenerate import generated

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("name", "text"), sorted(generated().items()), ids=lambda value: value[:40])
def test_a_generated_file_is_what_the_code_says(name: str, text: str) -> None:
    assert (ROOT / name).read_text() == text, f"{name} is stale: run `make regen`"


def test_every_route_documents_its_problems() -> None:
    import json

    paths = json.loads((ROOT / "openapi" / "openapi.json").read_text())["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            if path.startswith("/v1"):
                assert "application/problem+json" in operation["responses"]["400"]["content"], path
