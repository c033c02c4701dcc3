"""QDoRA: DoRA on a base in 4 bits."""

from __future__ import annotations

from trainers.techniques.qlora import Qlora


class Qdora(Qlora):
    """DoRA on 4 bits."""

    dora = True
