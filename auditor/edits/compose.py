"""Compose the edits of rules into new documents, without writing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.edits import EDITS
from auditor.kinds import KINDS
from auditor.model import Json, Snapshot
from auditor.rule import Rule
from auditor.scope import NotRead, Scope


def mended(rule: Rule, snapshot: Snapshot, node: str) -> Mapping[tuple[str, str], Json]:
    """Return the documents, by (node, facet), that a rule's edits change at one of its subjects.

    Each edit sees what the edits before it made. A document that comes out as it was is left out. Raises `NotRead` when a
    facet to edit (or a value that an edit needs) is unread, and `Refused` when an edit declines.
    """
    before = snapshot
    touched: dict[tuple[str, str], Json] = {}
    for edit in rule.fix.edits if rule.fix else ():
        scope = Scope(snapshot, node, defaults=rule.defaults)
        place = edit.node or node
        known = scope.resource(place)
        # Several kinds may stand at a node, and each has facets of its own to mend.
        if known is None or edit.facet not in KINDS[known.node.kind].facets:
            continue
        document = scope.take(f"{place}.{edit.facet}")
        new = EDITS[edit.action].apply(document, scope.fill(edit.wanted), scope)
        touched[place, edit.facet] = new
        snapshot = with_documents(snapshot, {(place, edit.facet): new})
    return {pair: document for pair, document in touched.items() if document != _facet(before, pair)}


def with_documents(snapshot: Snapshot, changed: Mapping[tuple[str, str], Json]) -> Snapshot:
    """Return the snapshot with some facets replaced, as though they had been written and read again."""
    resources = dict(snapshot.resources)
    for (node, facet), document in changed.items():
        known = resources[node]
        resources[node] = replace(known, facets={**known.facets, facet: document})
    return replace(snapshot, resources=resources)


def _facet(snapshot: Snapshot, pair: tuple[str, str]) -> Json:
    node, facet = pair
    known = snapshot.resources[node]
    if facet in known.unread:
        raise NotRead(f"{node}.{facet}", known.unread[facet])
    return known.facets.get(facet)
