"""events.rule: an EventBridge rule with its pattern as a document, and its targets."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.kinds.documents import encoded, parsed
from auditor.kinds.event_targets import policies_facet
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import arn, common, resource_of
from auditor.kinds.paging import pages
from auditor.model import Json, Text

# What a rule sends to its targets may hold secrets.
_SENT = frozenset({"Input", "InputTransformer", "HttpParameters"})
_WRITTEN = ("ScheduleExpression", "State", "Description", "RoleArn")


def _named(target: Target) -> tuple[str, str]:
    """Return the rule's bus and name: `rule` is on the default bus, `bus/rule` on another."""
    bus, _, name = resource_of(target.id).removeprefix("rule/").rpartition("/")
    return bus or target.settings.get("bus", "default"), name


def _arn(target: Target) -> str:
    bus, name = _named(target)
    return arn(target, "events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")


def _read_rule(ask: Ask, target: Target) -> Json:
    bus, name = _named(target)
    found = dict(ask(Call("events", "DescribeRule", {"Name": name, "EventBusName": bus})))
    if "EventPattern" in found:
        found["EventPattern"] = parsed(found["EventPattern"], f"The pattern of rule {name}")
    return found


def _write_rule(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    bus, name = _named(target)
    if after is None:
        raise Refused("CannotExpress", f"Rule {name} is not deleted.")
    # PutRule replaces the rule: what it is not told is gone.
    kept = {key: after[key] for key in _WRITTEN if after.get(key) is not None}
    pattern = {"EventPattern": encoded(after["EventPattern"])} if after.get("EventPattern") is not None else {}
    return (Call("events", "PutRule", {"Name": name, "EventBusName": bus, **pattern, **kept}),)


def _normal_rule(document: Json) -> Json:
    known = document or {}
    return {key: known.get(key) for key in ("EventPattern", *_WRITTEN)}


def _read_targets(ask: Ask, target: Target) -> Json:
    bus, name = _named(target)
    targets = pages(ask, Call("events", "ListTargetsByRule", {"Rule": name, "EventBusName": bus}), "Targets")
    return [{key: value for key, value in one.items() if key not in _SENT} for one in targets]


def _attributes(target: Target) -> Mapping[str, Json]:
    bus, name = _named(target)
    return {**common(target, name, _arn(target)), "Bus": bus}


RULE = Kind(
    name="events.rule",
    service="events",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("ResourceNotFoundException",),
    doc=Text("An EventBridge rule (`rule`, or `bus/rule`).", "EventBridge ルールです（`rule` または `bus/rule`）。"),
    facets=facets(
        Facet(
            "Rule",
            _read_rule,
            ("events:DescribeRule",),
            Shape("api", "events", "DescribeRule", fields={"EventPattern": {}}),
            ("events:DescribeRule",),
            _write_rule,
            ("events:PutRule",),
            doc=Text(
                "The rule, its event pattern as a document.", "ルール本体です。イベントパターンは文書として扱います。"
            ),
            normal=_normal_rule,
        ),
        Facet(
            "Targets",
            _read_targets,
            ("events:ListTargetsByRule",),
            Shape("api", "events", "ListTargetsByRule", "Targets"),
            ("events:ListTargetsByRule",),
            doc=Text(
                "The rule's targets without what is sent to them.", "ルールのターゲットです（送信する内容は除きます）。"
            ),
        ),
        policies_facet(_read_targets),
    ),
)
