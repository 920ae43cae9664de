"""The requests that really left, told apart into calls and their repetitions."""

from __future__ import annotations

import threading
from typing import Any

from auditor.model import Usage


class Counts:
    """The requests that really left, told apart into calls and their repetitions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._requests = 0
        self._here = threading.local()

    def calling(self, operation: str) -> Calling:
        """Return a context in which this thread makes one call, however often it is repeated."""
        return Calling(self._here, operation)

    def sent(self, event_name: str = "", **_: Any) -> None:
        """Count a request; botocore says so before each one leaves."""
        operation = event_name.rpartition(".")[2]
        again = getattr(self._here, "operation", "") == operation and self._here.left
        if getattr(self._here, "operation", "") == operation:
            self._here.left = True
        with self._lock:
            self._requests += 1
            # A request of another name is a call that botocore makes by itself: AssumeRole, or HeadBucket for a Region.
            self._calls += not again

    def usage(self) -> Usage:
        """Return calls and retries so far."""
        with self._lock:
            return Usage(self._calls, self._requests - self._calls)


class Calling:
    """Marks what a thread is calling; calls may nest (credentials are fetched within a call)."""

    def __init__(self, here: threading.local, operation: str) -> None:
        self._here = here
        self._operation = operation
        self._outer: tuple[str, bool] = ("", False)

    def __enter__(self) -> None:
        self._outer = (getattr(self._here, "operation", ""), getattr(self._here, "left", False))
        self._here.operation, self._here.left = self._operation, False

    def __exit__(self, *_: object) -> None:
        self._here.operation, self._here.left = self._outer
