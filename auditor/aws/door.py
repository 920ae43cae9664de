"""One account's door: credentials that were found to be the right ones or not, and calls made with patience and at a pace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.aws.answers import plain
from auditor.aws.counts import Counts
from auditor.aws.pace import Paces
from auditor.aws.patience import Patience
from auditor.aws.refusals import Hope, refused
from auditor.aws.sessions import Session
from auditor.aws.straight import Straight
from auditor.errors import Refused, Text
from auditor.kinds.facet import Call
from auditor.model import Account, Json

_WRONG = Text(
    "The credentials for account {} are those of {}, not of {}.",
    "アカウント {0} の認証情報が {2} ではなく {1} のものです。",
)
_NOT_ASKED = Text("{} was not asked: the run was ended.", "{} は呼び出していません。実行が終了しました。")


class Ways:
    """The straight ways of a run, shared by all accounts whose profiles speak to AWS in the same manner."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ways: dict[tuple[str, str, str], Straight] = {}

    def of(self, look: str, service: str, region: str, make: Callable[[], Straight]) -> Straight:
        """Return the way to a service in a Region, made when it is first needed."""
        key = (look, service, region)
        found = self._ways.get(key)
        if found is None:
            with self._lock:
                found = self._ways.get(key) or make()
                self._ways[key] = found
        return found

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for way in self._ways.values():
                way.close()


class Door:
    """One account: its session, made when it is first needed, and its clients."""

    def __init__(
        self,
        account: Account,
        enter: Callable[[], Session],
        *,
        patience: Patience,
        counts: Counts,
        stopped: threading.Event,
        paces: Paces,
        ways: Ways,
        sense: Callable[[Any, Any], None],
    ) -> None:
        self._account = account
        self._enter = enter
        self._patience = patience
        self._counts = counts
        self._stopped = stopped
        self._ways = ways
        self._sense = sense
        self._paces = paces
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._look = ""
        self._credentials: Any = None
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._checked = threading.Lock()
        self._known = False
        self._wrong: Refused | None = None

    def wrong(self) -> Refused | None:
        """Return why nothing of this account may be read; `None` when STS, asked once, names the declared account."""
        if self._known:
            return self._wrong
        with self._checked:
            if not self._known:
                self._wrong = self._verify()
                self._known = True
            return self._wrong

    def _verify(self) -> Refused | None:
        try:
            found = self.make(Call("sts", "GetCallerIdentity"), self._account.region, writes=False).get("Account")
        except Refused as refusal:
            return refusal
        if found == self._account.id:
            return None
        return Refused("WrongAccount", _WRONG.fill(self._account.name, found, self._account.id))

    def make(self, call: Call, region: str, *, writes: bool) -> Json:
        """Return a call's answer; tries again as patience allows, and no faster than AWS lets this account."""
        pace = self._paces.of(call.service, call.operation, call.region or region)
        with self._counts.calling(call.operation):
            attempt = 0
            while True:
                attempt += 1
                turn = pace.wait()
                if self._stopped.wait(turn) if turn else self._stopped.is_set():
                    raise Refused("Interrupted", _NOT_ASKED.fill(f"{call.service}:{call.operation}"))
                said = self._once(call, region, writes=writes)
                if not isinstance(said, _Failure):
                    pace.answered()
                    return said
                if said.hope is Hope.BUSY:
                    pace.throttled()
                said.refusal.attempts = attempt
                left = attempt < self._patience.allowed(said.hope, writes=writes, operation=call.operation)
                if not left or self._stopped.wait(self._patience.pause(attempt)):
                    try:
                        raise said.refusal
                    finally:
                        # An error keeps the frames that it went through: one that holds the error would never be freed.
                        del said

    def _once(self, call: Call, region: str, *, writes: bool) -> Json | _Failure:
        try:
            answer = None if writes else self._straight(call, call.region or region)
            if answer is None:
                answer = self._method(call, region, writes=writes)(**call.params)
        except Exception as error:  # noqa: BLE001 - nothing raw passes the door
            session = self._session
            secrets = session.secrets() if session else [self._account.external_id or ""]
            return _Failure(*refused(error, call, [one for one in secrets if one]))
        return plain({name: value for name, value in answer.items() if name != "ResponseMetadata"})

    def _entered(self) -> Session:
        if self._session is None:
            with self._lock:  # botocore's sessions are not safe to use from two threads
                if self._session is None:
                    session = self._enter()
                    self._look, self._credentials = session.look(), session.credentials
                    self._session = session
        return self._session

    def _straight(self, call: Call, region: str) -> dict[str, Any] | None:
        session = self._entered()

        def make() -> Straight:
            with self._lock:
                client = session.client(call.service, region, writes=False, shared=True)
                return Straight(client, self._counts.sent, self._sense)

        way = self._ways.of(self._look, call.service, region, make)
        return way.call(call.operation, call.params, self._credentials)

    def _method(self, call: Call, region: str, *, writes: bool) -> Any:
        from botocore import xform_name
        from botocore.exceptions import ParamValidationError

        client = self._client(call.service, call.region or region, writes=writes)
        if call.operation not in client.meta.service_model.operation_names:
            raise ParamValidationError(report=f"{call.service} has no {call.operation}")
        return getattr(client, xform_name(call.operation))

    def _client(self, service: str, region: str, *, writes: bool) -> Any:
        key = (service, region, writes)
        client = self._clients.get(key)
        if client is None:
            session = self._entered()
            with self._lock:
                client = self._clients.get(key) or session.client(service, region, writes=writes)
                self._clients[key] = client
        return client

    def close(self) -> None:
        """Close the connections of all clients."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def leave(self) -> None:
        """Close and forget the clients, and the session too where its credentials are simply there.

        Others stay: they were asked for (`AssumeRole`, a code of MFA), and refresh themselves by their session.
        """
        from botocore.credentials import Credentials

        with self._lock:
            self.close()
            self._clients = {}
            if type(self._credentials) is Credentials:
                self._session = self._credentials = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """A refusal, and whether to try again."""

    refusal: Refused
    hope: Hope
