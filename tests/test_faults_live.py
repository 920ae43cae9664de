"""The matrix of mistakes over HTTP: found by reading, mended by writing what had to change, and brought back.

A part of it by default; AUDITOR_MATRIX=all takes every entry that the stand-in can hold.
"""

import functools
import os
from pathlib import Path

import pytest
import yaml

from auditor.aws import Aws
from auditor.cli import main
from auditor.model import Safety, Verdict
from auditor.pipeline import load
from auditor.remedy import Patience, apply, begin, draft, reopen, rollback, runs
from auditor.run import Settings, audit, judged
from auditor.standin.dump import dump
from tests.faults.changes import changes, plainly
from tests.faults.matrix import FAULTS, RULES, STYLES, told
from tests.faults.world import served

QUICK = Patience(looks=(0, 0.01, 0.01), tries=(0.01, 0.01))
REPAIRS = {
    name: group["changes"]
    for group in yaml.safe_load((Path(__file__).parent / "faults" / "repairs.yaml").read_text(encoding="utf-8"))
    for name in group["of"]
}
WORDS = {name: schema for rule in RULES for name, schema in rule.parameters.items()}
WRITES = ("Put", "Update", "Delete", "Create", "Add", "Remove", "Set", "Attach", "Enable", "Disable")
SETTINGS = Settings(to_fix=True)


def held(entries):
    return [entry for entry in entries if not isinstance(entry.live, str)]


def some(entries, each):
    """Return every n-th entry and the first of each rule; all of them on demand."""
    if os.environ.get("AUDITOR_MATRIX") == "all":
        return entries
    first = {rule: entry for entry in reversed(entries) for rule in entry.finds}
    return [entry for number, entry in enumerate(entries) if number % each == 0 or entry in first.values()]


def name(entry):
    return f"{entry.file.removesuffix('.yaml')}: {entry.name}"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with served(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.fixture(scope="module")
def aws(world):
    with Aws() as door:
        yield door


@pytest.fixture
def pipelines(world, tmp_path):
    """Build an entry, and return its pipelines as read from its file."""

    def build(entry):
        path = tmp_path / "pipeline.yaml"
        path.write_text(world.build(entry), encoding="utf-8")
        world.server.clear()
        return load([path], intent=WORDS)

    return build


def look(listed, aws):
    report = audit(listed, RULES, SETTINGS, aws=aws)
    return report, [one for one in report.findings if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]


def writes(server):
    return [call["operation"] for call in server.calls() if call["operation"].startswith(WRITES)]


@pytest.mark.parametrize("style", some(held(STYLES), 9), ids=name)
def test_a_right_pipeline_is_clean(style, pipelines, aws):
    _, wrong = look(pipelines(style), aws)
    assert not wrong, told(wrong)


@pytest.mark.parametrize("fault", [one for one in some(held(FAULTS), 16) if not one.mended], ids=name)
def test_a_mistake_is_found_once_and_left_to_a_person(fault, pipelines, aws, world):
    listed = pipelines(fault)
    report, wrong = look(listed, aws)
    assert sorted((one.rule, one.node) for one in wrong) == fault.expected, told(wrong)
    assert {one.verdict for one in wrong} == {Verdict.UNKNOWN if fault.maybe else Verdict.FAIL}
    judge = functools.partial(judged, rules=RULES, pipelines=listed, settings=SETTINGS)
    plan = draft(report.snapshots, report.findings, RULES, safety=Safety.REVIEW, judge=judge)
    assert plan.changes == ()
    assert writes(world.server) == []


@pytest.mark.parametrize("fault", [one for one in some(held(FAULTS), 16) if one.mended], ids=name)
def test_a_mistake_is_found_mended_and_brought_back(fault, pipelines, aws, world, tmp_path):
    listed = pipelines(fault)
    report, wrong = look(listed, aws)
    assert sorted((one.rule, one.node) for one in wrong) == fault.expected, told(wrong)
    assert writes(world.server) == []
    before = dump(world.clients)
    judge = functools.partial(judged, rules=RULES, pipelines=listed, settings=SETTINGS)
    plan = draft(report.snapshots, report.findings, RULES, safety=Safety.REVIEW, judge=judge)
    with begin(plan, tmp_path) as journal:
        outcome = apply(plan, aws, journal, patience=QUICK)
    assert outcome.complete, [(one.change.title, one.state.value, one.why) for one in outcome.results]
    assert [plainly(line) for line in changes(before, dump(world.clients))] == REPAIRS[fault.name]
    world.server.clear()
    again, left = look(listed, aws)
    assert not [one for one in left if one.rule not in fault.later], told(left)
    assert draft(again.snapshots, again.findings, RULES, safety=Safety.REVIEW, judge=judge).changes == ()
    assert writes(world.server) == []
    (run,) = runs(tmp_path)
    with reopen(run) as journal:
        assert rollback(run, aws, journal, patience=QUICK).complete
    assert changes(before, dump(world.clients)) == []


def test_every_repair_is_known():
    assert set(REPAIRS) == {fault.name for fault in held(FAULTS) if fault.mended}


TYPED = (
    "versioning of the destination is suspended",
    "the role may not replicate deletes",
    "the destination names another role",
    "only Put and Post",
)


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.name in TYPED], ids=name)
def test_a_mistake_is_mended_by_the_command_that_a_user_types(fault, world, tmp_path, capsys):
    file, state = tmp_path / "pipeline.yaml", str(tmp_path / "state")
    file.write_text(world.build(fault), encoding="utf-8")

    def auditor(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    before = dump(world.clients)
    code, out, err = auditor("audit", file, "--fix=review", "--yes", "--state-dir", state)
    assert code == 0, out + err
    assert all(rule in err for rule in fault.finds), "what was wrong is told before it is mended"
    assert [plainly(line) for line in changes(before, dump(world.clients))] == REPAIRS[fault.name]
    world.server.clear()
    assert auditor("audit", file, "--fix=review", "--yes", "--state-dir", state)[0] == 0
    assert writes(world.server) == []
    assert auditor("rollback", "last", "--yes", "--state-dir", state)[0] == 0
    assert changes(before, dump(world.clients)) == []
