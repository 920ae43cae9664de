"""The event that EventBridge gets for a new object, and which parts of a rule's pattern it does not meet."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.kinds.event_patterns import Leaf, leaves, object_created
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.notifications import REASONS
from auditor.predicates.words import MATCHES
from auditor.scope import Found, Scope, object_to, unknown_at

_PATTERN = Text("a pattern that matches Object Created", "Object Created に一致するイベントパターン")
_AN_EXPORT = Text("an exported object", "エクスポートされたオブジェクト")
_THIS_PART = Text("this part of the pattern", "イベントパターンのこの部分")


def event_of(scope: Scope, key: Json, event: str) -> Json:
    """Return the event that EventBridge gets for a new object in the source bucket, made by one of `CREATED`."""
    bucket = {name: scope.find(f"source_bucket.{name}").value for name in ("Name", "Arn", "Account", "Region")}
    return object_created(bucket, key, REASONS[event])


def unlike(pattern: Found, events: list[Json], scope: Scope) -> Iterator[Evidence]:
    """Yield the parts of a pattern that one of the events does not meet, each once."""
    if pattern.unread is not None:
        yield unknown_at(pattern.route, pattern.unread, _PATTERN, scope)
        return
    if pattern.value is None:
        yield object_to(pattern, _PATTERN, scope)
        return
    worst: dict[str, Leaf] = {}
    for event in events:
        for leaf in leaves(pattern.value, event, pattern.route):
            if leaf.meets is not True and (leaf.route not in worst or leaf.meets is False):
                worst[leaf.route] = leaf
    proven = [leaf for leaf in worst.values() if leaf.meets is False]
    for leaf in proven or worst.values():
        if leaf.meets is False:
            yield object_to(Found(leaf.wanted, leaf.route), _shown(leaf), scope)
        else:
            gap = leaf.wanted if isinstance(leaf.wanted, Unread) else Unread("NotEvaluated", detail=_THIS_PART)
            yield unknown_at(leaf.route, gap, _shown(leaf), scope)


def _shown(leaf: Leaf) -> Json:
    known = leaf.found if isinstance(leaf.found, str | int | float | bool | list) else None
    return MATCHES.fill(known if known is not None else _AN_EXPORT)
