"""Matching: the small questions on their own, for tools, such as whether a Resource element speaks of a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auditor.iam.callers import caller
from auditor.iam.conditions import Kleene
from auditor.iam.elements import actions, resources
from auditor.iam.facts import Facts, Value, facts
from auditor.iam.principal import match_principals
from auditor.iam.reading import read_principals

__all__ = ["matches_action", "matches_principal", "matches_resource"]


def matches_action(patterns: str | Iterable[str], action: str) -> bool:
    """Return whether an Action element speaks of the action: any case, `*` and `?` anywhere."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    return actions(listed, negated=False).match(action.lower())


def matches_resource(
    patterns: str | Iterable[str],
    resource: str,
    context: Mapping[str, Value] | None = None,
    *,
    variables: bool = True,
) -> Kleene:
    """Return whether a Resource element speaks of the resource: case counts, variables take the context's values."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    return resources(listed, negated=False, variables=variables).match(resource, facts(context or {}))


def matches_principal(written: object, principal: str) -> Kleene:
    """Return whether a Principal element (`"*"`, or a mapping as in a policy) names the principal.

    None where nobody can know: a canonical user id does not tell its account. Raises PolicyError.
    """
    reach = match_principals(read_principals(written, "Principal"), caller(principal), Facts({}))
    return True if reach.sure else None if reach.possible else False
