"""A right pipeline audits clean in every style, a single fault is found once and nowhere else, and fixes converge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from auditor.cases import snapshot_of
from auditor.edits.compose import mended, with_documents
from auditor.engine import evaluate
from auditor.errors import Place, Refused
from auditor.model import Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Case
from auditor.rulebook import load
from auditor.scope import NotRead, steps

DATA = yaml.safe_load((Path(__file__).parent / "s3" / "pipelines.yaml").read_text(encoding="utf-8"))
MINE = {
    *("versioning-enabled", "replica-ownership", "public-access-blocked", "tls-only", "default-encryption"),
    *("access-logging", "athena-location"),
    *(f"notification-{name}" for name in ("hears-exports", "covers-exports", "unambiguous", "target-valid", "no-loop")),
    *(
        f"replication-{name}"
        for name in ("configured", "covers-exports", "rules-unambiguous", "delete-markers", "no-chain")
    ),
    *(
        f"replication-{name}"
        for name in ("existing-objects", "time-control", "metrics", "failure-events", "kms", "healthy")
    ),
    *(
        f"lifecycle-{name}"
        for name in ("configured", "aborts-uploads", "expires-noncurrent", "sides-agree", "outlives-replication")
    ),
}
RULES = tuple(rule for rule in load() if rule.id in MINE)


def snapshot(changes):
    given = json.loads(json.dumps(DATA["base"]))
    for route, value in changes.items():
        *path, last = steps(route)
        place = given
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        if value == "-":
            place.pop(last)
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    assert json.dumps(given) != json.dumps(DATA["base"]) or not changes
    return snapshot_of(Case("a pipeline", given, Verdict.PASS, Place("pipelines.yaml")))


def judged(shot):
    return [one for one in evaluate(shot, RULES, PREDICATES) if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]


def named(findings):
    return sorted(f"{one.rule}@{one.node}" for one in findings)


def test_all_rules_are_here():
    assert {rule.id for rule in RULES} == MINE


@pytest.mark.parametrize("style", DATA["styles"], ids=lambda style: style["name"])
def test_a_right_pipeline_audits_clean(style):
    findings = judged(snapshot(style["set"]))
    assert not findings, "\n".join(f"{one.rule}@{one.node} {one.verdict.value}: {one.evidence}" for one in findings)


@pytest.mark.parametrize("fault", DATA["faults"], ids=lambda fault: f"{fault['only'][0]}: {next(iter(fault['set']))}")
def test_a_fault_is_found_once_and_nowhere_else(fault):
    findings = judged(snapshot(fault["set"]))
    assert named(findings) == fault["only"]
    assert all(one.verdict is Verdict.FAIL for one in findings)


@pytest.mark.parametrize("fault", DATA["faults"], ids=lambda fault: f"{fault['only'][0]}: {next(iter(fault['set']))}")
def test_fixes_lead_to_a_clean_pipeline_or_to_a_person(fault):
    shot = snapshot(fault["set"])
    for _ in range(3):
        findings = judged(shot)
        for finding in findings:
            rule = next(rule for rule in RULES if rule.id == finding.rule)
            if not finding.fixable:
                assert rule.fix.steps
                return
            try:
                changed = mended(rule, shot, finding.node)
            except Refused as refusal:
                assert refusal.reason in {"Manual", "WouldOverlap", "CannotExpress"}
                return
            assert changed
            shot = with_documents(shot, changed)
    assert named(judged(shot)) == []


@pytest.mark.parametrize("node", ["source_bucket", "destination_bucket", "consumer"])
def test_what_may_not_be_read_is_never_a_pass_or_a_failure(node):
    given = json.loads(json.dumps(DATA["base"]))
    facets = list(given[node])
    given[node] = {"unread": dict.fromkeys(facets, "AccessDenied")}
    shot = snapshot_of(Case("unread", given, Verdict.PASS, Place("pipelines.yaml")))
    for one in evaluate(shot, RULES, PREDICATES):
        rule = next(rule for rule in RULES if rule.id == one.rule)
        reads = {route.replace("subject", one.node).split(".")[0] for route in rule.needs if "." in route}
        if one.node == node and node in reads:
            assert one.verdict in {Verdict.UNKNOWN, Verdict.NOT_APPLICABLE}, one.rule


@pytest.mark.parametrize("fault", DATA["faults"], ids=lambda fault: f"{fault['only'][0]}: {next(iter(fault['set']))}")
def test_evidence_is_concrete(fault):
    for one in judged(snapshot(fault["set"])):
        for evidence in one.evidence:
            assert evidence.route.split(".")[0] in {"source_bucket", "destination_bucket", "consumer", "catalog_table"}
            assert "${" not in f"{evidence.wanted}{evidence.found}"


def test_a_filter_that_is_not_known_is_no_filter_that_lets_everything_through():
    given = json.loads(json.dumps(DATA["base"]))
    [entry] = given["source_bucket"]["Notification"]["LambdaFunctionConfigurations"]
    entry["Filter"] = {"Key": {"FilterRules": [{"Name": "size", "Value": "0"}]}}
    shot = snapshot_of(Case("strange", given, Verdict.PASS, Place("pipelines.yaml")))
    found = {one.rule: one.verdict for one in evaluate(shot, RULES, PREDICATES) if one.node == "source_bucket"}
    assert found["notification-covers-exports"] is Verdict.UNKNOWN
    assert Verdict.FAIL not in found.values()


def test_a_fix_of_what_was_not_read_is_not_made():
    given = json.loads(json.dumps(DATA["base"]))
    given["source_bucket"]["unread"] = {"Notification": "AccessDenied"}
    del given["source_bucket"]["Notification"]
    shot = snapshot_of(Case("unread", given, Verdict.PASS, Place("pipelines.yaml")))
    rule = next(rule for rule in RULES if rule.id == "notification-hears-exports")
    with pytest.raises(NotRead):
        mended(rule, shot, "source_bucket")
