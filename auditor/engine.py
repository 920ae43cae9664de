"""Judge a snapshot by rules: three-valued, with the evidence of the same evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from auditor.kinds import MISSING, gone
from auditor.model import Evidence, Finding, Json, Resource, Snapshot, Text, Unread, Verdict
from auditor.rule import Among, AnyCheck, Check, Combined, Rule
from auditor.scope import ONLY_LIVE, ONLY_PLAN, Found, NotRead, Predicate, Scope, first_unread, unknown_at

_ELSEWHERE = frozenset({ONLY_LIVE, ONLY_PLAN})


def evaluate(snapshot: Snapshot, rules: Iterable[Rule], predicates: Mapping[str, Predicate]) -> tuple[Finding, ...]:
    """Return one finding for each rule at each of its subjects that the pipeline has.

    What does not exist is one finding: where a rule has proven that, rules that are open only for want of it do not apply.
    """
    memo: dict[Any, Any] = {}
    nodes = snapshot.resources.keys()
    found = [
        judge(rule, node, snapshot, predicates, memo)
        for rule in rules
        if required_nodes(rule) <= nodes
        for node in rule.subjects
        if node in nodes
    ]
    missing = {_node(one) for finding in found for one in finding.evidence if one.key == MISSING and one.unread is None}
    return tuple(
        replace(one, verdict=Verdict.NOT_APPLICABLE) if _moot(one, missing, snapshot) else one for one in found
    )


def _moot(finding: Finding, missing: set[str], snapshot: Snapshot) -> bool:
    """Tell whether a finding is open only for want of what does not exist."""
    return finding.verdict is Verdict.UNKNOWN and all(
        one.unread is not None and any(gone(snapshot.resources[node], one.unread) for node in missing)
        for one in finding.evidence
    )


def _node(evidence: Evidence) -> str:
    return evidence.route.partition(".")[0]


def judge(
    rule: Rule, node: str, snapshot: Snapshot, predicates: Mapping[str, Predicate], memo: dict[Any, Any] | None = None
) -> Finding:
    """Return the finding of one rule at one node; judgements of one snapshot may share a `memo` of what they worked out.

    Fail when an objection is proven; else unknown when anything needed was unread; else pass. `when` that is proven false
    makes not_applicable; `when` that is unknown makes unknown unless the checks pass anyway.
    """
    scope = Scope(snapshot, node, defaults=rule.defaults, memo={} if memo is None else memo)
    conditions = _objections_of(rule.when, scope, predicates)
    if _proven(conditions):
        return _finding(rule, scope, Verdict.NOT_APPLICABLE, ())
    objections = _objections_of(rule.checks, scope, predicates)
    if not objections:
        return _finding(rule, scope, Verdict.PASS, ())
    doubts = [objection for objection in (*conditions, *objections) if objection.unread is not None]
    proven = [objection for objection in objections if objection.unread is None]
    if proven and not conditions:
        return _finding(rule, scope, Verdict.FAIL, tuple(proven))
    if all(doubt.unread is not None and doubt.unread.reason in _ELSEWHERE for doubt in doubts):
        return _finding(rule, scope, Verdict.NOT_APPLICABLE, tuple(doubts))
    return _finding(rule, scope, Verdict.UNKNOWN, tuple(doubts))


def objections(check: AnyCheck, scope: Scope, predicates: Mapping[str, Predicate]) -> list[Evidence]:
    """Return what speaks against a check, proven or unknown; an empty list is a pass."""
    try:
        if isinstance(check, Check):
            return _check(check, scope, predicates[check.predicate])
        if isinstance(check, Among):
            return list(_among(check, scope, predicates))
        return _combined(check, scope, predicates)
    except NotRead as gap:
        return [unknown_at(gap.route, gap.unread, _wanted(check, scope, predicates), scope)]


def required_nodes(rule: Rule) -> frozenset[str]:
    """Return the nodes without which a rule says nothing: those that its checks name by route or placeholder."""
    return rule.required


def _check(check: Check, scope: Scope, predicate: Predicate) -> list[Evidence]:
    found = scope.find(check.at)
    value = found.value
    if isinstance(value, Unread):
        return [unknown_at(found.route, value, _looked_for(check, scope, predicate), scope)]
    if value is None and check.has_default:
        found = Found(scope.fill(check.default), found.route)
    if predicate.whole and not isinstance(found.value, Resource) and (hit := first_unread(found.value, found.route)):
        return [unknown_at(*hit, _looked_for(check, scope, predicate), scope)]
    return list(predicate.judge(found, scope.fill(check.wanted) if check.open else check.wanted, scope))


def _among(check: Among, scope: Scope, predicates: Mapping[str, Predicate]) -> Iterator[Evidence]:
    found = scope.find(check.route)
    wanted = (_SOME if check.quantifier == "some" else _EVERY).fill(_wanted(check, scope, predicates))
    if found.unread is not None:
        yield unknown_at(found.route, found.unread, wanted, scope)
        return
    items = found.value if isinstance(found.value, list) else [] if found.value is None else [found.value]
    if not items:
        yield Evidence(found.route, wanted, None, scope.place(found.route))
        return
    verdicts = [
        _item(check, Found(item, f"{found.route}[{index}]"), scope, predicates) for index, item in enumerate(items)
    ]
    if check.quantifier == "every":
        yield from (objection for verdict in verdicts for objection in verdict)
    elif all(verdicts):
        open_ones = [verdict for verdict in verdicts if not _proven(verdict)]
        yield from min(
            open_ones or verdicts, key=lambda verdict: (len(verdict), sorted(str(e.wanted) for e in verdict))
        )


def _item(check: Among, item: Found, scope: Scope, predicates: Mapping[str, Predicate]) -> list[Evidence]:
    if item.unread is not None:
        return [unknown_at(item.route, item.unread, _wanted(check, scope, predicates), scope)]
    return _objections_of(check.checks, scope.inside(item), predicates)


def _combined(check: Combined, scope: Scope, predicates: Mapping[str, Predicate]) -> list[Evidence]:
    branches = [objections(inner, scope, predicates) for inner in check.checks]
    if check.mode == "all":
        return [objection for branch in branches for objection in branch]
    if check.mode == "any":
        if not all(branches):
            return []
        open_ones = [branch for branch in branches if not _proven(branch)]
        return min(open_ones, key=len) if open_ones else [objection for branch in branches for objection in branch]
    inner = [objection for branch in branches for objection in branch]
    if _proven(inner):
        return []
    return inner or [_contrary(check, scope, predicates)]


def _contrary(check: Combined, scope: Scope, predicates: Mapping[str, Predicate]) -> Evidence:
    first = next((inner for inner in check.checks if isinstance(inner, Check)), None)
    found = scope.find(first.at if first else ".")
    shown = found.value.arn if isinstance(found.value, Resource) else found.value
    return Evidence(found.route, _NOT.fill(_wanted(check, scope, predicates)), shown, scope.place(found.route))


def _objections_of(checks: Iterable[AnyCheck], scope: Scope, predicates: Mapping[str, Predicate]) -> list[Evidence]:
    found: list[Evidence] = []
    for check in checks:
        found += objections(check, scope, predicates)
    return found


def _proven(evidence: Iterable[Evidence]) -> bool:
    return any(one.unread is None for one in evidence)


_SOME = Text("some item with {}", "{}を満たす項目があること")
_EVERY = Text("every item with {}", "すべての項目が{}を満たすこと")
_NOT = Text("not {}", "{}に当てはまらないこと")
_OR, _AND = Text("{} or {}", "{}または{}"), Text("{} and {}", "{}かつ{}")


def _wanted(check: AnyCheck, scope: Scope, predicates: Mapping[str, Predicate]) -> Text:
    """Say in the rule's own words, with its placeholders filled, what a check wants."""
    if isinstance(check, Check):
        if (sentence := _whole_sentence(check, predicates.get(check.predicate))) is not None:
            return sentence
        words = f"{check.at} {check.predicate} {_spelled(_filled(check.wanted, scope))}".removeprefix(". ")
        return Text(words, f"「{words}」")
    joint = _OR if isinstance(check, Combined) and check.mode == "any" else _AND
    first, *more = (_wanted(inner, scope, predicates) for inner in check.checks)
    return reduce(joint.fill, more, first)


