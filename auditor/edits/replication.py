"""Edits of a replication configuration: amend the rule that wins, widen one, or add one beside the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from auditor.edits.documents import merged
from auditor.edits.edit import Edit, known, listed, mapping
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope, steps, walk

Rule = Mapping[str, Json]

_NEEDS_V2 = (
    "DeleteMarkerReplication",
    "Filter",
    "Priority",
    "Destination.ReplicationTime",
    "Destination.Metrics",
    "SourceSelectionCriteria.ReplicaModifications",
)
"""Fields that a V1 rule (top-level Prefix, no Filter) may not have (S3UG replication-add-config)."""

_MOST_RULES = 1_000
_NOT_YET_FOR = Text(
    "no enabled rule replicates “{}” to {} yet.", "「{}」を {} へレプリケートする有効なルールがまだありません。"
)
_NOT_YET = Text("no enabled rule replicates to {} yet.", "{} へレプリケートする有効なルールがまだありません。")
_ONE_ROLE = Text(
    "the bucket replicates as {}, and a bucket has one replication role: a rule for {} would change every other rule.",
    "バケットのレプリケーションロールは {} です。ロールは 1 つしか設定できないため、{} にするとほかのルールにも影響します。",
)
_NO_PRIORITY = Text(
    "no priority is left below the rules that the new rule may not shadow.",
    "既存のルールより低い優先度に空きがなく、新しいルールを追加すると既存のルールが効かなくなります。",
)
_TOO_MANY = Text(
    "the bucket has {} replication rules, and S3 allows {}.",
    "バケットのレプリケーションルールが {} 件あり、S3 の上限は {} 件です。",
)
_TAGGED = Text(
    "rule {} filters by tag, and such a rule cannot replicate delete markers.",
    "ルール {} にはタグ条件があり、そのようなルールでは削除マーカーをレプリケートできません。",
)


def _amend_replication_rule(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    rules = rules_of(document)
    chosen = winners(rules, param["destination"], param["prefix"])
    if not chosen:
        raise Refused("CannotExpress", _NOT_YET_FOR.fill(param["prefix"], param["destination"]))
    amended = [merged(rule, param["set"]) if index in chosen else rule for index, rule in enumerate(rules)]
    if amended == rules:
        return document
    if any(walk(param["set"], steps(route)) is not None for route in _NEEDS_V2):
        amended = [merged(rule, param["set"]) if i in chosen else rule for i, rule in enumerate(as_v2(rules))]
    for index in chosen:
        _refuse_marker_with_tags(amended[index])
    return {**mapping(document, "the replication configuration"), "Rules": amended}


def _add_replication_rule(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    destination, prefix = param["destination"], param["prefix"]
    rules = rules_of(document)
    if any(_aims(rule, destination) and _enabled(rule) and covers(rule, prefix) for rule in rules):
        return document
    role = mapping(document, "the replication configuration").get("Role", param["role"])
    if role != param["role"]:
        raise Refused(
            "CannotExpress",
            _ONE_ROLE.fill(role, param["role"]),
        )
    for index, rule in enumerate(rules):
        if _aims(rule, destination) and covers(rule, prefix):
            return _with_rules(document, role, [*rules[:index], {**rule, "Status": "Enabled"}, *rules[index + 1 :]])
    settings = merged({"Destination": {"Bucket": destination}}, param.get("rule", {}))
    return _with_rules(document, role, _with_new(rules, settings, prefix, param.get("delete_markers", "keep")))


def _widen_replication_rule(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known({key: value for key, value in wanted.items() if key != "delete_markers"})
    destination, prefix = param["destination"], param["prefix"]
    rules = rules_of(document)
    mine = [index for index, rule in enumerate(rules) if _aims(rule, destination) and _enabled(rule)]
    if any(covers(rules[index], prefix) for index in mine):
        return document
    if not mine:
        raise Refused("CannotExpress", _NOT_YET.fill(destination))
    role = document["Role"]
    narrow = [index for index in mine if prefix_of(rules[index]).startswith(prefix) and not tags_of(rules[index])]
    if narrow:
        best = max(narrow, key=lambda index: (priority_of(rules[index]), -index))
        return _with_rules(document, role, [_reprefixed(r, prefix) if i == best else r for i, r in enumerate(rules)])
    model = rules[max(mine, key=lambda index: (priority_of(rules[index]), -index))]
    kept = {key: model[key] for key in ("Destination", "SourceSelectionCriteria") if key in model}
    markers = wanted.get("delete_markers") or _markers_of(model)
    if markers == "replicate" and all(_first_schema_fits(rule, prefix) for rule in rules):
        return _with_rules(document, role, [*rules, _first_schema_rule(kept, prefix, rules)])
    return _with_rules(document, role, _with_new(rules, kept, prefix, markers))


def _markers_of(rule: Rule) -> str:
    """Return what a rule does with the delete markers that users make: the first schema always replicates them."""
    sent = "Filter" not in rule or walk(rule, ("DeleteMarkerReplication", "Status")) == "Enabled"
    return "replicate" if sent else "keep"


def _first_schema_fits(rule: Rule, prefix: str) -> bool:
    """Tell whether a V1 rule for a prefix may stand beside this one: rules of that schema may not overlap."""
    there = prefix_of(rule)
    return "Filter" not in rule and not (there.startswith(prefix) or prefix.startswith(there))


def _first_schema_rule(settings: Rule, prefix: str, others: Iterable[Rule]) -> Rule:
    return {"ID": _new_id(settings, prefix, others), "Prefix": prefix, "Status": "Enabled", **settings}


def rules_of(document: Json) -> list[Rule]:
    """Return the rules of a replication configuration, in order."""
    return [mapping(rule, "a replication rule") for rule in listed(mapping(document, "the configuration").get("Rules"))]


def winners(rules: list[Rule], destination: str, prefix: str) -> list[int]:
    """Return the rules that decide what happens to the objects under a prefix on their way to a destination.

    Of several enabled rules that overlap and share a destination the highest Priority wins, so that is the first rule
    that covers the prefix, and before it those for a part of the prefix. Rules with tags do not count: exports have
    none.
    """
    mine = [i for i, rule in enumerate(rules) if _aims(rule, destination) and _enabled(rule) and not tags_of(rule)]
    chosen: list[int] = []
    for index in sorted(mine, key=lambda index: (-priority_of(rules[index]), index)):
        if covers(rules[index], prefix):
            return [*chosen, index]
        if prefix_of(rules[index]).startswith(prefix):
            chosen.append(index)
    return chosen


def covers(rule: Rule, prefix: str) -> bool:
    """Tell whether a rule's filter lets through every untagged object under a prefix."""
    return prefix.startswith(prefix_of(rule)) and not tags_of(rule)


