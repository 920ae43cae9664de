"""Waivers and the baseline: what they cover, when they stop, and what they say about themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render import sample

from auditor.errors import InputError, Place
from auditor.model import Evidence, Pipeline, Verdict, Waiver
from auditor.waivers import Baseline, apply

TODAY = date(2026, 11, 24)
FINDINGS = tuple(replace(one, waiver=None, known=False) for one in sample.report().findings)
MARKERS = next(one for one in FINDINGS if one.rule == "replication-delete-markers")
UNREAD = next(one for one in FINDINGS if one.verdict is Verdict.UNKNOWN)
RULE = "replication-delete-markers"


def waiver(until="2027-03-31", **fields) -> Waiver:
    return Waiver("agreed", "data-team", date.fromisoformat(until), place=Place("p.yaml", 9, 3), **fields)


def run(*waivers, findings=FINDINGS, name="orders", today=TODAY):
    return apply(findings, [Pipeline(name, {}, waivers=waivers)], today)


def waived(findings):
    return {one.rule for one in findings if one.waiver}


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({"rule": RULE}, {RULE}),
        ({"rule": RULE, "pipeline": "orders", "node": "source_bucket"}, {RULE}),
        ({"rule": RULE, "node": "destination_bucket"}, set()),
        ({"rule": RULE, "pipeline": "customers"}, set()),
        ({"fingerprint": MARKERS.fingerprint}, {RULE}),
        ({"fingerprint": MARKERS.fingerprint, "rule": "pitr-enabled"}, set()),
        ({"rule": UNREAD.rule}, set()),
        ({"node": "table"}, {"pitr-enabled"}),
        ({}, set()),
    ],
)
def test_every_field_that_is_given_must_match(fields, rules):
    assert waived(run(waiver(**fields))[0]) == rules


def test_a_waiver_speaks_for_its_own_pipeline_only():
    assert waived(run(waiver(rule=RULE), name="customers")[0]) == set()


def test_a_waived_finding_keeps_its_verdict_and_a_pass_is_never_waived():
    findings, _ = run(waiver(pipeline="orders"))
    assert [one.verdict for one in findings] == [one.verdict for one in FINDINGS]
    assert all(one.waiver is None for one in findings if one.verdict in {Verdict.PASS, Verdict.NOT_APPLICABLE})
    assert {one.verdict for one in findings if one.gates} == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("until", "is_waived", "kinds"),
    [
        ("2026-11-23", False, ["waiver-expired"]),
        ("2026-11-24", True, ["waiver-ends-soon"]),
        ("2026-12-08", True, ["waiver-ends-soon"]),
        ("2026-12-09", True, []),
    ],
)
def test_the_last_day_counts_and_fourteen_days_before_it_warn(until, is_waived, kinds):
    findings, notices = run(waiver(until, rule=RULE))
    assert bool(waived(findings)) is is_waived
    assert [one.kind for one in notices] == kinds
    assert all(until in one.text.en and until in one.text.ja and one.place.line == 9 for one in notices)


@pytest.mark.parametrize(
    ("accepted", "holds"),
    [
        ("Disabled", True),
        ("Enabled", False),
        ({"source_bucket.Replication.Rules[0].DeleteMarkerReplication.Status": "Disabled"}, True),
        ({"source_bucket.Replication.Rules[0].DeleteMarkerReplication.Status": None}, False),
        ({"source_bucket.Replication.Rules[1].DeleteMarkerReplication.Status": "Disabled"}, False),
        ({"Replication.Rules[].DeleteMarkerReplication.Status": "Disabled"}, True),
        ({"source_bucket.Replication.Rules[].DeleteMarkerReplication.Status": "Enabled"}, False),
        ({"Status": "Disabled"}, False),
    ],
)
def test_a_waiver_is_void_when_the_accepted_value_changed(accepted, holds):
    findings, notices = run(waiver(rule=RULE, only_while=accepted))
    assert bool(waived(findings)) is holds
    assert [one.kind for one in notices] == ([] if holds else ["waiver-void"])


def test_only_while_does_not_mind_the_order_of_lists_but_minds_types_and_further_evidence():
    def held(found, accepted, *more):
        evidence = (Evidence("source_bucket.X", found=found), *more)
        return bool(
            waived(run(waiver(rule=RULE, only_while=accepted), findings=(replace(MARKERS, evidence=evidence),))[0])
        )

    assert held(["a", {"k": [1, 2]}], [{"k": [2, 1]}, "a"])
    assert not held([1], [True])
    assert not held("a", ["a"])
    assert not held(["a"], ["a", "a"])
    assert not held("a", "a", Evidence("source_bucket.Y", found="b"))
    assert not held("a", {"source_bucket.X": "a"}, Evidence("source_bucket.Y", found="b"))


def test_an_unread_value_is_not_the_accepted_one():
    findings, notices = run(
        waiver(rule="versioning-enabled", only_while={"destination_bucket.Versioning.Status": None})
    )
    assert waived(findings) == set()
    assert notices == ()


def test_an_unused_waiver_is_named_unless_its_rule_was_not_judged():
    passing = tuple(replace(one, verdict=Verdict.PASS, evidence=()) for one in FINDINGS)
    assert [one.kind for one in run(waiver(rule=RULE), findings=passing)[1]] == ["waiver-unused"]
    assert run(waiver(rule="not-selected-today"))[1] == ()


def test_a_waiver_of_a_whole_file_is_announced_once_and_unused_only_if_no_pipeline_needs_it():
    shared = waiver("2026-12-01", rule=RULE)
    other = replace(MARKERS, pipeline="customers", verdict=Verdict.PASS, evidence=())
    pipelines = [Pipeline(name, {}, waivers=(shared,)) for name in ("orders", "customers")]
    findings, notices = apply((MARKERS, other), pipelines, TODAY)
    assert [one.kind for one in notices] == ["waiver-ends-soon"]
    assert [bool(one.waiver) for one in findings] == [True, False]


def test_a_renewed_waiver_wins_over_an_expired_one():
    findings, _ = run(waiver("2026-01-01", rule=RULE), waiver("2027-01-01", rule=RULE), waiver("2026-12-31", rule=RULE))
    assert next(one for one in findings if one.waiver).waiver.until == date(2027, 1, 1)


def test_a_baseline_holds_back_what_it_knows_and_nothing_else():
    baseline = Baseline.of([MARKERS])
    findings, notices = baseline.apply(FINDINGS)
    assert [one.rule for one in findings if one.known] == [RULE]
    assert notices == ()
    assert sum(one.gates for one in findings) == sum(one.gates for one in FINDINGS) - 1


def test_a_known_finding_with_a_further_key_is_new():
    worse = replace(
        MARKERS, evidence=(*MARKERS.evidence, Evidence("source_bucket.Replication.Rules[0].Status", "Enabled"))
    )
    findings, notices = Baseline.of([MARKERS]).apply([worse])
    assert findings[0].gates
    assert [one.kind for one in notices] == ["baseline-grown"]
    assert "source_bucket.Replication.Rules[].Status" in notices[0].text.en


def test_the_index_in_a_list_does_not_make_a_finding_new():
    moved = replace(
        MARKERS, evidence=(replace(MARKERS.evidence[0], route=MARKERS.evidence[0].route.replace("[0]", "[3]")),)
    )
    assert not Baseline.of([MARKERS]).apply([moved])[0][0].gates


@pytest.mark.parametrize(("before", "after"), [(Verdict.FAIL, Verdict.UNKNOWN), (Verdict.UNKNOWN, Verdict.FAIL)])
def test_failed_and_unknown_are_not_the_same_to_a_baseline(before, after):
    assert Baseline.of([replace(MARKERS, verdict=before)]).apply([replace(MARKERS, verdict=after)])[0][0].gates


def test_a_waived_finding_is_not_in_the_baseline():
    assert Baseline.of([replace(MARKERS, waiver=waiver(rule=RULE))]).known == {}


def test_pruning_drops_what_is_mended_and_keeps_what_was_not_judged_or_not_read():
    baseline = Baseline.of([MARKERS, UNREAD])
    mended = replace(MARKERS, verdict=Verdict.PASS, evidence=())
    assert set(baseline.known) == {MARKERS.fingerprint}
    assert set(baseline.prune([mended, UNREAD]).known) == set()
    assert set(baseline.prune([UNREAD]).known) == {MARKERS.fingerprint}
    assert set(baseline.prune([replace(MARKERS, verdict=Verdict.UNKNOWN)]).known) >= {MARKERS.fingerprint}
    assert set(baseline.prune([replace(UNREAD, verdict=Verdict.FAIL)]).known) == {MARKERS.fingerprint}
    renamed = replace(MARKERS, resource=replace(MARKERS.resource, node=replace(MARKERS.resource.node, id="other")))
    assert MARKERS.fingerprint not in baseline.prune([renamed]).known
    assert [one.kind for one in baseline.apply([mended])[1]] == ["baseline-fixed"]


def test_pruning_forgets_keys_that_are_gone_so_that_they_cannot_come_back_unseen():
    two = replace(MARKERS, evidence=(*MARKERS.evidence, Evidence("source_bucket.X")))
    pruned = Baseline.of([two]).prune([MARKERS])
    assert not pruned.apply([MARKERS])[0][0].gates
    assert pruned.apply([two])[0][0].gates


@given(st.lists(st.sampled_from(FINDINGS), unique_by=id), st.lists(st.sampled_from(FINDINGS), unique_by=id))
def test_laws_of_the_baseline(old, new):
    baseline = Baseline.of(old)
    assert {one.verdict for one in baseline.apply(old)[0] if one.gates} <= {Verdict.UNKNOWN}
    pruned = baseline.prune(new)
    assert set(pruned.known) <= set(baseline.known)
    assert pruned.prune(new) == pruned
    assert [one.known for one in pruned.apply(new)[0]] == [one.known for one in baseline.apply(new)[0]]
    assert Baseline.of(reversed(old)).text() == baseline.text()


def test_a_baseline_file_comes_back_as_it_was_written(tmp_path):
    baseline = Baseline.of(FINDINGS)
    baseline.write(tmp_path / "baseline.json")
    loaded = Baseline.load(tmp_path / "baseline.json")
    assert loaded.known == baseline.known
    assert loaded.text() == (tmp_path / "baseline.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, ""),
        ("[]", 1, "mapping"),
        ('{"version": "baseline-v2", "findings": []}', 1, "baseline-v1"),
        ('{"version": "baseline-v1",\n "findings": [{"fingerprint": "x"}]}', 2, "fingerprint"),
        ('{"version": "baseline-v1",\n "findings": [\n{"fingerprint": 5, "rule": "r"}]}', 3, "keys"),
    ],
)
def test_bad_baselines_are_refused_in_a_sentence_with_its_place(tmp_path, text, line, says):
    path = tmp_path / "baseline.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        Baseline.load(path)
    assert f"{path}:{line}" in str(caught.value)
    assert says in str(caught.value)


def test_a_baseline_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"[Tt]here is no such file\.$"):
        Baseline.load(tmp_path / "none.json")


def test_the_shipped_schema_describes_what_is_written():
    from jsonschema import Draft202012Validator

    schema = json.loads((sample.EXAMPLES.parent / "schemas" / "baseline-v1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(Baseline.of(FINDINGS).text()))
