"""What AWS has answered in this run: each question is asked once, and forgotten with the resource that it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from auditor.errors import Refused
from auditor.model import Json

Key = tuple[object, ...]


class Memo:
    """Answers by question; who asks while the same question is under way waits for its answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Key, Future[Json]] = {}
        self._about: dict[Key, list[Key]] = {}

    def once(self, key: Key, about: Key | None, make: Callable[[], Json]) -> Json:
        """Return the answer to a question, asked when it is new; raises the same `Refused` to everyone who asks.

        `about` is the resource with which the answer is forgotten; without it the answer is kept.
        """
        with self._lock:
            future = self._answers.get(key)
            mine = future is None
            if future is None:
                future = self._answers[key] = Future()
                if about is not None:
                    self._about.setdefault(about, []).append(key)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - passed on to everyone who waits for it
                future.set_exception(error)
        said = future.exception()
        if isinstance(said, Refused):
            raise Refused(said.reason, said.words, said.permission, attempts=said.attempts)
        return future.result()

    def forget(self, about: Key) -> None:
        """Forget what was answered about a resource that nobody will ask for again."""
        with self._lock:
            for key in self._about.pop(about, ()):
                self._answers.pop(key, None)
