"""serving: the model of one folder, loaded once and asked by many, without a store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from service.artifacts.answerable import Answerable, in_folder, require_intact
from service.errors import TuneGateError
from service.launch.answering import Answerers
from service.records.chat_completion import ChatModel, ChatModels
from service.records.manifest import MANIFEST
from service.verbs.chat import Asked
from service.verbs.chat_request import ChatQuestion

# what Azure Machine Learning mounts a registered model at
MOUNTED = "AZUREML_MODEL_DIR"
_THREADS = 8
_WAITING = 64


class ServedModel:
    """The model and who answers for it; `answerers` and `chatting` are what chat asks of its context."""

    def __init__(self, model: Answerable) -> None:
        self.model = model
        self.answerers = Answerers(most=1, idle_seconds=None, waiting=_WAITING)
        self.chatting = anyio.CapacityLimiter(_THREADS)
        self.made = int(time.time())

    def ready(self) -> None:
        """Return once it is loaded.

        Raises:
            TuneGateError: why it cannot be loaded.
        """
        self.answerers.started(self.model.folder, self.model.engine).wait_ready()

    def asked(self, chat: ChatQuestion) -> Asked:
        """The question with the only model that there is; other names are its too, as clients must name one."""
        return Asked(chat, self.model, int(time.time()))

    def models(self) -> ChatModels:
        """The one that answers."""
        return ChatModels([ChatModel(id=self.model.name, created=self.made)])


@contextmanager
def served(folder: Path, precision: str | None) -> Iterator[ServedModel]:
    """The model of an artifact, its files held against the manifest, as long as the block runs.

    Raises:
        TuneGateError: `unreadable_path`, `artifact_corrupt`, `not_found`, `target_cannot`.
    """
    model = in_folder(_artifact(folder), precision)
    require_intact(model)
    one = ServedModel(model)
    try:
        yield one
    finally:
        one.answerers.close()


def mounted() -> Path:
    """Where the model is mounted.

    Raises:
        TuneGateError: `usage` where nothing says so.
    """
    place = os.environ.get(MOUNTED)
    if not place:
        raise TuneGateError("usage", f"No folder is given, and {MOUNTED} is not set.", remedy="Give the folder.")
    return Path(place)


def _artifact(folder: Path) -> Path:
    """A registered folder is mounted below a folder of its own."""
    if (folder / MANIFEST).is_file():
        return folder
    return next((path.parent for path in sorted(folder.glob(f"*/{MANIFEST}"))), folder)
