"""Review: what a policy grants, to whom, and where it grants more than it need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from auditor.iam.callers import account_of, is_account
from auditor.iam.elements import actions
from auditor.iam.policy import Policy
from auditor.iam.statement import Statement

__all__ = [
    "Breadth",
    "Granted",
    "Named",
    "foreign_principals",
    "granted_actions",
    "grants",
    "overbroad",
    "principals",
]

Excess = Literal[
    "every_action", "every_action_of_service", "not_action", "every_resource", "not_resource", "not_principal"
]
_EVERYTHING = frozenset({"*", "arn:aws:s3:::*", "arn:*"})


@dataclass(frozen=True)
class Granted:
    """One Allow: the action patterns it grants, or all but those; on which resources; and under which conditions.

    `statement` is its Sid or index, `conditions` are as in `StringEquals aws:SourceAccount`.
    """

    statement: str | int
    actions: tuple[str, ...]
    all_but_actions: bool
    resources: tuple[str, ...]
    all_but_resources: bool
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """A principal as a statement names it: its type (AWS, Service, Federated, CanonicalUser or *), value and account.

    `account` is "" where the value tells none. `negated` is true of NotPrincipal.
    """

    type: str
    value: str
    account: str
    statement: str | int
    allows: bool
    negated: bool


@dataclass(frozen=True)
class Breadth:
    """An Allow that is broader than least privilege would have it, and the element and value that make it so."""

    statement: str | int
    excess: Excess
    element: str
    value: str


def granted_actions(policy: Policy) -> tuple[Granted, ...]:
    """Return what each Allow of the policy grants, in the policy's order. Denies take nothing away here."""
    return tuple(_granted(statement) for statement in policy.statements if statement.allows)


def _granted(statement: Statement) -> Granted:
    element = statement.resources
    return Granted(
        statement.label,
        statement.actions.written,
        statement.actions.negated,
        element.written if element else ("*",),
        element.negated if element else False,
        tuple(f"{condition.written} {condition.key}" for condition in statement.conditions),
    )


def grants(policy: Policy, action: str) -> tuple[Granted, ...]:
    """Return the Allows that speak of the action, whatever their resources and conditions."""
    return tuple(
        found
        for found in granted_actions(policy)
        if actions(found.actions, negated=found.all_but_actions).match(action.lower())
    )


def principals(policy: Policy, *, allows: bool | None = True) -> tuple[Named, ...]:
    """Return every principal that the policy's Allows (or its Denies: False; or both: None) name, once a statement."""
    return tuple(
        Named(sort, value, _account(value), statement.label, statement.allows, statement.principals.negated)
        for statement in policy.statements
        if statement.principals is not None and allows in {None, statement.allows}
        for sort, value in statement.principals.written
    )


def foreign_principals(policy: Policy, home: Iterable[str]) -> tuple[Named, ...]:
    """Return the principals of the policy's Allows that are outside the given accounts, everyone (`*`) among them.

    Services are nobody's; a canonical user id or a deleted principal's id tells no account and counts as foreign.
    """
    accounts = frozenset(home)
    return tuple(named for named in principals(policy) if named.type != "Service" and named.account not in accounts)


def _account(value: str) -> str:
    return value if is_account(value) else account_of(value)


def overbroad(policy: Policy) -> tuple[Breadth, ...]:
    """Return where the policy's Allows are broader than they need be: wildcards for whole services or all resources."""
    return tuple(breadth for statement in policy.statements if statement.allows for breadth in _breadths(statement))


def _breadths(statement: Statement) -> Iterable[Breadth]:
    label = statement.label
    if statement.actions.negated:
        yield Breadth(label, "not_action", "NotAction", ", ".join(statement.actions.written))
    else:
        for text in statement.actions.written:
            service, _, name = text.partition(":")
            if not service.strip("*") and not name.strip("*"):
                yield Breadth(label, "every_action", "Action", text)
            elif name and not name.strip("*"):
                yield Breadth(label, "every_action_of_service", "Action", text)
    if statement.resources is not None and statement.resources.negated:
        yield Breadth(label, "not_resource", "NotResource", ", ".join(statement.resources.written))
    elif statement.resources is not None:
        for text in statement.resources.written:
            if text in _EVERYTHING or not text.strip("*"):
                yield Breadth(label, "every_resource", "Resource", text)
    if statement.principals is not None and statement.principals.negated:
        value = ", ".join(value for _, value in statement.principals.written)
        yield Breadth(label, "not_principal", "NotPrincipal", value)
