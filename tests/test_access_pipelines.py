"""Over all rules: access granted in any style audits clean, and one mistake about access is one finding, mended for good."""

import copy
from pathlib import Path

import pytest
import yaml

from auditor.cases import snapshot_of
from auditor.edits.compose import mended, with_documents
from auditor.engine import evaluate
from auditor.errors import Place, Refused
from auditor.model import Safety, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Case
from auditor.rulebook import load
from auditor.scope import steps

HERE = Path(__file__).parent
BASE = yaml.safe_load((HERE / "s3" / "pipelines.yaml").read_text(encoding="utf-8"))["base"]
DATA = yaml.safe_load((HERE / "access" / "pipelines.yaml").read_text(encoding="utf-8"))
# Those about plans look at what no snapshot has, and Requester Pays of the destination is not in the base.
OTHERS = frozenset({"plan-keeps-data", "plan-keeps-configuration", "plan-single-owner", "destination-accepts"})
RULES = tuple(rule for rule in load(vet=False) if rule.id not in OTHERS)


def changed(pipeline, changes):
    for route, value in changes.items():
        *path, last = steps(route)
        place = pipeline
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        if value == "-":
            place.pop(last)
        elif isinstance(place, list) and last >= len(place):
            place.append(copy.deepcopy(value))
        else:
            place[last] = copy.deepcopy(value)


def snapshot(*sets):
    given = copy.deepcopy(BASE)
    for one in (DATA["base"], *sets):
        before = copy.deepcopy(given)
        changed(given, one)
        assert given != before or not one
    return snapshot_of(Case("a pipeline", given, Verdict.PASS, Place("pipelines.yaml")))


def wrong(found):
    return [one for one in evaluate(found, RULES, PREDICATES) if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]


@pytest.mark.parametrize("style", DATA["styles"], ids=lambda style: style["name"])
def test_a_right_pipeline_audits_clean(style):
    findings = wrong(snapshot(style["set"]))
    assert not findings, "\n".join(f"{one.rule}@{one.node} {one.verdict.value}: {one.evidence}" for one in findings)


@pytest.mark.parametrize("fault", DATA["faults"], ids=lambda fault: fault["name"])
def test_one_mistake_is_one_finding_and_is_mended_for_good(fault):
    found = snapshot(fault.get("from", {}), fault["set"])
    findings = wrong(found)
    said = [f"{one.rule}@{one.node}" for one in findings]
    assert said == fault["finds"], "\n".join(
        f"{one.rule}@{one.node} {one.verdict.value}: {one.evidence}" for one in findings
    )
    (finding,) = findings
    assert finding.verdict is Verdict.FAIL
    rule = next(rule for rule in RULES if rule.id == finding.rule)
    if rule.fix.safety is Safety.MANUAL:
        return
    try:
        documents = mended(rule, found, finding.node)
    except Refused as refused:
        assert refused.reason == "Manual"
        return
    # AWS tells the start of the recovery window only after recovery was switched on.
    left = [one for one in wrong(with_documents(found, documents)) if one.rule != "pitr-continuous"]
    assert left == []
