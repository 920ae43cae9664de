"""Every single mistake is found once, at its node and nowhere else; every right pipeline is clean, whatever its style."""

import pytest

from auditor.edits.compose import mended, with_documents
from auditor.errors import Refused
from auditor.model import Safety, Verdict
from tests.faults.matrix import BY_ID, FAULTS, STYLES, told, wrong


def name(entry):
    return f"{entry.file.removesuffix('.yaml')}: {entry.name}"


@pytest.mark.parametrize("style", STYLES, ids=name)
def test_a_right_pipeline_is_clean(style):
    findings = wrong(style.snapshot())
    assert not findings, told(findings)


@pytest.mark.parametrize("fault", FAULTS, ids=name)
def test_a_mistake_is_found_once_and_nowhere_else(fault):
    findings = wrong(fault.snapshot())
    assert sorted((one.rule, one.node) for one in findings) == fault.expected, told(findings)
    verdict = Verdict.UNKNOWN if fault.maybe else Verdict.FAIL
    assert {one.verdict for one in findings} == {verdict}, told(findings)
    for one in findings:
        assert one.evidence
        assert all("${" not in f"{evidence.wanted}{evidence.found}" for evidence in one.evidence), told(findings)


@pytest.mark.parametrize("fault", [one for one in FAULTS if not one.maybe], ids=name)
def test_a_mistake_is_mended_for_good_or_needs_a_person(fault):
    snapshot = fault.snapshot()
    for finding in wrong(snapshot):
        rule = BY_ID[finding.rule]
        if rule.fix.safety is Safety.MANUAL:
            assert not finding.fixable
            assert rule.fix.steps
            return
        if fault.person:
            with pytest.raises(Refused) as refused:
                mended(rule, snapshot, finding.node)
            assert refused.value.reason == "Manual"
            return
        assert finding.fixable
        snapshot = with_documents(snapshot, mended(rule, snapshot, finding.node))
    # DynamoDB tells the beginning of a recovery window only after recovery was switched on.
    left = [one for one in wrong(snapshot) if one.rule != "pitr-continuous"]
    assert not left, told(left)
