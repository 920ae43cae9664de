"""The organisation's say in access: its policies on the accounts of caller and resource, and which organisation it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.iam import Policy
from auditor.kinds import KINDS
from auditor.kinds.organizations import INTENT, RCP, SCP
from auditor.model import Json, Text, Unread
from auditor.predicates.access_policies import Leaning, Source
from auditor.scope import Found, Scope, reason_text, walk

Levels = tuple[tuple[Policy, ...], ...]


@dataclass(frozen=True, slots=True)
class Control:
    """The organisation's policies on one account, from the root down; none where nothing of it binds the account.

    `required` is true where the owner wants nothing judged without them.
    """

    route: str
    levels: tuple[tuple[Source, ...], ...]
    unread: Unread | None
    required: bool

    @property
    def gap(self) -> tuple[str, Unread] | None:
        """Return the first part that is not known, with its route."""
        if self.unread is not None:
            return self.route, self.unread
        return next((gap for level in self.levels for one in level if (gap := one.gap)), None)

    def policies(self, leaning: Leaning, *, principals: bool) -> Levels | None:
        """Return what is known; the rest by the leaning where it is required, else as if it were not there."""
        leaning = leaning if self.required else "generous"
        if self.unread is not None:
            whole = Source("organization", Found(self.unread, self.route)).policy(leaning, principals=principals)
            return ((whole,),) if whole is not None and leaning == "strict" else None
        made = ((one.policy(leaning, principals=principals) for one in level) for level in self.levels)
        return tuple(tuple(one for one in level if one is not None) for level in made) or None


def control(scope: Scope, node: str, facet: str) -> Control | None:
    """Return an organisation's policies on the account of a node, `None` where they are ignored or there are none.

    They do not bind the management account itself (Organizations User Guide, orgs_manage_policies_scps).
    """
    resource = scope.resource(node)
    word = scope.find(f"intent.{INTENT}").value or "consider"
    if resource is None or word == "ignore" or facet not in KINDS[resource.node.kind].facets:
        return None
    found = scope.find(f"{node}.{facet}")
    if found.value is None or walk(found.value, ("ManagementAccount",)) == resource.node.account.id:
        return None
    levels = walk(found.value, ("Levels",))
    if isinstance(levels, Unread):
        return Control(found.route, (), levels, word == "require")
    made = (tuple(_sources(level, f"{found.route}.Levels[{index}]")) for index, level in enumerate(levels or []))
    return Control(found.route, tuple(made), None, word == "require")


def _sources(level: Json, route: str) -> Iterator[Source]:
    for name, document in level["Policies"].items():
        yield Source(name, Found(document, f'{route}.Policies["{name}"]'))


def organization(scope: Scope, node: str) -> str | None:
    """Return the id of the organisation that the account of a node is in; empty: in none; `None`: nobody knows."""
    mine = scope.resource(node)
    if mine is None or scope.find(f"intent.{INTENT}").value == "ignore":
        return None
    return scope.once(mine, "organization", lambda: _told(scope, mine.node.account.id))


def _told(scope: Scope, account: str) -> str | None:
    for other in scope.snapshot.resources.values():
        for facet in (SCP, RCP) if other.node.account.id == account else ():
            known = walk(other.facets.get(facet), ("Organization",))
            if facet in other.facets and (known is None or isinstance(known, str)):
                return known or ""
    return None


def left_out(scope: Scope, caller: str, guard: str) -> Text | None:
    """Say which organisation policies a decision did not consider because nobody could read them, and why."""
    said = [text for node, facet in ((caller, SCP), (guard, RCP)) if (text := _left_out(scope, node, facet))]
    return Text(" ".join(one.en for one in said), "".join(one.ja for one in said)) if said else None


def _left_out(scope: Scope, node: str, facet: str) -> Text | None:
    found = control(scope, node, facet) if node else None
    resource = scope.resource(node)
    if found is None or found.unread is None or resource is None:
        return None
    return _NOT_CONSIDERED[facet].fill(resource.node.account.id, why(found.unread))


def why(unread: Unread) -> Text:
    """Return the reason, with the permission that would help."""
    text = reason_text(unread.reason)
    return _LACKING.fill(text, unread.permission) if unread.permission else text


_LACKING = Text("{}: {}", "{}: {}")
_NOT_CONSIDERED = {
    SCP: Text(
        "Service control policies (SCP) of account {} were not considered ({}).",
        "アカウント {} の SCP は判定に含めていません（{}）。",
    ),
    RCP: Text(
        "Resource control policies (RCP) of account {} were not considered ({}).",
        "アカウント {} の RCP は判定に含めていません（{}）。",
    ),
}
