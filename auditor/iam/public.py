"""Public: whether a resource policy grants to the public, in S3's own meaning of the word.

Source: S3 User Guide, access-control-block-public-access, the meaning of "public".
"""

from __future__ import annotations

from ipaddress import IPv4Network

from auditor.iam.conditions import Condition
from auditor.iam.errors import Unreadable
from auditor.iam.policy import Policy
from auditor.iam.principal import Principals
from auditor.iam.statement import Statement
from auditor.iam.values import network

__all__ = ["is_public", "public_statements"]

# A fixed value of one of these keys makes a grant to everyone a grant to somebody.
_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalservicename",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpcarn",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def is_public(policy: Policy | Unreadable) -> bool | None:
    """Return whether S3 calls the policy public, as GetBucketPolicyStatus does; None if it could not be read."""
    return None if isinstance(policy, Unreadable) else bool(public_statements(policy))


def public_statements(policy: Policy) -> tuple[Statement, ...]:
    """Return the statements that make the policy public: Allows to everyone that no fixed value narrows."""
    return tuple(
        statement
        for statement in policy.statements
        if statement.allows
        and statement.principals is not None
        and _anybody(statement.principals)
        and not any(_narrows(condition) for condition in statement.conditions)
    )


def _anybody(element: Principals) -> bool:
    """Tell whether an Allow with this element reaches beyond fixed principals; anybody can have a web identity."""
    if element.negated or element.everyone or "*" in element.services:
        return True
    return any(not value.startswith("arn:") for value in element.federated)


def _narrows(condition: Condition) -> bool:
    operator = condition.operator
    if operator is None or operator.negated or condition.if_exists or condition.qualifier == "all":
        return False
    if operator.family not in {"String", "Arn", "IpAddress"} or condition.lookup not in _NARROWING:
        return False
    if not condition.values:
        return False
    if condition.lookup == "aws:sourceip":
        return all(map(_narrow_range, condition.values))
    if condition.lookup == "s3:dataaccesspointarn":
        return all(map(_fixed_account, condition.values))
    return all(map(_fixed, condition.values))


def _fixed(value: str) -> bool:
    return bool(value) and not any(mark in value for mark in ("*", "?", "${"))


def _fixed_account(arn: str) -> bool:
    """Tell whether an access point ARN names its account; its name may be a wildcard."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and all(map(_fixed, (parts[0], parts[1], parts[2], parts[4]))) and "${" not in arn


def _narrow_range(value: str) -> bool:
    """Tell whether an address range is no broader than /8 (IPv6: /32), private ranges aside."""
    found = network(value)
    if found is None:
        return False
    if isinstance(found, IPv4Network):
        return found.prefixlen >= 8 or any(found.subnet_of(block) for block in _PRIVATE)
    return found.prefixlen >= 32
