"""Predicates that AWS's own decision logic answers: allows."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model import Evidence, Json, Text
from auditor.predicates.access_calls import CALLS
from auditor.predicates.access_verdict import evidence, refusals
from auditor.scope import Found, Predicate, Scope


def _allows(_found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    calls, side = names(wanted), wanted.get("side", "both")
    for refusal in refusals(scope, calls, side):
        yield evidence(refusal, scope, side)


def names(wanted: Json) -> tuple[str, ...]:
    """Return the names of the calls that a parameter asks about."""
    calls = wanted["calls"]
    return (calls,) if isinstance(calls, str) else tuple(calls)


def needs(wanted: Json, _at: str) -> tuple[str, ...]:
    """Return the routes that judging the calls reads."""
    side = wanted.get("side", "both")
    return tuple(dict.fromkeys(route for name in names(wanted) if name in CALLS for route in CALLS[name].needs(side)))


_ALLOWED = Text("the policies allow {}", "{} がポリシーで許可されていること")


def _asked(wanted: Json) -> Text:
    return _ALLOWED.fill(", ".join(names(wanted)))


_NAME: Json = {"enum": list(CALLS)}

ACCESS = (
    Predicate(
        "allows",
        _allows,
        {
            "type": "object",
            "properties": {
                "calls": {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]},
                "side": {"enum": ["caller", "resource", "both"], "default": "both"},
            },
            "required": ["calls"],
            "additionalProperties": False,
        },
        Text(
            "The policies allow what these parts of the pipeline ask of AWS; with `side: caller` only the caller's own policies "
            "are judged, with `side: resource` only the resource's. Organisation policies (SCP, RCP) are not considered.",
            "パイプラインのこの部分が行う呼び出しを、ポリシーが許可している。`side: caller` では呼び出し元のポリシーだけを、"
            "`side: resource` ではリソースのポリシーだけを評価する。組織のポリシー (SCP・RCP) は対象外。",
        ),
        needs,
        "{allows: {calls: export_writes, side: resource}}",
        asks=_asked,
    ),
)
