"""Every single mistake is found once, at its node and nowhere else; every right pipeline is clean, whatever its style."""

import functools
from pathlib import Path

import pytest
import yaml

from auditor.cases import snapshot_of
from auditor.engine import evaluate
from auditor.errors import Place
from auditor.model import Safety, Verdict
from auditor.predicates import PREDICATES
from auditor.remedy import draft
from auditor.rule import Case
from auditor.rulebook import wanted_facets
from tests.faults.matrix import BY_ID, FAULTS, RULES, STYLES, Entry, told, wrong


def name(entry):
    return f"{entry.file.removesuffix('.yaml')}: {entry.name}"


@functools.cache
def judged(number):
    """The pipeline of one mistake, and what is wrong with it."""
    snapshot = FAULTS[number].snapshot()
    return snapshot, wrong(snapshot)


def test_the_matrix_is_large_and_knows_every_rule():
    assert len(FAULTS) >= 110
    assert len(STYLES) >= 50
    assert {rule for fault in FAULTS for rule in fault.finds} == set(BY_ID)
    assert len({name(one) for one in (*STYLES, *FAULTS)}) == len(STYLES) + len(FAULTS)


@pytest.mark.parametrize("style", STYLES, ids=name)
def test_a_right_pipeline_is_clean(style):
    findings = wrong(style.snapshot())
    assert not findings, told(findings)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[name(one) for one in FAULTS])
def test_a_mistake_is_found_once_and_nowhere_else(number):
    fault, (_, findings) = FAULTS[number], judged(number)
    assert sorted((one.rule, one.node) for one in findings) == fault.expected, told(findings)
    verdict = Verdict.UNKNOWN if fault.maybe else Verdict.FAIL
    assert {one.verdict for one in findings} == {verdict}, told(findings)
    for one in findings:
        assert one.evidence
        assert all("${" not in f"{evidence.wanted}{evidence.found}" for evidence in one.evidence), told(findings)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[name(one) for one in FAULTS])
def test_a_mistake_is_mended_for_good_or_needs_a_person(number):
    fault, (snapshot, findings) = FAULTS[number], judged(number)
    judged_since = {}

    def judge(changed):
        judged_since["last"] = wrong(changed)
        return judged_since["last"]

    plan = draft((snapshot,), findings, RULES, safety=Safety.REVIEW, judge=judge)
    if not fault.mended:
        assert plan.changes == ()
        assert [left.rule for left in plan.left] == ([] if fault.maybe else [rule for rule, _ in fault.expected])
        return
    assert plan.left == ()
    assert sorted(f"{node}.{change.facet}" for change in plan.changes for _, node in change.places) == fault.written
    left = [one for one in judged_since["last"] if one.rule not in fault.later]
    assert not left, told(left)
    assert plan.rules, "the plan names the rules it mends"


REFUSED = yaml.safe_load((Path(__file__).parent / "faults" / "refused.yaml").read_text(encoding="utf-8"))


def verdicts(snapshot):
    return {(one.rule, one.node): one for one in evaluate(snapshot, RULES, PREDICATES)}


def refusing(entry, node, facet):
    """The pipeline of an entry, of which one facet may not be read."""
    documents = entry.given()
    documents[node].pop(facet, None)
    documents[node].setdefault("unread", {})[facet] = "AccessDenied"
    return snapshot_of(Case("refused", documents, Verdict.PASS, Place("refused.yaml")))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: " ".join([*case.get("from", ()), case["facet"]]))
def test_one_refused_read_opens_the_verdicts_that_hang_on_it_and_no_other(case):
    entry = Entry("refused", "refused.yaml", variants=tuple(case.get("from", ())))
    node, _, facet = case["facet"].partition(".")
    before, after = verdicts(entry.snapshot()), verdicts(refusing(entry, node, facet))
    opened = {pair for pair, one in after.items() if one.verdict is not before[pair].verdict}
    assert sorted(f"{rule}@{at}" for rule, at in opened) == case["unknown"]
    for pair in opened:
        assert after[pair].verdict is Verdict.UNKNOWN
        assert any(
            evidence.unread is not None and evidence.unread.reason == "AccessDenied" and evidence.unread.permission
            for evidence in after[pair].evidence
        )


def test_every_facet_that_is_read_has_been_refused():
    listed = {case["facet"] for case in REFUSED}
    pipeline = Entry("golden", "golden.yaml").snapshot().pipeline
    # What organisations say may be known to their management account only, and decides nothing while it is not.
    wanted = {f"{node}.{facet}" for node, facet in wanted_facets(RULES, pipeline) if "ControlPolicies" not in facet}
    assert wanted <= listed


@pytest.mark.parametrize(
    "facet", ["source_bucket.Policy", "replication_role.InlinePolicies", "destination_bucket.Versioning"]
)
def test_a_refused_read_never_clears_a_mistake(facet):
    node, _, name = facet.partition(".")
    for fault in FAULTS[::7]:
        if name not in fault.given().get(node, {}):
            continue
        after = verdicts(refusing(fault, node, name))
        found = {pair for pair, one in after.items() if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}}
        assert set(fault.expected) <= found, fault.name
