"""How fast an API of an account may be asked: as fast as one likes, until AWS says that this is too fast.

AWS documents few rates, counts them by account, Region and API, and shares them with everyone else in the account. So
nothing is slowed in advance; the first "not now" opens a token bucket, which every worker of the run draws from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import MappingProxyType

# Calls a second. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeContinuousBackups.html
_DOCUMENTED: Mapping[str, float] = MappingProxyType({"dynamodb:DescribeContinuousBackups": 10.0})
# What every account is allowed at the least, so that throttling which has nothing to do with one's own rate (another
# program of the account, a fault) does not stop a run. IAM has one endpoint for all Regions, and the least patience.
_LEAST: Mapping[str, float] = MappingProxyType({"iam": 5.0, "sts": 10.0, "dynamodb": 5.0, "lambda": 10.0, "s3": 50.0})
_LEAST_OF_OTHERS = 5.0
_SHRINK, _GROW, _SETTLED, _OPEN = 0.7, 1.0, 1.0, 400.0


class Pace:
    """The token bucket of one API in one account and Region; many threads may use it at once."""

    def __init__(self, service: str, operation: str) -> None:
        self._lock = threading.Lock()
        self._least = min(_LEAST.get(service, _LEAST_OF_OTHERS), _DOCUMENTED.get(f"{service}:{operation}", _OPEN))
        self._first = _DOCUMENTED.get(f"{service}:{operation}", 0.0)
        self._rate: float | None = None
        self._next = 0.0
        self._cut = 0.0

    @property
    def rate(self) -> float | None:
        """Return the calls a second that are allowed now, or `None` while there is no limit."""
        return self._rate

    def wait(self, now: float | None = None) -> float:
        """Take a place in the queue and return the seconds until it is one's turn; 0 while there is no limit."""
        if self._rate is None:
            return 0.0
        now = time.monotonic() if now is None else now
        with self._lock:
            rate = self._rate or _OPEN
            turn = max(self._next, now)
            self._next = turn + 1 / rate
            return turn - now

    def answered(self) -> None:
        """Take a call that AWS carried out: a limited rate grows by one call a second each second, up to no limit."""
        if self._rate is None:
            return
        with self._lock:
            if self._rate is not None:
                self._rate += _GROW / self._rate
                if self._rate >= _OPEN:
                    self._rate = None

    def throttled(self, now: float | None = None) -> None:
        """Take a "not now": the documented rate at first, then seven tenths of the rate, at most once a second."""
        now = time.monotonic() if now is None else now
        with self._lock:
            if self._rate is None:
                self._rate = max(self._least, self._first or self._least * 4)
                self._next = now
            elif now - self._cut >= _SETTLED:
                self._rate = max(self._least, self._rate * _SHRINK)
            else:
                return
            self._cut = now


class Paces:
    """The buckets of one account, made when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[tuple[str, str, str], Pace] = {}

    def of(self, service: str, operation: str, region: str) -> Pace:
        """Return the bucket of an API in a Region; IAM's are the same in all."""
        key = (service, operation, "" if service == "iam" else region)
        found = self._paces.get(key)
        if found is None:
            with self._lock:
                found = self._paces.setdefault(key, Pace(service, operation))
        return found
