"""The only door to boto3: a call in, a plain answer or a refusal in words out."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from auditor.aws.answers import must_make_sense, plain
from auditor.aws.counts import Counts
from auditor.aws.door import Door, Ways
from auditor.aws.pace import Paces
from auditor.aws.patience import Patience
from auditor.aws.refusals import DENIALS
from auditor.aws.sessions import Manner, Session
from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call, way_in
from auditor.model import Account, Json, Usage

__all__ = ["DENIALS", "Aws", "Patience", "plain"]


class Aws:
    """The AWS accounts of a run, with their sessions and clients; many threads may use it at once."""

    def __init__(self, *, concurrency: int = 32, patience: Patience | None = None) -> None:
        self.concurrency = concurrency
        self.patience = patience or Patience()
        self.counts = Counts()
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._doors: dict[tuple[str | None, ...], Door] = {}
        self._ways = Ways()
        self._paces: dict[str, Paces] = {}
        self._loader: Any = None

    def __enter__(self) -> Aws:  # noqa: PYI034 - Aws has no subclasses
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, account: Account, region: str) -> Ask:
        """Return how to read in an account and Region; the answers are JSON, with dates as ISO 8601 text in UTC.

        Raises `Refused`; with the reason `WrongAccount` whenever the credentials are not those of `account.id`.
        """
        return lambda call: self._make(account, region, call, writes=False)

    def tell(self, account: Account, region: str) -> Ask:
        """Return how to write: as `ask`, with parameters validated first and less patience after an unclear outcome."""
        return lambda call: self._make(account, region, call, writes=True)

    def usage(self) -> Usage:
        """Return the calls that left for AWS so far, and the requests beyond the first of each; `seconds` is 0."""
        return self.counts.usage()

    def leave(self, account: Account) -> None:
        """Close the clients of an account that is not asked for now; whoever asks again finds it open."""
        with self._lock:
            door = self._doors.get(way_in(account))
        if door is not None:
            door.leave()

    def stop(self) -> None:
        """End all waiting: calls under way are not repeated, and no new ones leave."""
        self.stopped.set()

    def close(self) -> None:
        """Stop, and close all connections."""
        self.stop()
        with self._lock:
            doors = list(self._doors.values())
        for door in doors:
            door.close()
        self._ways.close()

    def _make(self, account: Account, region: str, call: Call, *, writes: bool) -> Json:
        door = self._door(account)
        if (wrong := door.wrong()) is not None:
            raise Refused(wrong.reason, wrong.words, wrong.permission, attempts=wrong.attempts)
        return door.make(call, region, writes=writes)

    def _door(self, account: Account) -> Door:
        key = way_in(account)
        with self._lock:
            if key not in self._doors:
                if self._loader is None:
                    from botocore.loaders import create_loader

                    # Service models are large; every session of its own would parse them again.
                    self._loader = create_loader()
                manner = Manner(self.patience, self.concurrency, self.counts.sent, self._loader)
                self._doors[key] = Door(
                    account,
                    lambda: Session(account, manner),
                    patience=self.patience,
                    counts=self.counts,
                    stopped=self.stopped,
                    # AWS counts an account's calls, whoever makes them.
                    paces=self._paces.setdefault(account.id, Paces()),
                    ways=self._ways,
                    sense=must_make_sense,
                )
            return self._doors[key]
