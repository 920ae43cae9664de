"""A resource as a Terraform plan declares it, and how a kind of resource is spelled in Terraform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.errors import Place
from auditor.kinds.declared import Attached
from auditor.kinds.facet import Target
from auditor.kinds.parts import Part, Spell, flag, malformed, unmapped, whole
from auditor.model import EMPTY, Json, Text, Unread


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource of a plan: its type, address, place, and its attributes by name (`None`: null, or none).

    `target` is the resource as AWS will know it (`id` is its name; a name that nobody knows yet stands in parentheses),
    `arn` its ARN. `attached(type)` are the resources of a type that add to it and will be there, `removed(type)` those that
    the plan takes away. `managed(arn)` is the document of a managed policy, `key(name)` a KMS key by id, ARN or alias,
    `account(type)` the resources of a type in its account; what the plan does not have is `None`, or no item.
    `covered`: the plan manages the resource itself; else another configuration does, and only what adds to it is known.
    `fresh`: the plan makes it (anew), so that AWS's defaults for new resources hold.
    `computed(name)`: the configuration leaves an attribute to the provider, so what AWS does by itself holds.
    """

    type: str
    id: str
    place: Place
    target: Target
    arn: str | Unread
    region: str | Unread
    read: Callable[[str], Part | None]
    computed: Callable[[str], bool]
    attached: Callable[[str], tuple[Attached, ...]]
    removed: Callable[[str], tuple[Attached, ...]]
    managed: Callable[[str], Part | None]
    key: Callable[[str], Planned | None]
    account: Callable[[str], tuple[Attached, ...]]
    covered: bool = True
    fresh: bool = True


LATER = "KnownAfterApply"
"""The reason of what the plan leaves to the provider, or to values that exist only then."""

Facet = Callable[[Planned], "Part | Unread | None"]
"""Return a facet's document in the API's shape, why it is not known, or `None` where AWS has nothing configured."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How Terraform spells a kind: its resource types, its facets, and the types that add to it.

    `attached` maps such a type to its attribute that names the resource (or lists several). `documents` maps a facet to
    the types that write it whole: two of them on one resource undo each other, as do they and the resource's own older
    blocks (`inline`).
    """

    types: tuple[str, ...]
    facets: Mapping[str, Facet]
    attached: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    documents: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)
    inline: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)


def not_in_plan(planned: Planned, what: str) -> Unread:
    """Say that another configuration manages something."""
    return Unread(
        "NotInPlan",
        detail=Text(
            f"The plan does not manage {planned.target.id}, and sets no {what} of it.",
            f"プランは {planned.target.id} を管理しておらず、その {what} も設定していません。",
        ),
    )


def elsewhere(_planned: Planned) -> Unread:
    """Say that this is a setting which no plan makes."""
    return Unread(
        "NotInPlan",
        detail=Text("This is set outside of Terraform's plan.", "Terraform のプランの外で設定されるものです。"),
    )


def given(planned: Planned, name: str) -> Part | None:
    """Return an attribute; one that the configuration leaves to the provider, which decides later, is absent."""
    part = planned.read(name)
    if part is not None and part.unread and planned.computed(name):
        return None
    return part


def text_of(planned: Planned, name: str) -> Part | None:
    """Return an attribute as `given` does; an empty text is none: Terraform's zero value."""
    part = given(planned, name)
    return None if part is None or part.value == "" else part


def one(part: Part | None) -> Part | None:
    """Return the one block of a nested list (Terraform writes every block as a list), `None` where there is none."""
    if part is None or part.unread or isinstance(part.value, dict):
        return part
    if not isinstance(part.value, list):
        return malformed(part, "a block")
    if not part.value:
        return None
    first: Part = part.value[0]
    return Part({}, part.place) if first.value is None else first


def within(part: Part | None, *path: str) -> Part | None:
    """Return what stands at a path of names, through blocks."""
    for name in path:
        part = one(part)
        if part is None:
            return None
        part = part.get(name)
    return part


def empty(part: Part) -> bool:
    """Tell whether a part is what Terraform writes for an attribute or block that is not set."""
    return part.value is None or (isinstance(part.value, str | list | dict) and not part.value)


def fields(
    rows: Mapping[str, tuple[str, Spell]], defaults: Mapping[str, Json] = EMPTY, *, own: tuple[str, ...] = ()
) -> Spell:
    """Return how a block is spelled: the API's name and spelling of each member, and what AWS fills in.

    What is not set is left out, and of the members in `own`, which the provider fills in, what is not known yet. A member
    that the rows do not know stays under its own name as unread: it means something, and nobody here knows what.
    """

    def spelled(part: Part) -> Part:
        block = one(part)
        if block is None or block.unread:
            return Part({}, part.place) if block is None else block
        if not isinstance(block.value, dict):
            return malformed(block, "a block")
        made = {name: Part(value, block.place) for name, value in defaults.items()}
        for name, member in block.value.items():
            if empty(member) or (name in own and member.unread and member.unread.reason == LATER):
                continue
            api, spell = rows.get(name, (name, unmapped))
            said = member if member.unread else spell(member)
            if said.value is not None:
                made[api] = said
        return Part(made, block.place)

    return spelled


def positive(part: Part) -> Part:
    """Return a whole number; zero is Terraform's way to say that it is not set."""
    said = whole(part)
    return Part(None, part.place) if said.value == 0 and said.value is not False else said


def when_true(part: Part) -> Part:
    """Return true; false is Terraform's way to say that it is not set."""
    said = flag(part)
    return Part(None, part.place) if said.value is False else said