def prefix_of(rule: Rule) -> str:
    """Return the prefix of a rule's filter in either schema; empty for the whole bucket."""
    filters = rule.get("Filter") or {}
    return str((filters.get("And") or {}).get("Prefix") or filters.get("Prefix") or rule.get("Prefix") or "")


def tags_of(rule: Rule) -> list[Json]:
    """Return the tags that a rule's filter asks for."""
    filters = rule.get("Filter") or {}
    return [*listed(filters.get("Tag")), *listed((filters.get("And") or {}).get("Tags"))]


def priority_of(rule: Rule) -> int:
    """Return a rule's priority; V1 rules have none and may not overlap."""
    return int(rule.get("Priority") or 0)


def as_v2(rules: list[Rule]) -> list[Rule]:
    """Return rules that are all V2, as one configuration must be, and do what they did.

    V1 rules replicate the delete markers that users make, so that is kept on; each gets a priority of its own.
    """
    if all("Filter" in rule for rule in rules):
        return rules
    priority = max((priority_of(rule) for rule in rules), default=0)
    result: list[Rule] = []
    for rule in rules:
        if "Filter" in rule:
            result.append(rule)
            continue
        priority += 1
        changed: dict[str, Json] = {}
        for key, value in rule.items():
            changed["Filter" if key == "Prefix" else key] = {"Prefix": value} if key == "Prefix" else value
        changed.setdefault("Filter", {"Prefix": ""})
        result.append({**changed, "Priority": priority, "DeleteMarkerReplication": {"Status": "Enabled"}})
    return result


def _with_new(rules: list[Rule], settings: Rule, prefix: str, delete_markers: str) -> list[Rule]:
    """Return the rules with a new V2 rule that shadows none of those which share its destination."""
    others = as_v2(rules)
    rivals = [
        priority_of(rule)
        for rule in others
        if _aims(rule, settings["Destination"]["Bucket"]) and prefix_of(rule).startswith(prefix)
    ]
    taken = {priority_of(rule) for rule in others}
    if rivals:
        free = [number for number in range(min(rivals)) if number not in taken]
        if not free:
            raise Refused("CannotExpress", _NO_PRIORITY)
        priority = free[-1]
    else:
        priority = max(taken, default=0) + 1
    if len(others) >= _MOST_RULES:
        raise Refused("TooLarge", _TOO_MANY.fill(f"{len(others):,}", f"{_MOST_RULES:,}"))
    markers = "Enabled" if delete_markers == "replicate" else "Disabled"
    rule = {
        "ID": _new_id(settings, prefix, others),
        "Priority": priority,
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": markers},
    }
    return [*others, {**rule, **settings}]


