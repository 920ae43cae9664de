"""What AWS has answered in this run: each question is asked once, and forgotten with what it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable

from auditor.errors import Refused
from auditor.model import Json

Key = tuple[object, ...]


class _Answer:
    """What was answered or raised, once `awaited` is free; who asks first holds it from the beginning."""

    __slots__ = ("awaited", "error", "said")

    def __init__(self) -> None:
        self.awaited = threading.Lock()
        self.awaited.acquire()
        self.said: Json = None
        self.error: BaseException | None = None


class Memo:
    """Answers by question; who asks while the same question is under way waits for its answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Key, _Answer] = {}
        self._about: dict[Key, list[Key]] = {}

    def once(self, key: Key, about: Key, make: Callable[[], Json]) -> Json:
        """Return the answer to a question, asked when it is new; raises the same `Refused` to everyone who asks.

        `about` is the resource, or the account, with which the answer is forgotten.
        """
        with self._lock:
            answer = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = _Answer()
                self._about.setdefault(about, []).append(key)
        if mine:
            try:
                answer.said = make()
            except BaseException as error:  # noqa: BLE001 - passed on to everyone who waits for it
                # The way a refusal went leads through here: with it, this answer would hold itself, and never be freed.
                answer.error = error.with_traceback(None) if isinstance(error, Refused) else error
            finally:
                answer.awaited.release()
        else:
            with answer.awaited:
                pass
        if answer.error is None:
            return answer.said
        if isinstance(answer.error, Refused):
            said = answer.error
            raise Refused(said.reason, said.words, said.permission, attempts=said.attempts)
        raise answer.error

    def forget(self, about: Key) -> None:
        """Forget what was answered about a resource, or an account, that nobody will ask for again."""
        with self._lock:
            for key in self._about.pop(about, ()):
                self._answers.pop(key, None)
