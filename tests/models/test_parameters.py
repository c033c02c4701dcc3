"""Parameter counts are exact."""

from __future__ import annotations

import pytest

from service.data import rule_files
from service.models.catalogue import CatalogueModel, catalogue, count_parameters
from service.models.families import FAMILIES

ROWS = list(catalogue(rule_files()).values())


@pytest.mark.parametrize("row", [row for row in ROWS if row.params_published], ids=lambda row: row.id)
def test_the_count_equals_the_published_total(row: CatalogueModel) -> None:
    assert count_parameters(row.config, where=row.id) == row.params


@pytest.mark.parametrize("row", [row for row in ROWS if row.family in FAMILIES], ids=lambda row: row.id)
def test_the_count_of_every_row_is_what_the_catalogue_says(row: CatalogueModel) -> None:
    assert count_parameters(row.config, where=row.id) == row.params


def test_every_row_names_its_source() -> None:
    assert [row.id for row in ROWS if not row.source] == []
    assert sum(row.params_published for row in ROWS) >= 10


def test_a_family_without_a_formula_is_not_counted() -> None:
    assert count_parameters(catalogue(rule_files())["phi-3.5-moe"].config, where="phi-3.5-moe") is None
