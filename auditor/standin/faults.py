"""Make chosen calls fail in chosen ways, and remember every call."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.standin.operations import Operation

# What each service calls an expired session; S3 and the XML services say ExpiredToken.
_EXPIRED_JSON = "ExpiredTokenException"


@dataclass(frozen=True)
class Fault:
    """Which calls to disturb, and how.

    service, operation: regular expressions that must match the whole name; resource: one that must be found in it.
    account: the caller's account id. skip: let so many matching calls pass; times: then disturb so many (None: all).
    probability: of disturbing a matching call, drawn from `seed`.
    status, code, message, headers: answer this error. expired: answer that the token has expired. redirect: answer
    301 to this Region. body: answer this text instead of the real body. truncate: cut the real body after so many
    bytes. drop: close the connection without an answer. delay: wait so many seconds first.
    after: let the call do its work before the answer is spoilt.
    """

    service: str = ".*"
    operation: str = ".*"
    resource: str = ""
    account: str = ""
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    status: int = 0
    code: str = "InternalError"
    message: str = "The stand-in was told to fail this call."
    headers: dict[str, str] = field(default_factory=dict)
    expired: bool = False
    redirect: str = ""
    body: str | None = None
    truncate: int | None = None
    drop: bool = False
    delay: float = 0.0
    after: bool = False

    @classmethod
    def of(cls, values: dict[str, Any]) -> Fault:
        """Return the fault described by a mapping; raise ValueError for an unknown word or a bad expression."""
        known = [item.name for item in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise ValueError(f"a fault has no {unknown[0]!r}; it may have: {', '.join(known)}")
        fault = cls(**values)
        try:
            for pattern in (fault.service, fault.operation, fault.resource):
                re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return fault

    def concerns(self, call: Operation, account: str) -> bool:
        """Return whether the fault is meant for this call."""
        return bool(
            re.fullmatch(self.service, call.service)
            and re.fullmatch(self.operation, call.name)
            and re.search(self.resource, call.resource)
            and self.account in ("", account)
        )

    def spoils(self) -> bool:
        """Return whether the answer itself is replaced, so that without `after` the call never reaches AWS."""
        return bool(self.status or self.expired or self.redirect or self.drop)

    def error(self, protocol: str) -> tuple[str, str, int, dict[str, str]]:
        """Return code, message, status and headers of the error to answer."""
        if self.redirect:
            text = "The bucket you are attempting to access must be addressed using the specified endpoint."
            return "PermanentRedirect", text, 301, {"x-amz-bucket-region": self.redirect}
        if self.expired:
            code = _EXPIRED_JSON if protocol.endswith("json") else "ExpiredToken"
            return code, "The security token included in the request is expired", 400, {}
        return self.code, self.message, self.status, dict(self.headers)


class Faults:
    """The faults in force, with how often each has been met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, Iterator[bool]]] = []

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put these faults in force instead of those before."""
        with self._lock:
            self._faults = [(fault, _strikes(fault)) for fault in faults]

    def meet(self, call: Operation, account: str) -> Fault | None:
        """Return the first fault that strikes this call; counts the call against the faults asked before it."""
        with self._lock:
            for fault, strikes in self._faults:
                if fault.concerns(call, account) and next(strikes):
                    return fault
        return None


def _strikes(fault: Fault) -> Iterator[bool]:
    """Yield for each matching call whether it is struck."""
    chance = random.Random(fault.seed)  # noqa: S311 - repeatable, not secret  # nosec B311
    met = struck = 0
    while True:
        met += 1
        strike = (
            met > fault.skip
            and (fault.times is None or struck < fault.times)
            and (fault.probability >= 1 or chance.random() < fault.probability)
        )
        struck += strike
        yield strike


class CallLog:
    """Every call the stand-in was asked, in order of arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[dict[str, Any]] = []

    def open(self, call: Operation, account: str, principal: str) -> dict[str, Any]:
        """Add a call without status and return its line, which the server completes."""
        line = {
            "service": call.service,
            "operation": call.name,
            "resource": call.resource,
            "account": account,
            "region": call.region,
            "principal": principal,
            "status": None,
        }
        with self._lock:
            self._calls.append(line)
        return line

    def lines(self) -> list[dict[str, Any]]:
        """Return a copy of all lines."""
        with self._lock:
            return [dict(line) for line in self._calls]

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
