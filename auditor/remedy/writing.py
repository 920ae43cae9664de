"""One facet against AWS: read it, write it, wait until it is seen; every doubt is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call
from auditor.model import Account, Json, Text
from auditor.remedy.chain import Entry
from auditor.remedy.change import Change, between, same
from auditor.remedy.journal import Journal
from auditor.scope import first_unread

_LACKS = Text("AWS's answer for {} lacks {}.", "{} に対する AWS の応答に {} がありません。")
_PARTLY = Text("{} is not known: {}", "{} を読み取れませんでした: {}")
LOST = frozenset({"Timeout", "Unreachable", "ConnectionClosed", "Malformed"})
"""Refusals after which nobody knows whether AWS did what it was told."""

_UNSURE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "KMSInternalException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
_SETTLES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ContinuousBackups": frozenset({"ContinuousBackupsUnavailableException"}),
        "Notification": frozenset({"InvalidArgument"}),
        "Replication": frozenset({"InvalidRequest", "InvalidArgument"}),
    }
)
"""Refusals that pass by themselves once AWS's parts have heard of each other: a new table's backups, a grant that S3
does not see yet, versioning that was just enabled."""


class Door(Protocol):
    """The way to AWS that a run takes (`auditor.aws.Aws` is one)."""

    def ask(self, account: Account, region: str) -> Ask:
        """Return how to read in an account and Region."""

    def tell(self, account: Account, region: str) -> Ask:
        """Return how to write in an account and Region."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: between looks after a write, and between tries of a write that must settle."""

    looks: tuple[float, ...] = (0, 0.3, 0.7, 1.5, 3, 5, 8, 12)
    tries: tuple[float, ...] = (1, 2, 4, 8, 15)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Hand:
    """What a run works with: the way to AWS, the open journal, and how long to wait."""

    aws: Door
    journal: Journal
    patience: Patience

    def about(self, change: Change) -> Entry | None:
        """Return the first line that told of a write to come: its `before` is what the facet was before the run."""
        found = (one for one in self.journal.entries if one.change == change.id and one.event == "about")
        return next(found, None)

    def last(self, change: Change) -> Entry | None:
        """Return the newest line about a change."""
        return next((one for one in reversed(self.journal.entries) if one.change == change.id), None)


class Standing(str, Enum):
    """Where a facet stands in a change; `CHANGED` is neither of its ends: somebody else was there."""

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"
    CHANGED = "changed"


def read(aws: Door, change: Change) -> Json:
    """Return what AWS says of the facet now, or raise `Refused`; an answer without what AWS promises is `Malformed`.

    A document of which a part is not known is refused too: written back, that part would be lost.
    """
    try:
        document = change.row.read(aws.ask(change.target.account, change.target.region), change.target)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise Refused("Malformed", _LACKS.fill(change.title, error)) from None
    if (hit := first_unread(document, change.facet)) is not None:
        route, unread = hit
        raise Refused(unread.reason, _PARTLY.fill(route, unread.detail or unread), unread.permission)
    return document


def standing(change: Change, document: Json, before: Json) -> Standing:
    """Return where a document stands between the change's ends; `before` is what it was when the run wrote."""
    if same(change.row, document, change.after):
        return Standing.AFTER
    if same(change.row, document, before):
        return Standing.BEFORE
    several = len(change.do) > 1
    return Standing.BETWEEN if several and between(change.row, before, document, change.after) else Standing.CHANGED


@dataclass(frozen=True, slots=True)
class Written:
    """How calls went: how many AWS confirmed, and the refusal that stopped them."""

    confirmed: int
    refusal: Refused | None = None

    @property
    def lost(self) -> bool:
        """Tell whether AWS may have done the last call although it did not say so."""
        if self.refusal is None:
            return False
        repeated = self.refusal.reason == "Interrupted" and self.refusal.attempts > 1
        return repeated or self.refusal.reason in LOST | _UNSURE or self.refusal.reason.startswith("Http5")


def write(hand: Hand, change: Change, calls: tuple[Call, ...], *, settling: bool) -> Written:
    """Make calls in order, up to the first refusal. With `settling`, a refusal that passes by itself is waited out."""
    tell = hand.aws.tell(change.target.account, change.target.region)
    for number, call in enumerate(calls):
        waits = iter(hand.patience.tries if settling or change.facet == "ContinuousBackups" else ())
        while True:
            try:
                tell(call)
                break
            except Refused as refusal:
                wait = next(waits, None) if refusal.reason in _SETTLES.get(change.facet, ()) else None
                if wait is None:
                    return Written(number, refusal)
                hand.patience.sleep(wait)
    return Written(len(calls))


def seen(hand: Hand, change: Change, fits: Callable[[Json], bool]) -> bool:
    """Tell whether AWS answers with a document that fits before patience ends: S3 and IAM are eventually consistent."""
    for wait in hand.patience.looks:
        if wait:
            hand.patience.sleep(wait)
        try:
            if fits(read(hand.aws, change)):
                return True
        except Refused as refusal:
            if refusal.reason == "Interrupted" or refusal.reason.startswith("AccessDenied"):
                return False
    return False
