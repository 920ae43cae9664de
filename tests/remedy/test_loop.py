"""The whole loop with the shipped rules: audit, plan, apply, audit, roll back."""

from __future__ import annotations

import json

import pytest

from auditor import rulebook
from auditor.audit import Settings, audit
from auditor.model import Safety, Verdict
from auditor.remedy import begin, draft, reopen, rollback, runs
from auditor.remedy import apply as apply_plan
from tests.remedy import world
from tests.remedy.world import QUICK


@pytest.fixture(scope="module")
def rules():
    return rulebook.load(vet=False)


def look(aws, rules):
    return audit((world.pipeline(),), rules, Settings(to_fix=True, concurrency=4), aws=aws)


def failed(report):
    return {(one.rule, one.node) for one in report.findings if one.verdict is Verdict.FAIL}


@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.REVIEW])
def test_what_the_plan_mends_passes_afterwards_and_comes_back_whole(
    aws, rules, configuration, writes, tmp_path, safety
):
    before = configuration()
    report = look(aws, rules)
    plan = draft(report.snapshots, report.findings, rules, safety=safety)
    assert plan.changes
    assert writes() == []
    with begin(plan, tmp_path) as journal:
        outcome = apply_plan(plan, aws, journal, patience=QUICK)
    assert outcome.complete, [(one.change.title, one.state, one.why) for one in outcome.results]
    again = look(aws, rules)
    still = failed(again) - {(left.rule, left.node) for left in plan.left}
    assert still == set(), "what was planned passes"
    assert failed(again) < failed(report)
    second = draft(again.snapshots, again.findings, rules, safety=safety)
    assert second.changes == ()
    (run,) = runs(tmp_path)
    with reopen(run) as journal:
        assert rollback(run, aws, journal, patience=QUICK).complete
    assert json.dumps(configuration(), sort_keys=True) == json.dumps(before, sort_keys=True)
    assert failed(look(aws, rules)) == failed(report)
