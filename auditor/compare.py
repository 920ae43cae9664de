"""What changed between two reports, or between two snapshots of the same pipelines: by finding and by facet."""

from __future__ import annotations

import difflib
import json
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
            "keys": "\n".join(sorted({e["route"] for e in one["evidence"]})) if one["verdict"] == "fail" else "",
        }
        for one in document["findings"]
    }


def facets(before: Iterable[Snapshot], after: Iterable[Snapshot]) -> tuple[FacetChange, ...]:
    """Return the facets that both sides looked at and that differ, whatever the order or spelling AWS lets them have.

    A facet that one side could not read is returned with the reason; one that a side never looked at is left out.
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


def _facet(pipeline: str, facet: str, old: Resource, new: Resource) -> FacetChange | None:
    if not all(facet in one.facets or facet in one.unread for one in (old, new)):
        return None
    where = (pipeline, old.node.name, facet)
    doubt = _doubt(old, facet) or _doubt(new, facet)
    if doubt is not None:
        return FacetChange(*where, (), str(doubt))
    normal = KINDS[old.node.kind].facets[facet].normal
    left, right = normal(old.facets[facet]), normal(new.facets[facet])
    if left == right:
        return None
    return FacetChange(
        *where, tuple(difflib.unified_diff(_lines(left), _lines(right), "before", "after", lineterm="", n=2))
    )


def _doubt(resource: Resource, facet: str) -> Unread | None:
    if facet in resource.unread:
        return resource.unread[facet]
    hit = first_unread(resource.facets[facet])
    return hit[1] if hit else None


def _lines(document: Json) -> list[str]:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
