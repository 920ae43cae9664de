"""iam.role in Terraform: aws_iam_role with its policies, and the policies that other resources attach to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.kinds import aws_managed
from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.organizations import SCP
from auditor.kinds.parts import Part, lifted, malformed, policy, text, whole
from auditor.kinds.planned import Planned, Spelling, elsewhere, empty, given, not_in_plan, text_of
from auditor.model import Text, Unread

INLINE = "aws_iam_role_policy"
ATTACHMENT = "aws_iam_role_policy_attachment"
ATTACHMENTS = "aws_iam_policy_attachment"
ONLY_INLINE = "aws_iam_role_policies_exclusive"
ONLY_ATTACHED = "aws_iam_role_policy_attachments_exclusive"

_OTHERS = "(other policies)"


def _role(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_iam_role")
    place = planned.place
    path, session, about = (text_of(planned, name) for name in ("path", "max_session_duration", "description"))
    boundary = text_of(planned, "permissions_boundary")
    made = {
        "Arn": Part(planned.arn, place),
        "RoleName": Part(planned.target.id.rpartition("/")[2], place),
        "Path": text(path) if path is not None else Part("/", place),
        "MaxSessionDuration": whole(session) if session is not None else Part(3600, place),
        # The provider adds tags of its own.
        **{name: Part(ONLY_LIVE, place) for name in ("RoleId", "CreateDate", "RoleLastUsed", "Tags")},
    }
    if about is not None:
        made["Description"] = text(about)
    if boundary is not None:
        kind = Part("PermissionsBoundaryPolicy", boundary.place)
        said = {"PermissionsBoundaryType": kind, "PermissionsBoundaryArn": text(boundary)}
        made["PermissionsBoundary"] = Part(said, boundary.place)
    return Part(made, place)


def _trust(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "assume_role_policy")
    document = planned.read("assume_role_policy")
    return (
        Unread(
            "Malformed", detail=Text(f"{planned.id} has no trust policy.", f"{planned.id} に信頼ポリシーがありません。")
        )
        if document is None
        else policy(document)
    )


def _inline(planned: Planned) -> Part | Unread:
    found: dict[str, Part] = {}
    own = given(planned, "inline_policy")
    if own is not None and own.unread:
        return own
    gone = _texts(resource.read("name") for resource in planned.removed(INLINE))
    kept: dict[str, Part] = {}
    for index, block in enumerate(own.items() if own is not None else ()):
        if not isinstance(block.value, dict):
            kept[f"inline_policy[{index}]"] = block if block.unread else malformed(block, "a policy")
        elif not all(empty(part) for part in block.value.values()):
            # An empty block stands for "none but these"; one with a name is a policy.
            key, document = _entry(block.get("name"), block.get("policy"), f"inline_policy[{index}]", block)
            kept |= {} if key in gone else {key: document}
    for resource in planned.attached(INLINE):
        written = Part(resource.doubt, resource.place) if resource.doubt else resource.read("policy")
        key, said = _entry(resource.read("name"), written, resource.id, Part(None, resource.place))
        kept.pop(key, None)
        # A policy written twice under one name: the last one wins.
        twice = Unread(
            "SeveralWriters",
            detail=Text(
                f"The policy {key} is written by {resource.id} and by another resource.",
                f"ポリシー {key} を {resource.id} と別のリソースの両方が書いています。",
            ),
        )
        found[key] = Part(twice, said.place) if key in found else said
    found = {**kept, **found}
    return _complete(planned, _only(planned, found, ONLY_INLINE, "policy_names"), ONLY_INLINE)


def _entry(name: Part | None, document: Part | None, instead: str, whole_entry: Part) -> tuple[str, Part]:
    """Return a policy with its name, or with where it stands when its name is not known yet."""
    key = name.value if name is not None and isinstance(name.value, str) and name.value else instead
    if document is None:
        return key, Part(
            Unread(
                "Malformed",
                detail=Text(
                    f"{whole_entry.place}: a policy is expected.", f"{whole_entry.place}: ポリシーが必要です。"
                ),
            ),
            whole_entry.place,
        )
    return key, policy(document)


def _attached(planned: Planned) -> Part | Unread:
    found: dict[str, Part] = {}
    own = given(planned, "managed_policy_arns")
    if own is not None and own.unread:
        return own
    taken = (resource for kind in (ATTACHMENT, ATTACHMENTS) for resource in planned.removed(kind))
    gone = _texts(resource.read("policy_arn") for resource in taken)
    arns = [
        (arn, f"managed_policy_arns[{index}]", None) for index, arn in enumerate(own.items() if own is not None else ())
    ]
    listed = [one for one in arns if not _is_one(one[0], gone)]
    for arn, instead, doubt in (*listed, *_attachments(planned)):
        key, document = _managed(planned, arn, instead)
        found[key] = document if doubt is None else Part(doubt, document.place)
    return _complete(planned, _only(planned, found, ONLY_ATTACHED, "policy_arns"), ONLY_ATTACHED)


def _texts(parts: Iterable[Part | None]) -> frozenset[str]:
    return frozenset(part.value for part in parts if part is not None and isinstance(part.value, str))


def _is_one(part: Part, texts: frozenset[str]) -> bool:
    return isinstance(part.value, str) and part.value in texts


def _attachments(planned: Planned) -> Iterator[tuple[Part, str, Unread | None]]:
    for kind in (ATTACHMENT, ATTACHMENTS):
        for resource in planned.attached(kind):
            arn = resource.read("policy_arn")
            missing = Unread(
                "Malformed",
                detail=Text(f"{resource.id} names no policy.", f"{resource.id} にポリシーの指定がありません。"),
            )
            yield arn if arn is not None else Part(missing, resource.place), resource.id, resource.doubt


def _managed(planned: Planned, arn: Part, instead: str) -> tuple[str, Part]:
    if arn.unread:
        return instead, arn
    said = text(arn)
    if not isinstance(said.value, str):
        return instead, said
    document = planned.managed(said.value)
    if document is not None:
        return said.value, policy(document)
    if (own := aws_managed.document(said.value)) is not None:
        return said.value, lifted(own, arn.place)
    detail = Text(
        f"The managed policy {said.value} is not in the plan.", f"管理ポリシー {said.value} はプランにありません。"
    )
    return said.value, Part(Unread("NotInPlan", detail=detail), arn.place)


def _only(planned: Planned, found: dict[str, Part], kind: str, name: str) -> dict[str, Part]:
    """Return the policies, with those unread that another resource of the plan takes away again."""
    for resource in planned.attached(kind):
        listed = resource.read(name)
        items = listed.items() if listed is not None else []
        known = _texts(items)
        if resource.doubt is None and listed is not None and len(known) == len(items):
            why = Unread(
                "SeveralWriters",
                detail=Text(
                    f"{resource.id} takes away what it does not list.",
                    f"{resource.id} は、列挙していないものを取り除きます。",
                ),
            )
            found = {key: part if key in known else Part(why, part.place) for key, part in found.items()}
    return found


def _complete(planned: Planned, found: dict[str, Part], only: str) -> Part | Unread:
    """Return the policies, with one more that is unread where others may be set outside of the plan."""
    if planned.covered or planned.attached(only):
        return Part(found, planned.place)
    if not found:
        return not_in_plan(planned, "policies")
    why = Unread(
        "NotInPlan",
        detail=Text(
            f"The plan does not manage {planned.target.id}: it may have other policies.",
            f"プランは {planned.target.id} を管理していません。ほかのポリシーがあるかもしれません。",
        ),
    )
    return Part({**found, _OTHERS: Part(why, planned.place)}, planned.place)


def _boundary(planned: Planned) -> Part | Unread | None:
    if not planned.covered:
        return not_in_plan(planned, "permissions_boundary")
    arn = text_of(planned, "permissions_boundary")
    return None if arn is None else _managed(planned, arn, "")[1]


ROLE = Spelling(
    types=("aws_iam_role",),
    facets={
        "Role": _role,
        "Trust": _trust,
        "InlinePolicies": _inline,
        "AttachedPolicies": _attached,
        "Boundary": _boundary,
        SCP: elsewhere,
    },
    attached={
        INLINE: "role",
        ATTACHMENT: "role",
        ATTACHMENTS: "roles",
        ONLY_INLINE: "role_name",
        ONLY_ATTACHED: "role_name",
    },
)
