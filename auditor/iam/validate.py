"""Validation: what AWS would refuse in a document when it is saved as a policy of a certain kind.

Sources: IAM User Guide, reference_policies_grammar and the policy check reference; the errors of IAM's CreatePolicy,
UpdateAssumeRolePolicy and S3's PutBucketPolicy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from auditor.iam.conditions import Condition
from auditor.iam.errors import PolicyError
from auditor.iam.reading import Document, read_document
from auditor.iam.statement import Statement
from auditor.iam.values import date

__all__ = ["PolicyKind", "problems", "refusals"]

PolicyKind = Literal["identity", "resource", "trust", "scp", "rcp"]

_SERVICE = re.compile(r"[A-Za-z0-9\-.]+|\*", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9]*", re.ASCII)
_PARTITION = re.compile(r"aws(-[a-z]+)*|\*", re.ASCII)
_IAM_PATHS = (
    "access-report/",
    "federated-user/",
    "group/",
    "instance-profile/",
    "mfa/",
    "oidc-provider/",
    "policy/",
    "report/",
    "role/",
    "saml-provider/",
    "server-certificate/",
    "sms-mfa/",
    "user/",
)
_TRUST_ACTIONS = re.compile(r"sts:[A-Za-z*?]+|\*", re.ASCII)


def problems(
    document: str | Mapping[str, object], kind: PolicyKind = "identity", name: str = "policy"
) -> tuple[PolicyError, ...]:
    """Return everything for which AWS would refuse the document, each with its place; none if AWS would take it.

    A document that is no policy at all gives the one error that Policy.parse raises.
    """
    try:
        read = read_document(document, name)
    except PolicyError as error:
        return (error,)
    return refusals(read, kind, name)


def refusals(read: Document, kind: PolicyKind, name: str) -> tuple[PolicyError, ...]:
    """Return everything for which AWS would refuse a document that could be read."""
    return tuple(PolicyError(name, place, problem) for place, problem in _problems(read, kind))


def _problems(policy: Document, kind: PolicyKind) -> Iterator[tuple[str, str]]:
    if kind != "resource" and policy.version != "2012-10-17":
        yield "Version", "must be '2012-10-17' in a policy of this kind"
    if not policy.statements:
        yield "Statement", "has no statement"
    seen: dict[str, str] = {}
    for statement in policy.statements:
        if statement.sid and statement.sid in seen:
            yield f"{statement.place}.Sid", f"stands in {seen[statement.sid]} too; a Sid must be unique in its policy"
        seen.setdefault(statement.sid, statement.place)
        yield from _statement(statement, kind)


def _statement(statement: Statement, kind: PolicyKind) -> Iterator[tuple[str, str]]:
    place = statement.place
    if kind in {"identity", "scp", "rcp"} and not _SID.fullmatch(statement.sid):
        yield f"{place}.Sid", "may have letters and digits only"
    yield from _principal(statement, kind)
    yield from _actions(statement, kind)
    yield from _resources(statement, kind)
    for condition in statement.conditions:
        yield from _condition(condition, place)


def _principal(statement: Statement, kind: PolicyKind) -> Iterator[tuple[str, str]]:
    element, place = statement.principals, statement.place
    if kind in {"identity", "scp"}:
        if element is not None:
            yield f"{place}.Principal", "has no place in a policy of this kind"
        return
    if element is None:
        yield place, "has no Principal"
        return
    if element.negated and (kind in {"trust", "rcp"} or statement.allows):
        yield f"{place}.NotPrincipal", "may stand only with Deny, in a resource policy"
    if kind == "rcp" and not (element.everyone and len(element.written) == 1):
        yield f"{place}.Principal", "must be '*' in a resource control policy"
    for sort, value in element.written:
        if sort == "AWS" and value != "*" and ("*" in value or "?" in value):
            yield f"{place}.Principal.AWS", f"{value!r} has a wildcard; a principal is named whole or not at all"


def _actions(statement: Statement, kind: PolicyKind) -> Iterator[tuple[str, str]]:
    where = f"{statement.place}.{'NotAction' if statement.actions.negated else 'Action'}"
    for text in statement.actions.written:
        service, _, rest = text.partition(":")
        if ":" in rest:
            yield where, f"{text!r} has more than one colon"
        elif not _SERVICE.fullmatch(service):
            yield where, f"{service!r} is no name of a service"
        elif kind == "trust" and not _TRUST_ACTIONS.fullmatch(text):
            yield where, f"{text!r} is no action of STS, and a trust policy speaks of no others"


def _resources(statement: Statement, kind: PolicyKind) -> Iterator[tuple[str, str]]:
    element, place = statement.resources, statement.place
    if kind == "trust":
        if element is not None:
            yield place, "has a Resource; the role itself is the resource of its trust policy"
        return
    if element is None or not element.written:
        yield place, "names no Resource"
        return
    where = f"{place}.{'NotResource' if element.negated else 'Resource'}"
    for text in element.written:
        problem = _resource(text)
        if problem:
            yield where, problem


def _resource(text: str) -> str:
    if text == "*":
        return ""
    parts = text.split(":", 5)
    if len(parts) < 2:
        return f"{text!r} must be an ARN or '*'"
    if not _PARTITION.fullmatch(parts[1]):
        return f"{text!r} names no partition of AWS: {parts[1]!r}"
    if len(parts) < 3:
        return f"{text!r} names no service"
    if parts[2] == "" or (len(parts) < 6 and "::" in text):
        return f"{text!r} is an incomplete ARN"
    region = parts[3] if len(parts) > 3 else ""
    rest = parts[5] if len(parts) > 5 else ""
    if parts[2] in {"s3", "iam"} and len(parts) < 4:
        return f"{text!r} is an incomplete ARN"
    if parts[2] == "s3" and region and not rest.startswith("accesspoint/"):
        return f"{text!r} cannot name a Region: bucket ARNs have none"
    if parts[2] == "iam" and region:
        return f"{text!r} cannot name a Region: IAM has none"
    if parts[2] == "iam" and not rest.startswith(_IAM_PATHS) and rest not in {"*", "root"}:
        return f"{text!r} must go on with user/, role/, policy/ or another kind of IAM's resources"
    return ""


def _condition(condition: Condition, place: str) -> Iterator[tuple[str, str]]:
    where = f"{place}.Condition.{condition.written}"
    bare = condition.written.removeprefix("ForAllValues:").removeprefix("ForAnyValue:").removesuffix("IfExists")
    if condition.operator is None or condition.operator.name != bare:
        yield where, "is no condition operator of AWS"
    elif condition.operator.family == "Date":
        for value in condition.values:
            if date(value) is None:
                yield f"{where}.{condition.key}", f"{value!r} is no date"
