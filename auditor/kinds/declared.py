"""A resource as a template declares it, and how a kind of resource is spelled in CloudFormation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.errors import Place
from auditor.kinds.facet import Target
from auditor.kinds.parts import Part
from auditor.model import EMPTY, Text, Unread
from auditor.scope import ONLY_LIVE as AT_RUN_TIME
from auditor.scope import ONLY_PLAN as IN_A_PLAN

ONLY_LIVE = Unread(
    AT_RUN_TIME,
    detail=Text("Only AWS itself knows this, once it runs.", "実際に動かして初めて AWS が把握する情報です。"),
)
ONLY_PLAN = Unread(IN_A_PLAN, detail=Text("Only a plan says what it would change.", "プランにしか現れない情報です。"))
OUTSIDE = Unread(
    "NotInTemplate", detail=Text("This is set outside of templates.", "テンプレートの外で設定されるものです。")
)


@dataclass(frozen=True, slots=True)
class Attached:
    """A resource that adds to another one (a bucket policy to its bucket).

    `doubt` says why it is not certain that it does: its condition is undecided, or whom it names is not known.
    """

    type: str
    id: str
    place: Place
    read: Callable[[str], Part | None]
    doubt: Unread | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource in a template: its type, logical id, place, and its properties by name (`None`: absent).

    `target` is the resource as AWS will know it (`id` is its name; a name that nobody knows yet stands in parentheses),
    `arn` its ARN, `attached(type)` the resources of a type that add to it (all of those that name none). Of the templates
    given, `managed(arn)` is the document of a managed policy, `key(name)` a KMS key by id, ARN or alias; `None`: none
    has it.
    """

    type: str
    id: str
    place: Place
    target: Target
    arn: str | Unread
    read: Callable[[str], Part | None]
    attached: Callable[[str], tuple[Attached, ...]]
    managed: Callable[[str], Part | None]
    key: Callable[[str], Declared | None]


Facet = Callable[[Declared], "Part | Unread | None"]
"""Return a facet's document in the API's shape, why it is not known, or `None` where AWS has nothing configured."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How CloudFormation spells a kind: its resource types, its facets, and the types that add to it.

    `attached` maps such a type to its property that names the resource (or lists several).
    """

    types: tuple[str, ...]
    facets: Mapping[str, Facet]
    attached: Mapping[str, str] = field(default_factory=lambda: EMPTY)


def only_live(_declared: Declared) -> Unread:
    """Say that no template has this."""
    return ONLY_LIVE


def only_plan(_declared: Declared) -> Unread:
    """Say that only a plan has this: a template does not tell what it would change."""
    return ONLY_PLAN


def outside(_declared: Declared) -> Unread:
    """Say that this is a setting which no template makes."""
    return OUTSIDE


def several(first: Attached, second: Attached) -> Unread:
    """Say that two resources write one document: the last one wins, and nobody knows which that is."""
    detail = Text(
        f"{first.id} ({first.place}) and {second.id} ({second.place}) both write it, and the last one wins.",
        f"{first.id}（{first.place}）と {second.id}（{second.place}）の両方が書き込み、後のものが有効になります。",
    )
    return Unread("SeveralWriters", detail=detail)
