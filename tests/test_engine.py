"""Three-valued judgement, evidence with concrete routes, and fingerprints that do not move."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.engine import evaluate, judge
from auditor.files import parse_yaml
from auditor.model import Account, Node, Pipeline, Resource, Severity, Snapshot, Unread, Verdict
from auditor.predicates import PREDICATES
from auditor.rulebook import read as read_rule

HEAD = """
id: {name}
title: {{en: It holds, ja: 成り立つ}}
severity: high
subject: source_bucket
why: {{en: It matters., ja: 重要です。}}
"""


def rule_of(body, name="rule"):
    return read_rule(parse_yaml(HEAD.format(name=name) + body, f"{name}.yaml"), vet=False)


def snapshot_of(facets, unread=(), intent=None, **others):
    account = Account("production", "111122223333", "ap-northeast-1")
    resources = {
        name: Resource(
            Node(name, "s3.bucket", account, name),
            documents,
            {facet: Unread("AccessDenied", f"s3:Get{facet}") for facet in unread} if name == "source_bucket" else {},
            {"Arn": f"arn:aws:s3:::{name}"},
        )
        for name, documents in {"source_bucket": facets, **others}.items()
    }
    nodes = {name: one.node for name, one in resources.items()}
    return Snapshot(Pipeline("orders", nodes, {}, intent or {}), resources)


def verdict(body, facets, unread=(), **others):
    return judge(rule_of(body), "source_bucket", snapshot_of(facets, unread, **others), PREDICATES)


GOOD, BAD, HIDDEN = "Versioning", "Encryption", "Policy"
FACETS = {GOOD: {"Status": "Enabled"}, BAD: {"Status": "Off"}}
WORDS = {
    True: "{at: Versioning.Status, equals: Enabled}",
    False: "{at: Encryption.Status, equals: Enabled}",
    None: "{at: Policy.Status, equals: Enabled}",
}
VERDICTS = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.UNKNOWN}


def kleene_and(values):
    return False if False in values else None if None in values else True


def kleene_or(values):
    return True if True in values else None if None in values else False


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_checks_combine_as_kleene_says(left, right):
    both = f"[{WORDS[left]}, {WORDS[right]}]"
    opposite = None if kleene_and([left, right]) is None else not kleene_and([left, right])
    assert verdict(f"check: {both}", FACETS, [HIDDEN]).verdict is VERDICTS[kleene_and([left, right])]
    assert verdict(f"check: [{{all: {both}}}]", FACETS, [HIDDEN]).verdict is VERDICTS[kleene_and([left, right])]
    assert verdict(f"check: [{{any: {both}}}]", FACETS, [HIDDEN]).verdict is VERDICTS[kleene_or([left, right])]
    assert verdict(f"check: [{{not: {both}}}]", FACETS, [HIDDEN]).verdict is VERDICTS[opposite]


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=6))
def test_lists_are_judged_item_by_item(values):
    item = {True: {"Status": "Enabled"}, False: {"Status": "Disabled"}, None: Unread("KnownAfterApply")}
    facets = {"Replication": {"Rules": [item[value] for value in values]}}
    body = "check: [{in: Replication.Rules, %s: [{at: Status, equals: Enabled}]}]"
    assert verdict(body % "some", facets).verdict is VERDICTS[kleene_or(values)]
    assert verdict(body % "every", facets).verdict is VERDICTS[kleene_and(values)]


@pytest.mark.parametrize("quantifier", ["some", "every"])
@pytest.mark.parametrize("facets", [{"Replication": None}, {"Replication": {}}, {"Replication": {"Rules": []}}])
def test_an_absent_or_empty_list_is_no_proof(quantifier, facets):
    body = f"check: [{{in: Replication.Rules, {quantifier}: [{{at: Status, equals: Enabled}}]}}]"
    assert verdict(body, facets).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("when", "check", "expected"),
    [
        (False, True, Verdict.NOT_APPLICABLE),
        (False, None, Verdict.NOT_APPLICABLE),
        (False, False, Verdict.NOT_APPLICABLE),
        (True, True, Verdict.PASS),
        (True, None, Verdict.UNKNOWN),
        (True, False, Verdict.FAIL),
        (None, True, Verdict.PASS),
        (None, None, Verdict.UNKNOWN),
        (None, False, Verdict.UNKNOWN),
    ],
)
def test_when_decides_whether_a_rule_speaks(when, check, expected):
    assert verdict(f"when: [{WORDS[when]}]\ncheck: [{WORDS[check]}]", FACETS, [HIDDEN]).verdict is expected


def test_evidence_has_the_concrete_route_and_what_was_found():
    facets = {"Replication": {"Rules": [{"Status": "Enabled"}, {"Status": "Disabled"}]}}
    finding = verdict("check: [{in: Replication.Rules, every: [{at: Status, equals: Enabled}]}]", facets)
    (evidence,) = finding.evidence
    assert (evidence.route, evidence.wanted, evidence.found) == (
        "source_bucket.Replication.Rules[1].Status",
        "Enabled",
        "Disabled",
    )


def test_a_failing_some_shows_the_item_that_came_closest():
    rules = [{"Status": "Disabled", "ID": "no"}, {"Status": "Enabled", "ID": "no"}]
    body = "check: [{in: Replication.Rules, some: [{at: Status, equals: Enabled}, {at: ID, equals: yes-please}]}]"
    finding = verdict(body, {"Replication": {"Rules": rules}})
    assert [one.route for one in finding.evidence] == ["source_bucket.Replication.Rules[1].ID"]


def test_what_could_not_be_read_names_the_permission():
    finding = verdict("check: [{at: Policy.Status, equals: Enabled}]", {}, ["Policy"])
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.evidence[0].unread.permission == "s3:GetPolicy"
    assert not finding.fixable


def test_a_rule_about_an_absent_node_says_nothing():
    body = 'check: [{at: Versioning.Status, equals: "${destination_bucket.Versioning.Status}"}]'
    assert evaluate(snapshot_of(FACETS), [rule_of(body)], PREDICATES) == ()
    both = snapshot_of(FACETS, destination_bucket={"Versioning": {"Status": "Enabled"}})
    assert [one.verdict for one in evaluate(both, [rule_of(body)], PREDICATES)] == [Verdict.PASS]


def test_a_facet_that_was_never_read_is_unknown_and_not_absent():
    assert verdict("check: [{at: Lifecycle, present: false}]", {}).verdict is Verdict.UNKNOWN


def test_booleans_and_numbers_are_not_confused():
    assert verdict("check: [{at: Versioning.Status, equals: true}]", {GOOD: {"Status": 1}}).verdict is Verdict.FAIL
    assert verdict("check: [{at: Versioning.Status, at_least: 1}]", {GOOD: {"Status": True}}).verdict is Verdict.FAIL


def test_the_fingerprint_knows_neither_order_nor_wording_nor_severity():
    body = "check: [{in: Replication.Rules, some: [{at: Status, equals: Enabled}]}]"
    one = verdict(body, {"Replication": {"Rules": [{"Status": "Disabled"}, {"Status": "Off"}]}})
    other = verdict(body, {"Replication": {"Rules": [{"Status": "Off"}, {"Status": "Disabled"}]}})
    assert one.fingerprint == other.fingerprint == replace(other, severity=Severity.LOW, title=other.why).fingerprint
    assert one.keys == other.keys
    assert one.fingerprint != replace(one, node="destination_bucket").fingerprint
    assert one.fingerprint != replace(one, pipeline="invoices").fingerprint


def test_what_no_template_can_tell_is_not_asked_of_it():
    finding = verdict("check: [{at: ObjectSample.Sampled, equals: 1}]", {"ObjectSample": Unread("OnlyLive")})
    assert finding.verdict is Verdict.NOT_APPLICABLE
    body = "check: [{at: ObjectSample.Sampled, equals: 1}, {at: Policy.Status, equals: Enabled}]"
    assert verdict(body, {"ObjectSample": Unread("OnlyLive")}, [HIDDEN]).verdict is Verdict.UNKNOWN
