"""iam.role in CloudFormation: the role with its policies, and the policies that other resources attach to it."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.kinds import aws_managed
from auditor.kinds.declared import ONLY_LIVE, Attached, Declared, Spelling, outside
from auditor.kinds.organizations import SCP
from auditor.kinds.parts import Part, at, lifted, malformed, policy, text, whole
from auditor.model import Text, Unread

INLINE = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")
MANAGED = "AWS::IAM::ManagedPolicy"


def _role(declared: Declared) -> Part:
    place = declared.place
    path, session, about = (declared.read(name) for name in ("Path", "MaxSessionDuration", "Description"))
    boundary = declared.read("PermissionsBoundary")
    made = {
        "Arn": Part(declared.arn, place),
        "RoleName": Part(declared.target.id.rpartition("/")[2], place),
        "Path": text(path) if path is not None else Part("/", place),
        "MaxSessionDuration": whole(session) if session is not None else Part(3600, place),
        # The tags of the stack are put on the role as well.
        **{name: Part(ONLY_LIVE, place) for name in ("RoleId", "CreateDate", "RoleLastUsed", "Tags")},
    }
    if about is not None:
        made["Description"] = text(about)
    if boundary is not None:
        kind = Part("PermissionsBoundaryPolicy", boundary.place)
        said = {"PermissionsBoundaryType": kind, "PermissionsBoundaryArn": text(boundary)}
        made["PermissionsBoundary"] = Part(said, boundary.place)
    return Part(made, place)


def _trust(declared: Declared) -> Part | Unread:
    document = declared.read("AssumeRolePolicyDocument")
    return (
        Unread(
            "Malformed",
            detail=Text(f"{declared.id} has no trust policy.", f"{declared.id} に信頼ポリシーがありません。"),
        )
        if document is None
        else policy(document)
    )


def _inline(declared: Declared) -> Part | Unread:
    found: dict[str, Part] = {}
    own = declared.read("Policies")
    if own is not None and own.unread:
        return own
    for index, one in enumerate(own.items() if own is not None else ()):
        _add(found, f"Policies[{index}]", one, at(one, "PolicyName"), at(one, "PolicyDocument"))
    for attached in (one for kind in INLINE for one in declared.attached(kind)):
        doubt = Part(attached.doubt, attached.place) if attached.doubt else None
        name, document = attached.read("PolicyName"), doubt or attached.read("PolicyDocument")
        _add(found, attached.id, doubt or Part(None, attached.place), name, document)
    return Part(found, declared.place)


def _add(found: dict[str, Part], instead: str, whole_entry: Part, name: Part | None, document: Part | None) -> None:
    """Add a policy under its name, or under where it stands when its name is not known."""
    said = whole_entry.unread or (name.unread if name is not None else None)
    key = name.value if name is not None and isinstance(name.value, str) else instead
    if said is not None and document is None:
        document = Part(said, whole_entry.place)
    written = malformed(whole_entry, "a policy document") if document is None else policy(document)
    # A policy written twice under one name: the last one wins.
    twice = Unread(
        "SeveralWriters",
        detail=Text(
            f"The policy {key} is written at {written.place} and elsewhere.",
            f"ポリシー {key} は {written.place} のほかでも書かれています。",
        ),
    )
    found[key] = Part(twice, written.place) if key in found else written


def _attached(declared: Declared) -> Part | Unread:
    found: dict[str, Part] = {}
    arns = declared.read("ManagedPolicyArns")
    if arns is not None and arns.unread:
        return arns
    for index, one in enumerate(arns.items() if arns is not None else ()):
        key, document = _managed(declared, one, f"ManagedPolicyArns[{index}]")
        found[key] = document
    for attached in declared.attached(MANAGED):
        found.update(_from_elsewhere(attached))
    return Part(found, declared.place)


def _managed(declared: Declared, arn: Part, instead: str) -> tuple[str, Part]:
    if arn.unread:
        return instead, arn
    said = text(arn)
    if not isinstance(said.value, str):
        return instead, said
    document = declared.managed(said.value)
    if document is not None:
        return said.value, policy(document)
    if (own := aws_managed.document(said.value)) is not None:
        return said.value, lifted(own, arn.place)
    detail = Text(
        f"The managed policy {said.value} is not in the template.",
        f"管理ポリシー {said.value} はテンプレートにありません。",
    )
    return said.value, Part(Unread("NotInTemplate", detail=detail), arn.place)


def _from_elsewhere(attached: Attached) -> Iterator[tuple[str, Part]]:
    arn, document = attached.read("Arn"), attached.read("PolicyDocument")
    key = arn.value if arn is not None and isinstance(arn.value, str) else attached.id
    if attached.doubt:
        yield key, Part(attached.doubt, attached.place)
    elif document is not None:
        yield key, policy(document)


def _boundary(declared: Declared) -> Part | Unread | None:
    arn = declared.read("PermissionsBoundary")
    return None if arn is None else _managed(declared, arn, "")[1]


ROLE = Spelling(
    types=("AWS::IAM::Role",),
    facets={
        "Role": _role,
        "Trust": _trust,
        "InlinePolicies": _inline,
        "AttachedPolicies": _attached,
        "Boundary": _boundary,
        SCP: outside,
    },
    attached={"AWS::IAM::Policy": "Roles", "AWS::IAM::RolePolicy": "RoleName", MANAGED: "Roles"},
)
