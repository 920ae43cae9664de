"""The three laws of a fix, tried on a failing case: fixed means pass, twice changes nothing, undo restores or was declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.edits.compose import mended, with_documents
from auditor.engine import judge
from auditor.errors import Refused
from auditor.kinds import KINDS, target_of
from auditor.model import Finding, Json, Snapshot, Verdict
from auditor.predicates import PREDICATES
from auditor.render.sentences import finding_sentences
from auditor.rule import Case, Rule
from auditor.scope import NotRead, first_unread

_DECLINED = frozenset({"Manual", "TooLarge", "WouldOverlap", "CannotExpress"})


def broken(rule: Rule, case: Case, snapshot: Snapshot, node: str) -> Iterator[str]:
    """Yield which law a rule's fix breaks where the rule fails; a fix that declines, or may not look, breaks none."""
    try:
        changed = mended(rule, snapshot, node)
    except Refused as refusal:
        if refusal.reason not in _DECLINED:
            yield f"the fix stops with {refusal.reason}: {refusal}"
        return
    except NotRead:
        return  # nothing is written on the strength of what could not be read
    if any(first_unread(document) for document in changed.values()):
        return  # nor is a document that is known in part only
    fixed = with_documents(snapshot, changed)
    again = judge(rule, node, fixed, PREDICATES)
    if again.verdict is not Verdict.PASS:
        evidence = "; ".join(finding_sentences(again, "en"))
        yield f"law 1, fixed means pass: after the fix it is {again.verdict.value}: {evidence}"
    if mended(rule, fixed, node):
        yield "law 2, fixing twice changes nothing: the second fix changes the document again"
    yield from _pinned(case, changed)
    yield from _undo(snapshot, changed)


def said(finding: Finding, index: int) -> str:
    """Return all that one piece of evidence says, in both languages, as a line to search in."""
    one = finding.evidence[index]
    notes = f"{one.note.en} {one.note.ja}" if one.note else ""
    detail = f"{one.unread} {one.unread.detail}" if one.unread else ""
    return f"{one.route} {one.wanted} {one.found} {one.key} {detail} {notes}"


def _pinned(case: Case, changed: Mapping[tuple[str, str], Json]) -> Iterator[str]:
    for node, facets in (case.after or {}).items():
        for facet, wanted in facets.items():
            if changed.get((node, facet)) != wanted:
                yield f"after the fix {node}.{facet} is {changed.get((node, facet))}, and the case pins {wanted}"


def _undo(snapshot: Snapshot, changed: Mapping[tuple[str, str], Json]) -> Iterator[str]:
    from auditor.kinds import shapes

    for (node, facet), document in changed.items():
        known = snapshot.resources[node]
        row = KINDS[known.node.kind].facets[facet]
        before = known.facets.get(facet)
        if row.write is None:
            yield f"{node}.{facet} cannot be written at all"
            continue
        target = target_of(known.node)
        calls = [*row.write(target, before, document)]
        undo = row.write(target, document, before)
        if not calls:
            yield f"{node}.{facet}: no call makes this change"
        if not undo and row.lossy(before, document) is None:
            yield f"law 3, undo: nothing undoes the change of {node}.{facet}, and no loss is declared"
        for call in (*calls, *undo):
            if problem := shapes.call_problem(call):
                yield f"{call.operation}: {problem}"