def _new_id(settings: Rule, prefix: str, others: Iterable[Rule]) -> str:
    digest = hashlib.sha256(f"{settings['Destination']['Bucket']}\0{prefix}".encode()).hexdigest()
    taken = {rule.get("ID") for rule in others}
    return next(name for size in range(12, 65) if (name := f"auditor-{digest[:size]}") not in taken)


def _with_rules(document: Json, role: str, rules: list[Rule]) -> dict[str, Json]:
    return {**mapping(document, "the replication configuration"), "Role": role, "Rules": rules}


def _reprefixed(rule: Rule, prefix: str) -> Rule:
    if "Filter" not in rule:
        return {**rule, "Prefix": prefix}
    if "And" in rule["Filter"]:
        return {**rule, "Filter": {**rule["Filter"], "And": {**rule["Filter"]["And"], "Prefix": prefix}}}
    return {**rule, "Filter": {**rule["Filter"], "Prefix": prefix}}


def _refuse_marker_with_tags(rule: Rule) -> None:
    if tags_of(rule) and walk(rule, ("DeleteMarkerReplication", "Status")) == "Enabled":
        raise Refused("CannotExpress", _TAGGED.fill(rule.get("ID")))


def _aims(rule: Rule, destination: str) -> bool:
    return bool(walk(rule, ("Destination", "Bucket")) == destination)


def _enabled(rule: Rule) -> bool:
    return rule.get("Status") == "Enabled"


_WHERE = {"destination": {"type": "string"}, "prefix": {"type": "string"}}

REPLICATION: tuple[Edit, ...] = (
    Edit(
        "amend_replication_rule",
        _amend_replication_rule,
        {
            "type": "object",
            "properties": {**_WHERE, "set": {"type": "object", "minProperties": 1}},
            "required": ["destination", "prefix", "set"],
            "additionalProperties": False,
        },
        Text(
            "Sets fields of the rule that wins for a prefix and destination (and of narrower rules before it); V1 "
            "rules "
            "become V2, with delete markers still replicated, only when a field needs it.",
            "プレフィックスと宛先に対して実際に効くルール（とそれより優先される狭いルール）にフィールドを設定します。"
            "必要なフィールドが"
            "あるときだけ V1 のルールを V2 に変え、削除マーカーのレプリケーションはそのまま維持します。",
        ),
        '{facet: Replication, amend_replication_rule: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", set: {Destination: {Metrics: {Status: Enabled}}}}}',
    ),
    Edit(
        "add_replication_rule",
        _add_replication_rule,
        {
            "type": "object",
            "properties": {
                **_WHERE,
                "role": {"type": "string"},
                "delete_markers": {"enum": ["replicate", "keep"]},
                "rule": {"type": "object"},
            },
            "required": ["destination", "prefix", "role"],
            "additionalProperties": False,
        },
        Text(
            "Adds an enabled V2 rule for a prefix and destination with a unique ID and priority, shadowing no other; a "
            "disabled rule that already covers them is enabled instead. `rule` holds further fields.",
            "プレフィックスと宛先のための V2 ルールを、一意な ID と優先度で追加します。"
            "ほかのルールを覆い隠すことはありません。すでに"
            "同じ範囲を持つ無効なルールがあれば、それを有効にします。`rule` にはそのほかのフィールドを書けます。",
        ),
        '{facet: Replication, add_replication_rule: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}", role: "${replication_role.Arn}", delete_markers: replicate}}',
    ),
    Edit(
        "widen_replication_rule",
        _widen_replication_rule,
        {
            "type": "object",
            "properties": {**_WHERE, "delete_markers": {"type": "string"}},
            "required": ["destination", "prefix"],
            "additionalProperties": False,
        },
        Text(
            "Widens the rule for a part of the prefix until it covers all of it; where no rule can be widened (tags, "
            "another "
            "prefix), adds one with the same destination settings; `delete_markers` (`replicate` or `keep`) says what the "
            "owner wants of them.",
            "プレフィックスの一部だけを対象とするルールを、全体を含むところまで広げます。"
            "広げられるルールがないとき（タグ条件や別の"
            "プレフィックス）は、同じ宛先設定のルールを追加します。削除マーカーの扱いは `delete_markers`（`replicate` か `keep`）に"
            "従います。",
        ),
        '{facet: Replication, widen_replication_rule: {destination: "${destination_bucket.Arn}", '
        'prefix: "${source_bucket.ExportPrefix}"}}',
    ),
)
