"""What changed between two reports, or between two snapshots of the same pipelines: by finding and by facet."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from auditor.kinds import KINDS
from auditor.model import Finding, Json, Resource, Snapshot, Unread, Verdict
from auditor.scope import first_unread

Change = Literal["new", "fixed", "changed", "unknown", "gone"]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A finding as two runs saw it, found by its fingerprint; an empty verdict where a run did not judge it."""

    fingerprint: str
    rule: str
    pipeline: str
    node: str
    before: str
    after: str
    change: Change


@dataclass(frozen=True, slots=True)
class FacetChange:
    """A facet whose configuration differs, as the lines of a unified diff; or why it could not be compared."""

    pipeline: str
    node: str
    facet: str
    lines: tuple[str, ...]
    unread: str = ""


def findings(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> tuple[Verdicts, ...]:
    """Return what changed between two sets of findings, by fingerprint; see `told` and `told_in_report` for their shape.

    New: it fails now and did not. Fixed: it failed and passes now. Gone: it failed and is not judged now. Unknown: it is
    not known now and was. Changed: another change of the evidence under the same verdict. In the order of rule, pipeline, node.
    """
    made = []
    for fingerprint in before.keys() | after.keys():
        old, new = before.get(fingerprint, {}), after.get(fingerprint, {})
        change = _change(old, new)
        if change:
            known = new or old
            made.append(
                Verdicts(
                    fingerprint,
                    known["rule"],
                    known["pipeline"],
                    known["node"],
                    old.get("verdict", ""),
                    new.get("verdict", ""),
                    change,
                )
            )
    return tuple(sorted(made, key=lambda one: (one.rule, one.pipeline, one.node, one.fingerprint)))


def _change(old: Mapping[str, str], new: Mapping[str, str]) -> Change | None:
    was, now = old.get("verdict", ""), new.get("verdict", "")
    if now == "fail":
        if was == "fail":
            return "changed" if old.get("keys") != new.get("keys") else None
        return "new"
    if now == "unknown":
        return None if was == "unknown" else "unknown"
    if was == "fail":
        return "gone" if not now else "fixed"
    return None


def told(listed: Iterable[Finding]) -> dict[str, dict[str, str]]:
    """Return findings by fingerprint: rule, pipeline, node, verdict, and what exactly is wrong."""
    return {
        one.fingerprint: {
            "rule": one.rule,
            "pipeline": one.pipeline,
            "node": one.node,
            "verdict": one.verdict.value,
            "keys": "\n".join(one.keys) if one.verdict is Verdict.FAIL else "",
        }
        for one in listed
    }


def told_in_report(document: Json) -> dict[str, dict[str, str]]:
    """Return the findings of a report-v1 document by fingerprint."""
    return {
        one["fingerprint"]: {
            "rule": one["rule"],
            "pipeline": one["pipeline"],
            "node": one["node"],
            "verdict": one["verdict"],
            "keys": "\n".join(one["keys"]) if one["verdict"] == "fail" else "",
        }
        for one in document["findings"]
    }


def facets(before: Iterable[Snapshot], after: Iterable[Snapshot]) -> tuple[FacetChange, ...]:
    """Return the facets that both sides looked at and that differ, whatever the order or spelling AWS lets them have.

    What one side cannot know by its nature (a template what only live AWS knows, or what it does not manage of a resource)
    is left out, and the rest compared. A facet that could not be read otherwise is returned with the reason; one that a
    side never looked at is left out.
    """
    theirs = {one.pipeline.name: one for one in after}
    return tuple(
        change
        for snapshot in before
        if snapshot.pipeline.name in theirs
        for change in _facets(snapshot, theirs[snapshot.pipeline.name])
    )


def _facets(before: Snapshot, after: Snapshot) -> Iterator[FacetChange]:
    for name, old in before.resources.items():
        new = after.resources.get(name)
        if new is None or new.node.kind != old.node.kind:
            continue
        for facet in KINDS[old.node.kind].facets:
            change = _facet(before.pipeline.name, facet, old, new)
            if change is not None:
                yield change


_BY_NATURE = frozenset({"OnlyLive", "OnlyPlan"})
_UNMANAGED = frozenset({"NotInTemplate", "NotInPlan"})


def _facet(pipeline: str, facet: str, old: Resource, new: Resource) -> FacetChange | None:
    if not all(facet in one.facets or facet in one.unread for one in (old, new)):
        return None
    sides = [one.unread.get(facet, one.facets.get(facet)) for one in (old, new)]
    doubts = [hit[1] for side in sides if (hit := first_unread(side))]
    # A side that knows nothing at all of a resource did not find it.
    silent = _BY_NATURE | (_UNMANAGED if old.facets and new.facets else frozenset())
    told = next((one for one in doubts if one.reason not in silent), None)
    where = (pipeline, old.node.name, facet)
    if any(isinstance(side, Unread) for side in sides):
        return None if told is None else FacetChange(*where, (), str(told))
    sure = not doubts or _aligned(*sides)
    left, right = (
        KINDS[old.node.kind].facets[facet].normal(side) for side in (_both_know(*sides) if doubts else sides)
    )
    right = right if left == right else _named_alike(left, right)
    if left == right:
        return None if told is None else FacetChange(*where, (), str(told))
    if not sure:
        return FacetChange(*where, (), str(told or doubts[0]))
    return FacetChange(
        *where, tuple(difflib.unified_diff(_lines(left), _lines(right), "before", "after", lineterm="", n=2))
    )


_STAND_IN = re.compile(r"\([A-Za-z0-9][^()/:\s]*\)")
"""What stands for a name that nobody knows before deployment."""


def _named_alike(left: Json, right: Json) -> Json:
    """Return the right document with the texts of the left one that differ from its own only by names not known yet."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        made = dict(right)
        for name in [one for one in right if one not in left]:
            alike = [one for one in left if one not in right and _alike(one, name)]
            if len(alike) == 1:
                made[alike[0]] = made.pop(name)
        return {name: _named_alike(left[name], part) if name in left else part for name, part in made.items()}
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [_named_alike(one, other) for one, other in zip(left, right, strict=True)]
    return left if isinstance(left, str) and isinstance(right, str) and _alike(left, right) else right


def _alike(one: str, other: str) -> bool:
    """Tell whether two texts may be the same once the names in them are known."""
    return any(
        _STAND_IN.search(pattern) is not None
        and re.fullmatch(".+".join(map(re.escape, _STAND_IN.split(pattern))), text) is not None
        for pattern, text in ((one, other), (other, one))
    )


def _aligned(left: Json, right: Json) -> bool:
    """Tell whether no list holds something unread whose items might stand in another order on the other side."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return all(_aligned(left[name], right[name]) for name in left.keys() & right.keys())
    if isinstance(left, list) and isinstance(right, list):
        if len(left) == len(right) == 1:
            return _aligned(left[0], right[0])
        return first_unread(left) is None and first_unread(right) is None
    return True


def _both_know(left: Json, right: Json) -> tuple[Json, Json]:
    """Return both documents without what either of them leaves unread."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        open_ones = {name for side in (left, right) for name, part in side.items() if isinstance(part, Unread)}
        shared = {name: _both_know(left[name], right[name]) for name in left.keys() & right.keys() - open_ones}
        sides = ({name: part for name, part in side.items() if name not in open_ones} for side in (left, right))
        one, other = sides
        return (
            {name: shared[name][0] if name in shared else _told(part) for name, part in one.items()},
            {name: shared[name][1] if name in shared else _told(part) for name, part in other.items()},
        )
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = [_both_know(a, b) for a, b in zip(left, right, strict=True)]
        kept = [(a, b) for a, b in pairs if not (isinstance(a, Unread) or isinstance(b, Unread))]
        return [a for a, _ in kept], [b for _, b in kept]
    return _told(left), _told(right)


def _told(value: Json) -> Json:
    """Return a value without what is unread inside it."""
    if isinstance(value, Mapping):
        return {name: _told(part) for name, part in value.items() if not isinstance(part, Unread)}
    if isinstance(value, list):
        return [_told(part) for part in value if not isinstance(part, Unread)]
    return value


def _lines(document: Json) -> list[str]:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True).split("\n")
