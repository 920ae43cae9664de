"""Scanning: what one policy says to one request, statement by statement, in three-valued logic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.iam.conditions import Kleene, holds
from auditor.iam.errors import Unreadable
from auditor.iam.policy import Policy
from auditor.iam.principals import Level, Reach, match_principals
from auditor.iam.request import Request
from auditor.iam.statement import Statement

__all__ = ["SILENT", "Scan", "conditions_hold", "scan", "speaks", "union"]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a policy says: does a Deny match, and how directly do its Allows surely, and possibly, name the caller.

    Policies without principals (identity policies, SCPs) allow at the level DIRECT or not at all.
    """

    deny: Kleene
    sure: Level
    possible: Level

    def allows(self, level: Level = Level.ACCOUNT) -> Kleene:
        """Return whether the policy allows the request, naming the caller at least this directly."""
        if self.sure >= level:
            return True
        return None if self.possible >= level else False


SILENT = Scan(deny=False, sure=Level.NONE, possible=Level.NONE)
_ANYTHING = Scan(deny=None, sure=Level.NONE, possible=Level.DIRECT)
_DIRECT = Reach(Level.DIRECT, Level.DIRECT)
_NOBODY = Reach(Level.NONE, Level.NONE)


def scan(policy: Policy | Unreadable, request: Request, *, principals: bool = False) -> Scan:
    """Return what the policy says to the request; an unreadable policy could say anything.

    `principals` says whether Principal elements count, as in resource policies; elsewhere they are passed over.
    """
    if isinstance(policy, Unreadable):
        return _ANYTHING
    action = request.action.lower()
    deny: Kleene = False
    sure = possible = Level.NONE
    for statement in policy.statements:
        if not statement.actions.match(action):
            continue
        verdict, reach = speaks(statement, request, principals=principals)
        if verdict is False:
            continue
        if statement.allows:
            possible = max(possible, reach.possible)
            if verdict:
                sure = max(sure, reach.sure)
        elif verdict and reach.sure:
            return Scan(deny=True, sure=Level.NONE, possible=Level.NONE)
        else:
            deny = None
    return Scan(deny, sure, possible)


def speaks(statement: Statement, request: Request, *, principals: bool) -> tuple[Kleene, Reach]:
    """Return whether a statement whose action fits speaks of the request, and how directly it names the caller.

    The verdict leaves the principal's uncertainty to the reach.
    """
    verdict: Kleene = True
    if statement.resources is not None:
        verdict = statement.resources.match(request.resource, request.facts)
        if verdict is False:
            return False, _NOBODY
    reach = _DIRECT
    if principals:
        if statement.principals is None:
            return False, _NOBODY
        reach = match_principals(statement.principals, request.caller, request.facts)
        if not reach.possible:
            return False, _NOBODY
    if statement.conditions:
        held = conditions_hold(statement, request)
        verdict = False if held is False else verdict if held else None
    return verdict, reach


def conditions_hold(statement: Statement, request: Request) -> Kleene:
    """Return whether every condition of the statement holds for the request."""
    verdict: Kleene = True
    for condition in statement.conditions:
        held = holds(condition, request.facts)
        if held is False:
            return False
        if held is None:
            verdict = None
    return verdict


def union(scans: Iterable[Scan]) -> Scan:
    """Return what several policies say together: any Deny denies, any Allow allows."""
    deny: Kleene = False
    sure = possible = Level.NONE
    for found in scans:
        if found.deny:
            return Scan(deny=True, sure=Level.NONE, possible=Level.NONE)
        deny = None if found.deny is None else deny
        sure, possible = max(sure, found.sure), max(possible, found.possible)
    return Scan(deny, sure, possible)
