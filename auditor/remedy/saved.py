"""Plans as files: plan-v1 written, and read back only when it is whole, unchanged and made of known calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from auditor.errors import AuditorError, Mistake, Place, Refused, SourceError
from auditor.files import Document, load_json, schema_mistakes, shipped, write_atomic
from auditor.kinds import KINDS, Call, Target
from auditor.model import Account, Json, Safety, Text
from auditor.remedy.change import Change, Left, Plan, digest_of

FORMAT = "plan-v1"


def dump(plan: Plan) -> Json:
    """Return a plan as the JSON value that plan-v1 describes."""
    body = {
        "version": FORMAT,
        "auditor": plan.version,
        "made_at": plan.made_at,
        "safety": plan.safety.value,
        "drawn_from": plan.drawn_from,
        "counts": dict(plan.counts),
        "changes": [_change_out(change) for change in plan.changes],
        "left": [_left_out(left) for left in plan.left],
    }
    return {**body, "digest": digest_of(body)}


def digest(plan: Plan) -> str:
    """Return the digest that names a plan: the SHA-256 of all that it says."""
    return str(dump(plan)["digest"])


def save(plan: Plan, path: Path) -> None:
    """Write a plan to a file that only its owner can read (it holds policies). Raises `UsageError`."""
    write_atomic(path, json.dumps(dump(plan), ensure_ascii=False, indent=2) + "\n", mode=0o600)


def load(path: Path) -> Plan:
    """Return the plan of a file; raises `SourceError` with a sentence when it is not exactly what auditor wrote."""
    document = load_json(path)
    mistakes = schema_mistakes(document, load_json(shipped("reports") / "schemas" / "plan-v1.json").value)
    if mistakes:
        raise SourceError(mistakes)
    return restored(document.value, document)


def restored(value: Mapping[str, Json], document: Document | None = None, *, shown: bool = True) -> Plan:
    """Return the plan of a JSON value that fits the schema; raises `SourceError` when it was tampered with.

    The digests must be right, and the calls must be those that the facet's own writer makes of `before` and `after`: a
    plan cannot bring a call of its own. With `shown=False`, for the plan on record in a journal, the calls are made
    anew instead: another version of auditor may have written the same document by others.
    """
    place = document.place_of(()) if document else Place("plan")
    body = {key: part for key, part in value.items() if key != "digest"}
    if digest_of(body) != value.get("digest"):
        _refuse(place, "The plan was changed after it was made: its digest is wrong.")
    changes = []
    for index, raw in enumerate(value["changes"]):
        here = document.place_of(("changes", index)) if document else place
        changes.append(_change_in(raw, here, shown=shown))
    ids = [change.id for change in changes]
    for index, change in enumerate(changes):
        if not set(change.depends_on) <= set(ids[:index]) or ids.count(change.id) > 1:
            _refuse(place, f"The change of {change.title} is out of order or stands twice.")
    left = tuple(_left_in(raw) for raw in value["left"])
    return Plan(tuple(changes), left, value["drawn_from"], value["made_at"], value["auditor"], Safety(value["safety"]))


def _refuse(place: Place, sentence: str) -> None:
    raise SourceError([Mistake(place, sentence, "Make a new plan with `auditor plan`.")])


def _change_out(change: Change) -> dict[str, Json]:
    body: dict[str, Json] = {
        "id": change.id,
        "places": [{"pipeline": pipeline, "node": node} for pipeline, node in change.places],
        "target": _target_out(change.target),
        "facet": change.facet,
        "safety": change.safety.value,
        "rules": list(change.rules),
        "depends_on": list(change.depends_on),
        "before": change.before,
        "after": change.after,
        "do": [call_out(call) for call in change.do],
        "undo": [call_out(call) for call in change.undo],
        "cost": _text_out(change.cost),
        "lossy": _text_out(change.lossy),
    }
    return {**body, "digest": digest_of(body)}


def _change_in(raw: Mapping[str, Json], place: Place, *, shown: bool) -> Change:
    body = {key: part for key, part in raw.items() if key != "digest"}
    target = _target_in(raw["target"])
    kind = KINDS.get(target.kind)
    row = kind.facets.get(raw["facet"]) if kind else None
    if row is None or row.write is None:
        _refuse(place, f"auditor does not write {raw['facet']} of a {target.kind}.")
    change = Change(
        target=target,
        facet=raw["facet"],
        before=raw["before"],
        after=raw["after"],
        do=_written(target, raw["facet"], raw["before"], raw["after"]),
        undo=_written(target, raw["facet"], raw["after"], raw["before"], optional=True),
        safety=Safety(raw["safety"]),
        places=tuple((one["pipeline"], one["node"]) for one in raw["places"]),
        rules=tuple(raw["rules"]),
        cost=_text_in(raw["cost"]),
        lossy=_text_in(raw["lossy"]),
        depends_on=tuple(raw["depends_on"]),
    )
    if digest_of(body) != raw.get("digest") or change.id != raw["id"]:
        _refuse(place, f"The change of {change.title} was altered after the plan was made.")
    for name, calls in (("do", change.do), ("undo", change.undo)):
        if shown and digest_of([call_out(call) for call in calls]) != digest_of(raw[name]):
            _refuse(place, f"The calls under `{name}` of {change.title} are not those that make this change.")
    return change


def _written(target: Target, facet: str, old: Json, new: Json, *, optional: bool = False) -> tuple[Call, ...]:
    write = KINDS[target.kind].facets[facet].write
    try:
        return write(target, old, new) if write else ()
    except (Refused, AttributeError, KeyError, TypeError) as error:
        if optional and isinstance(error, Refused):
            return ()
        reason = error.sentence if isinstance(error, AuditorError) else "a document has the wrong shape."
        raise SourceError([Mistake(Place("plan"), f"{facet} of {target.id} cannot be written: {reason}")]) from None


def call_out(call: Call) -> dict[str, Json]:
    """Return a call as JSON."""
    place = {"region": call.region} if call.region else {}
    return {"service": call.service, "operation": call.operation, "params": dict(call.params), **place}


def _target_out(target: Target) -> dict[str, Json]:
    account = target.account
    # An external id stays in the pipeline file; the plan remembers which file that was (`remedy.entering`). An account
    # that comes from a plan, and so has no line, has a file only for that reason.
    declared = account.place.file if account.external_id or not account.place.line else ""
    ways = {"profile": account.profile, "assume_role": account.assume_role, "declared_in": declared}
    return {
        "kind": target.kind,
        "id": target.id,
        "region": target.region,
        "account": {
            "name": account.name,
            "id": account.id,
            "region": account.region,
            **{key: value for key, value in ways.items() if value},
        },
        "settings": dict(target.settings),
    }


def _target_in(raw: Mapping[str, Json]) -> Target:
    said = dict(raw["account"])
    declared = Place(said.pop("declared_in", ""))
    account = Account(**said, place=declared)
    return Target(raw["kind"], account, raw["region"], raw["id"], dict(raw["settings"]))


def _left_out(left: Left) -> dict[str, Json]:
    return {
        "rule": left.rule,
        "pipeline": left.pipeline,
        "node": left.node,
        "reason": left.reason,
        "sentence": _text_out(left.sentence),
        "safety": left.safety.value if left.safety else None,
    }


def _left_in(raw: Mapping[str, Json]) -> Left:
    sentence = _text_in(raw["sentence"]) or Text("", "")
    safety = Safety(raw["safety"]) if raw["safety"] else None
    return Left(raw["rule"], raw["pipeline"], raw["node"], raw["reason"], sentence, safety)


def _text_out(text: Text | None) -> Json:
    return None if text is None else {"en": text.en, "ja": text.ja}


def _text_in(raw: Json) -> Text | None:
    return None if raw is None else Text(raw["en"], raw["ja"])
