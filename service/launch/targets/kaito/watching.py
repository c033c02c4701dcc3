"""One watch per namespace for all its jobs: a list, then every change from there on, resumed where it was cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.kaito.plan import GROUP, LABEL, MANAGER, PLURAL, VERSION
from service.launch.targets.kaito.talking import CLUSTER, talking
from service.launch.targets.talking import unreachable

_DOING = "watching the Workspaces"
_SELECTOR = f"{LABEL}={MANAGER}"
# the server ends a watch after so long, and one that says nothing at all is given up soon after
_WATCH_SECONDS, _SPARE_SECONDS, _CONNECT_SECONDS = 60, 15, 10
# nobody asks any more
_IDLE_SECONDS = 300
_SYNC_SECONDS = 30
_PAUSE, _SLOWEST = 0.5, 60.0


class Watched:
    """The Workspaces of a namespace as the cluster last told them; the thread ends when nobody asks any more."""

    def __init__(self, api: Callable[[], Any], namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._objects: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._known = threading.Event()
        self._failure: TuneGateError | None = None
        self._thread: threading.Thread | None = None
        self._asked = 0.0
        # of the thread alone: where to go on (null: with a new list), and failures in a row
        self._version: str | None = None
        self._failures = 0

    def get(self, name: str) -> dict[str, Any] | None:
        """The Workspace, or None where the watch knows none.

        Raises:
            TuneGateError: while the cluster does not answer.
        """
        with self._lock:
            self._asked = time.monotonic()
            if self._thread is None:
                self._known.clear()
                self._thread = threading.Thread(target=self._run, name="kaito-watch", daemon=True)
                self._thread.start()
        if not self._known.wait(_SYNC_SECONDS):
            raise unreachable(_DOING, f"nothing in {_SYNC_SECONDS} s", who=CLUSTER)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            return self._objects.get(name)

    def _run(self) -> None:
        self._begin()
        while not self._idle():
            try:
                if self._version is None:
                    self._list()
                else:
                    self._follow(self._version)
            except TuneGateError as error:
                self._failures += 1
                # the first time it is taken up where it was cut; then nothing is sure but a new list
                if self._failures > 1 or self._version is None:
                    self._version = None
                    self._fail(error)
            except BaseException as error:
                self._fail(unreachable(_DOING, type(error).__name__, who=CLUSTER))
                with self._lock:
                    self._thread = None
                raise
            else:
                self._failures = 0
            time.sleep(min(_PAUSE * 2**self._failures, _SLOWEST))

    def _begin(self) -> None:
        self._version, self._failures = None, 0

    def _idle(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked < _IDLE_SECONDS:
                return False
            self._thread = None
            return True

    def _list(self) -> None:
        with talking(_DOING):
            found = self._api().list_namespaced_custom_object(
                GROUP, VERSION, self._namespace, PLURAL,
                label_selector=_SELECTOR, _request_timeout=(_CONNECT_SECONDS, _SYNC_SECONDS),
            )  # fmt: skip
        with self._lock:
            self._objects = {one["metadata"]["name"]: one for one in found["items"]}
            self._failure = None
        self._known.set()
        self._version = found["metadata"]["resourceVersion"]

    def _follow(self, version: str) -> None:
        """Take every change until the server ends the watch; one that it knows no more begins with a new list."""
        from kubernetes.client.exceptions import ApiException
        from kubernetes.watch import Watch

        watch = Watch()
        try:
            with talking(_DOING):
                for event in watch.stream(
                    self._api().list_namespaced_custom_object, GROUP, VERSION, self._namespace, PLURAL,
                    label_selector=_SELECTOR, resource_version=version, timeout_seconds=_WATCH_SECONDS,
                    allow_watch_bookmarks=True, _request_timeout=(_CONNECT_SECONDS, _WATCH_SECONDS + _SPARE_SECONDS),
                ):  # fmt: skip
                    self._take(event)
                    self._version = event["raw_object"]["metadata"]["resourceVersion"]
                    self._failures = 0
                    if self._unasked():
                        break
        except TuneGateError as error:
            cause = error.__cause__
            if not isinstance(cause, ApiException) or cause.status != 410:
                raise
            self._version = None

    def _unasked(self) -> bool:
        with self._lock:
            return time.monotonic() - self._asked >= _IDLE_SECONDS

    def _take(self, event: dict[str, Any]) -> None:
        made = event["raw_object"]
        with self._lock:
            if event["type"] == "DELETED":
                self._objects.pop(made["metadata"]["name"], None)
            elif event["type"] in {"ADDED", "MODIFIED"}:
                self._objects[made["metadata"]["name"]] = made

    def _fail(self, error: TuneGateError) -> None:
        with self._lock:
            self._failure = error
        self._known.set()
