"""How long a call is tried, and how long is waited between two attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass

from auditor.aws.refusals import Hope

# Done twice, these answer that it is already done, which would read as a refusal of what succeeded.
_ONCE = frozenset({"AddPermission", "RemovePermission"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is tried.

    `attempts` while AWS answers "not now" or fails, `silent_attempts` while nothing is heard; between two of them a
    random wait up to `first_wait` seconds, doubled each time up to `longest_wait`; seconds for a connection and for an
    answer. With a third of all calls throttled, twelve attempts leave three calls in a million without an answer.
    botocore's adaptive mode is not used: where throttling does not depend on one's own rate, it slows down to one call
    in two seconds.
    """

    attempts: int = 12
    silent_attempts: int = 3
    first_wait: float = 0.1
    longest_wait: float = 8.0
    connect_timeout: float = 5.0
    read_timeout: float = 20.0

    def allowed(self, hope: Hope, *, writes: bool, operation: str) -> int:
        """Return how many attempts a call has after this kind of failure."""
        if hope is Hope.BUSY:
            return self.attempts
        if hope is Hope.NONE or (writes and operation in _ONCE):
            return 1
        return self.silent_attempts if writes or hope is Hope.SILENT else self.attempts

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after an attempt."""
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))  # noqa: S311 - a wait  # nosec B311
