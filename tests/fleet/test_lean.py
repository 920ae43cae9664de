"""A lean report says what a whole one says, to the byte, in memory that does not grow with what was read."""

import io
import json
import os
import tracemalloc
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.aws import Aws
from auditor.kept import Shelf
from auditor.model import EMPTY, Severity, Waiver
from auditor.pipeline import load
from auditor.render import FORMATS, Options
from auditor.render.json_text import indented, still
from auditor.render.json_v1 import document, finding_json, finding_text
from auditor.rulebook import load as load_rules
from auditor.run import Settings, audit
from auditor.sources.saved import dump
from auditor.waivers import Baseline
from tests.benchmarks.measure import world

RULES = load_rules(vet=False)
LEAN_FORMATS = sorted(set(FORMATS.rows) - {"html"})


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Read a fleet once and keep it; return the pipelines and the settings that judge them again."""
    folder = tmp_path_factory.mktemp("fleet")
    with world(12, 0) as (place, env, _):
        pipelines = load([place / "pipelines.yaml"])
        before = os.environ.get("AWS_CONFIG_FILE")
        os.environ["AWS_CONFIG_FILE"] = env["AWS_CONFIG_FILE"]
        try:
            with Aws() as aws:
                dump(audit(pipelines, RULES, aws=aws).snapshots, folder / "snapshot.json")
        finally:
            os.environ.pop("AWS_CONFIG_FILE")
            if before is not None:
                os.environ["AWS_CONFIG_FILE"] = before
    waiver = Waiver("known", "data-team", date(2026, 12, 1), rule="pitr-enabled")
    waived = [replace(one, waivers=(waiver,)) for one in pipelines]
    baseline = Baseline.of(audit(pipelines[9:], RULES, Settings((f"snapshot:{folder / 'snapshot.json'}",))).findings)
    kept = f"snapshot:{folder / 'snapshot.json'}"
    return waived, Settings((kept,), today=date(2026, 11, 25), baseline=baseline, seal=True)


@pytest.fixture(scope="module")
def reports(settings):
    pipelines, how = settings
    both = [audit(pipelines, RULES, how, lean=lean) for lean in (False, True)]
    return [replace(one, started_at="2026-11-25T03:00:00Z", usage=replace(one.usage, seconds=1.0)) for one in both]


@pytest.mark.parametrize("name", LEAN_FORMATS)
def test_every_format_is_the_same_to_the_byte(reports, name):
    whole, lean = io.StringIO(), io.StringIO()
    for report, stream in zip(reports, (whole, lean), strict=True):
        FORMATS[name].write(report, stream, Options(min_severity=Severity.LOW))
    assert lean.getvalue() == whole.getvalue()
    assert whole.getvalue()


def test_what_is_counted_is_the_same(reports):
    whole, lean = reports
    assert (lean.declared, lean.read, lean.notices, lean.rules) == (
        whole.declared,
        whole.read,
        whole.notices,
        whole.rules,
    )
    assert len(lean.findings) == len(whole.findings)
    assert len(lean.snapshots) == len(whole.snapshots)
    assert {one.kind for one in whole.notices} == {"waiver-ends-soon"}
    assert any(one.waiver for one in lean.findings)
    assert any(one.known for one in lean.findings)
    assert any(one.evidence for one in lean.findings)


def test_findings_come_in_order_and_may_be_gone_through_again(reports):
    whole, lean = reports
    told = [(one.pipeline, one.rule, one.node, one.fingerprint) for one in lean.findings]
    assert told == sorted(told)
    assert told == [(one.pipeline, one.rule, one.node, one.fingerprint) for one in lean.findings]
    slim = {one.fingerprint: replace(one, resource=replace(one.resource, facets=EMPTY)) for one in lean.findings}
    for one in whole.findings:
        twin = slim[one.fingerprint]
        assert twin.resource.arn == one.resource.arn
        assert replace(twin, resource=one.resource) == one
    assert lean.findings[0] == next(iter(lean.findings))
    assert [one.pipeline for one in lean.snapshots] == [one.pipeline for one in whole.snapshots]
    assert lean.snapshots[-1].pipeline == whole.snapshots[-1].pipeline


def test_no_document_is_kept(reports):
    assert not any(resource.facets for one in reports[1].snapshots for resource in one.resources.values())


def test_the_quick_text_of_a_report_is_that_of_its_document(reports):
    for report in reports:
        stream = io.StringIO()
        FORMATS["json"].write(report, stream, Options())
        assert stream.getvalue() == json.dumps(document(report, Options()), ensure_ascii=False, indent=2) + "\n"
        for one in report.findings:
            plain = json.dumps(finding_json(one, Options()), ensure_ascii=False, indent=2)
            assert finding_text(one, Options(), "    ") == plain.replace("\n", "\n    ")


def _no_space(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("file", ["written", "refused"])
def test_what_does_not_fit_into_memory_is_the_same(reports, monkeypatch, file):
    if file == "refused":
        monkeypatch.setattr("tempfile.TemporaryFile", _no_space)
    whole = reports[0]
    shelf = Shelf(in_memory=0)
    for snapshot in whole.snapshots:
        shelf.add(snapshot, [one for one in whole.findings if one.pipeline == snapshot.pipeline.name])
    for _ in range(2):
        assert list(shelf.findings()) == list(reports[1].findings)
        assert list(shelf.snapshots()) == list(reports[1].snapshots)


def test_all_but_a_little_is_kept_on_the_disk(reports):
    snapshot = reports[0].snapshots[0]
    findings = [one for one in reports[0].findings if one.pipeline == snapshot.pipeline.name]
    shelf = Shelf(in_memory=20_000)
    held = []
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in range(100):
                shelf.add(snapshot, findings)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[3] - held[2] < 100 * 300


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain_json)
def test_indented_json_is_that_of_the_standard_library(value):
    assert indented(value) == still(json.dumps(value, ensure_ascii=False, indent=2))
    assert "[" + indented([value], "")[1:] == still(json.dumps([value], ensure_ascii=False, indent=2))
    assert json.loads(indented(value)) == value
