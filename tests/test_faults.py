"""Every single mistake is found once, at its node and nowhere else; every right pipeline is clean, whatever its style."""

import functools

import pytest

from auditor.model import Safety, Verdict
from auditor.remedy import draft
from tests.faults.matrix import BY_ID, FAULTS, RULES, STYLES, told, wrong


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
