"""The words of remediation as types: a change of one facet, a plan of changes, and when two documents are the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.kinds import KINDS, Call, Facet, Target
from auditor.kinds.documents import canonical
from auditor.model import Json, Safety, Text

REASONS: Mapping[str, Text] = MappingProxyType(
    {
        "manual": Text("A person must do this one.", "人の手で行う必要があります。"),
        "review": Text(
            "It grants or rewires, and only safe fixes were asked for.",
            "権限の付与や配線の変更を含みますが、安全な修正だけが求められています。",
        ),
        "waived": Text("It is accepted by a waiver.", "適用除外として受け入れられています。"),
        "unread": Text("What it would change could not be read.", "変更対象を読み取れませんでした。"),
        "refused": Text("The fix does not fit what is configured.", "現在の設定には適用できません。"),
        "limit": Text("The run's limit of changes was reached.", "この実行で許される変更数に達しました。"),
        "none": Text("The rule has no fix.", "このルールには修正がありません。"),
    }
)
"""Why a failing finding is not mended by a plan."""


def same(facet: Facet, one: Json, other: Json) -> bool:
    """Tell whether two documents of a facet are the same configuration, however AWS spells and orders them."""
    return canonical(facet.normal(one)) == canonical(facet.normal(other))


def between(facet: Facet, before: Json, current: Json, after: Json) -> bool:
    """Tell whether a document is one of those through which a change in several calls passes.

    That is: every part of it is as it was or as it will be, and no part that both have is missing.
    """
    old, now, new = facet.normal(before), facet.normal(current), facet.normal(after)
    if all(isinstance(one, Mapping | None) for one in (old, now, new)):
        names = {*(old or {}), *(now or {}), *(new or {})}
        return all(_part(now, name) in (_part(old, name), _part(new, name)) for name in names)
    if all(isinstance(one, list | None) for one in (old, now, new)):
        was, is_now, will = ({canonical(item) for item in one or []} for one in (old, now, new))
        return is_now <= was | will and was & will <= is_now
    return False


def _part(document: Mapping[str, Json] | None, name: str) -> str:
    return canonical(document[name]) if document and name in document else ""


def digest_of(value: Json) -> str:
    """Return the SHA-256 of a JSON value, as 64 hex digits, whatever the order of its keys."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """One facet's step from `before` to `after`: the calls that make it and undo it, why, and what must come first.

    `places` are the (pipeline, node) pairs at which the resource stands; `depends_on` names the changes of the same
    plan without which this one must not be made. `cost` says what starts to be charged, `lossy` what undoing cannot
    restore.
    """

    target: Target
    facet: str
    before: Json
    after: Json
    do: tuple[Call, ...]
    undo: tuple[Call, ...]
    safety: Safety
    places: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]
    cost: Text | None = None
    lossy: Text | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return 12 hex digits that name the facet of the resource, the same in every plan."""
        where = [self.target.account.id, self.target.region, self.target.kind, self.target.id, self.facet]
        return digest_of(["change-v1", *where])[:12]

    @property
    def row(self) -> Facet:
        """Return the facet's row in the tables of what AWS has."""
        return KINDS[self.target.kind].facets[self.facet]

    @property
    def title(self) -> str:
        """Return the change's name for people: `source_bucket.Versioning of my-bucket (111122223333)`."""
        nodes = "/".join(dict.fromkeys(node for _, node in self.places))
        return f"{nodes}.{self.facet} of {self.target.id} ({self.target.account.id})"

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Return the pipelines that the change serves."""
        return tuple(dict.fromkeys(pipeline for pipeline, _ in self.places))


@dataclass(frozen=True, slots=True)
class Left:
    """A failing finding that the plan does not mend: why (a key of `REASONS`), and a sentence for this very case."""

    rule: str
    pipeline: str
    node: str
    reason: str
    sentence: Text
    safety: Safety | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order in which they are made, the findings that stay, and a digest of what was read."""

    changes: tuple[Change, ...]
    left: tuple[Left, ...] = ()
    drawn_from: str = ""
    made_at: str = ""
    version: str = ""
    safety: Safety = Safety.SAFE

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many changes there are by safety, and how many findings stay by reason."""
        made = Counter(change.safety.value for change in self.changes)
        kept = Counter(left.reason for left in self.left)
        return {
            **{safety.value: made[safety.value] for safety in (Safety.SAFE, Safety.REVIEW)},
            **{f"left_{key}": kept[key] for key in REASONS},
        }

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the ids of the rules that must pass once the plan is applied."""
        return tuple(dict.fromkeys(rule for change in self.changes for rule in change.rules))
