"""Principal and NotPrincipal: whom a statement of a resource policy speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from auditor.iam.callers import Caller, caller, is_account
from auditor.iam.facts import Knowing, Unknown

__all__ = ["Level", "Principals", "Reach", "match_principals", "principals"]


class Level(IntEnum):
    """How directly a statement names the caller, which decides what else may limit the grant in the same account.

    An account delegates to its own identity policies; a role ARN is limited by the role's boundary and session
    policies; a session, a user, a root user or a service is not, and neither is everyone (`*`).
    Source: IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow, resource-based policies.
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """How directly the caller is surely named, and how directly it may be named as far as anybody can know."""

    sure: Level
    possible: Level


_NOWHERE = Reach(Level.NONE, Level.NONE)
_DIRECT = Reach(Level.DIRECT, Level.DIRECT)


@dataclass(frozen=True, slots=True)
class Principals:
    """A Principal or NotPrincipal element: (type, value) pairs as written, and its ARNs, accounts and names apart.

    `roles` and `sessions` have (account, role name) of the role ARNs and of the session ARNs.
    """

    written: tuple[tuple[str, str], ...]
    negated: bool
    everyone: bool
    aws: frozenset[str]
    accounts: frozenset[str]
    roles: frozenset[tuple[str, str]]
    sessions: frozenset[tuple[str, str]]
    services: frozenset[str]
    federated: frozenset[str]
    canonical: frozenset[str]


def principals(written: Iterable[tuple[str, str]], *, negated: bool) -> Principals:
    """Return the element made ready from (type, value) pairs such as ("AWS", "*"); `"*"` alone has the type "*"."""
    pairs = tuple(written)
    sorts: dict[str, set[str]] = {}
    for sort, value in pairs:
        sorts.setdefault(sort, set()).add(value)
    named = sorts.get("AWS", set())
    parsed = [caller(value) for value in named if not is_account(value)]
    accounts = {value for value in named if is_account(value)}
    accounts |= {found.account for found in parsed if found.kind == "root"}
    return Principals(
        pairs,
        negated,
        "*" in named or "*" in sorts,
        frozenset(named),
        frozenset(accounts),
        frozenset((found.account, found.name) for found in parsed if found.kind == "role"),
        frozenset((found.account, found.name) for found in parsed if found.kind == "session"),
        frozenset(sorts.get("Service", ())),
        frozenset(sorts.get("Federated", ())),
        frozenset(sorts.get("CanonicalUser", ())),
    )


def match_principals(element: Principals, who: Caller, known: Knowing) -> Reach:
    """Return how directly the element names the caller; for NotPrincipal, whether the list leaves the caller out."""
    return _excluded(element, who, known) if element.negated else _named(element, who, known)


def _named(element: Principals, who: Caller, known: Knowing) -> Reach:
    if element.everyone:
        return _DIRECT
    if who.kind == "anonymous":
        return _NOWHERE
    if who.kind == "canonical":
        return _DIRECT if who.arn in element.canonical else _NOWHERE
    if who.kind in {"service", "provider"}:
        return _DIRECT if _names_service(element, who, known) else _NOWHERE
    sure = _names_identity(element, who, known) or _names_account(element, who)
    possible = max(sure, _may_name(element, who, known))
    return Reach(sure, possible) if possible else _NOWHERE


def _names_service(element: Principals, who: Caller, known: Knowing) -> bool:
    listed = element.services if who.kind == "service" else element.federated
    if who.arn in listed or "*" in listed:
        return True
    names = known.facts.get("aws:principalservicenameslist") if who.kind == "service" else None
    return isinstance(names, tuple) and not listed.isdisjoint(names)


def _names_account(element: Principals, who: Caller) -> Level:
    if who.account and who.account in element.accounts:
        return Level.DIRECT if who.kind == "root" else Level.ACCOUNT
    return Level.NONE


def _names_identity(element: Principals, who: Caller, known: Knowing) -> Level:
    if who.arn in element.aws:
        return Level.ROLE if who.kind == "role" else Level.DIRECT
    if who.kind == "session" and _lists_role(element, who, known):
        return Level.ROLE
    provider = known.facts.get("aws:federatedprovider") if element.federated else None
    if isinstance(provider, tuple) and not element.federated.isdisjoint(provider):
        return Level.ROLE
    return Level.NONE


def _lists_role(element: Principals, who: Caller, known: Knowing) -> bool:
    """Tell whether the session's role is listed: by the ARN the request gives, else by name, unique in an account."""
    given = known.facts.get("aws:principalarn")
    if isinstance(given, tuple) and given != (who.role_arn,):
        return not element.aws.isdisjoint(given)
    return (who.account, who.name) in element.roles


def _may_name(element: Principals, who: Caller, known: Knowing) -> Level:
    """Return how directly the element may name the caller, by what nobody can know.

    That is the session's name, the provider a session came from, or the account of a canonical id.
    """
    if (
        who.kind == "role"
        and (who.account, who.name) in element.sessions
        and isinstance(known.facts.get("aws:userid"), Unknown)
    ):
        return Level.DIRECT
    if element.federated and who.is_role and isinstance(known.facts.get("aws:federatedprovider"), Unknown):
        return Level.ROLE
    return Level.ACCOUNT if element.canonical and who.account else Level.NONE


def _excluded(element: Principals, who: Caller, known: Knowing) -> Reach:
    """Judge NotPrincipal: it spares a caller only if everything the caller is stands in the list.

    For a user that is the user and its account; for a session, the session, its role and its account; for the rest the
    principal itself. Of a role without a known session AWS says that services differ in what they want listed.
    Source: IAM User Guide, reference_policies_elements_notprincipal.
    """
    spared: bool | None
    if element.everyone:
        spared = True
    elif who.kind in {"service", "provider"}:
        spared = _names_service(element, who, known)
    elif who.kind in {"anonymous", "canonical"}:
        spared = who.arn in element.canonical
    else:
        spared = _spares_account(element, who, known)
    return Reach(Level.DIRECT if spared is False else Level.NONE, Level.NONE if spared else Level.DIRECT)


def _spares_account(element: Principals, who: Caller, known: Knowing) -> bool | None:
    """Return whether the caller's account and the caller itself are both listed; a canonical id may be the account's."""
    identity = True if who.kind == "root" else _spares_identity(element, who, known)
    if identity is False or not (who.account in element.accounts or element.canonical):
        return False
    return identity if who.account in element.accounts else None


def _spares_identity(element: Principals, who: Caller, known: Knowing) -> bool | None:
    if who.kind == "session":
        return who.arn in element.aws and _lists_role(element, who, known)
    if who.kind == "role":
        return None if who.arn in element.aws else False
    return who.arn in element.aws
