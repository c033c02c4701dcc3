"""Says at once, in this process, that jobs or evaluations may have changed; what others change is found by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Changes:
    """Who wants to know is called in the thread of whoever made a change, once that is durable."""

    def __init__(self) -> None:
        self._told: tuple[Callable[[], object], ...] = ()

    @contextmanager
    def told(self, call: Callable[[], object]) -> Iterator[None]:
        """While the block runs, `call` is called; it must be quick and never fail."""
        self._told = (*self._told, call)
        try:
            yield
        finally:
            self._told = tuple(one for one in self._told if one is not call)

    def tell(self) -> None:
        """Something was changed."""
        for call in self._told:
            call()


CHANGES = Changes()
