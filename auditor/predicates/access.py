"""Predicates that AWS's own decision logic answers: allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.model import Evidence, Json, Text
from auditor.predicates.access_calls import CALLS
from auditor.predicates.access_verdict import Refusal, Side, evidence, refusals
from auditor.predicates.organizations import left_out
from auditor.scope import Found, Predicate, Scope


def _allows(_found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    calls, side = names(wanted), wanted.get("side", "both")
    told = False
    for refusal in refusals(scope, calls, side):
        objection = evidence(refusal, scope, side)
        if refusal.gap is None and not told:
            told = True
            objection = _with_what_was_left_out(objection, refusal, scope, side)
        yield objection


def _with_what_was_left_out(objection: Evidence, refusal: Refusal, scope: Scope, side: Side) -> Evidence:
    """Say once beside a failure which organisation policies nobody could read: they may stand in the way as well."""
    caller = refusal.ask.caller if side != "resource" else ""
    more = left_out(scope, caller, refusal.ask.guard.partition(".")[0] if side != "caller" else "")
    if more is None:
        return objection
    note = objection.note
    return replace(objection, note=Text(f"{note.en} {more.en}", f"{note.ja}{more.ja}") if note else more)


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
            "are judged, with `side: resource` only the resource's. The organisation's SCPs count with the caller, its RCPs "
            "with the resource, where they can be read (`intent.organization_policies`).",
            "パイプラインのこの部分が行う呼び出しを、ポリシーが許可している。`side: caller` では呼び出し元のポリシーだけを、"
            "`side: resource` ではリソースのポリシーだけを評価する。読み取れる場合は、組織の SCP を呼び出し元、RCP を"
            "リソースのポリシーとして評価する（`intent.organization_policies`）。",
        ),
        needs,
        "{allows: {calls: export_writes, side: resource}}",
        asks=_asked,
    ),
)