def _looked_for(check: Check, scope: Scope, predicate: Predicate) -> Json:
    """Say what was looked for where nothing could be read: the value, or what the predicate asks."""
    wanted = _filled(check.wanted, scope)
    if predicate.asks is not None:
        return predicate.asks(wanted)
    return _whole_sentence(check, predicate) or f"{check.predicate} {_spelled(wanted)}"


def _whole_sentence(check: Check, predicate: Predicate | None) -> Text | None:
    """Return what a predicate without a choice asks, which its doc line says."""
    if predicate is None or check.wanted is not True or predicate.schema != {"const": True}:
        return None
    return Text(predicate.doc.en.rstrip("."), predicate.doc.ja.rstrip("。"))


def _filled(wanted: Json, scope: Scope) -> Json:
    """Return a parameter with its placeholders filled, as far as their values are known."""
    if isinstance(wanted, Mapping):
        return {key: _filled(part, scope) for key, part in wanted.items()}
    if isinstance(wanted, list | tuple):
        return [_filled(part, scope) for part in wanted]
    try:
        return scope.fill(wanted)
    except NotRead:
        return wanted


def _spelled(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _finding(rule: Rule, scope: Scope, verdict: Verdict, evidence: tuple[Evidence, ...]) -> Finding:
    fix = rule.fix
    return Finding(
        rule=rule.id,
        pipeline=scope.snapshot.pipeline.name,
        node=scope.subject,
        verdict=verdict,
        severity=rule.severity,
        title=rule.title,
        why=rule.why,
        evidence=tuple(_plain(one) for one in evidence),
        resource=scope.me,
        safety=fix.safety if fix else None,
        fixable=verdict is Verdict.FAIL and _fixable(rule, scope),
        cost=fix.cost if fix else None,
        steps=fix.steps if fix else None,
        tags=rule.tags,
        references=rule.references,
    )


def _fixable(rule: Rule, scope: Scope) -> bool:
    edits = rule.fix.edits if rule.fix else ()
    return bool(edits) and not any(_facet_unread(scope, edit.node or scope.subject, edit.facet) for edit in edits)


def _facet_unread(scope: Scope, node: str, facet: str) -> bool:
    resource = scope.resource(node)
    return resource is None or facet in resource.unread


def _plain(evidence: Evidence) -> Evidence:
    return replace(evidence, wanted=str(evidence.wanted)) if isinstance(evidence.wanted, Unread) else evidence
