"""Scanning: what one policy says to one request, statement by statement, in three-valued logic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from auditor.iam.conditions import Kleene, holds
from auditor.iam.errors import Unreadable
from auditor.iam.policy import Policy
from auditor.iam.principal import Level, Reach, match_principals
from auditor.iam.request import Request
from auditor.iam.statement import Statement

__all__ = ["SILENT", "Naming", "Scan", "conditions_hold", "names", "scan", "speaks", "union"]


class Naming(Enum):
    """What Principal elements mean where a policy stands: nothing, a name, or a name for a caller with a boundary."""

    IGNORED = "ignored"
    COUNTED = "counted"
    BOUNDED = "bounded"


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


def scan(policy: Policy | Unreadable, request: Request, naming: Naming = Naming.IGNORED) -> Scan:
    """Return what the policy says to the request; an unreadable policy could say anything."""
    if isinstance(policy, Unreadable):
        return _ANYTHING
    action = request.operation
    deny: Kleene = False
    sure = possible = Level.NONE
    for statement in policy.about(action):
        verdict, reach = speaks(statement, request, naming)
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


def speaks(statement: Statement, request: Request, naming: Naming) -> tuple[Kleene, Reach]:
    """Return whether a statement whose action fits speaks of the request, and how directly it names the caller.

    The verdict leaves the principal's uncertainty to the reach.
    """
    verdict: Kleene = True
    if statement.resources is not None:
        verdict = statement.resources.match(request.resource, request)
        if verdict is False:
            return False, _NOBODY
    reach = _DIRECT if naming is Naming.IGNORED else names(statement, request, naming)
    if not reach.possible:
        return False, _NOBODY
    if statement.conditions:
        held = conditions_hold(statement, request)
        verdict = False if held is False else verdict if held else None
    return verdict, reach


def names(statement: Statement, request: Request, naming: Naming) -> Reach:
    """Return how directly a statement of a resource policy names the caller.

    A Deny with NotPrincipal always denies a user or role that has a permissions boundary, whoever it lists.
    Source: IAM User Guide, reference_policies_elements_notprincipal.
    """
    element = statement.principals
    if element is None:
        return _NOBODY
    if naming is Naming.BOUNDED and element.negated and not statement.allows:
        return _DIRECT
    return match_principals(element, request.caller, request)


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
