"""The seal of a report: equal for the same night on any machine, and each of its parts changes with what it stands for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli import main
from auditor.errors import Place
from auditor.kinds import resource
from auditor.model import Account, Evidence, Node, Pipeline, Report, Severity, Snapshot, Unread
from auditor.render import Options
from auditor.render.json_v1 import document
from auditor.rulebook import load
from auditor.run import Settings, audit
from auditor.seals import Sealing, report_digest, rules_digest, snapshot_digest
from auditor.sources import saved
from tests.render import sample

RULES = load(vet=False)
FINDING = sample.report().findings[0]
NODE = Node(
    "source_bucket", "s3.bucket", Account("production", "111122223333", "eu-west-1"), "orders-export", {"prefix": "a/"}
)
PIPELINE = Pipeline("orders", {"source_bucket": NODE}, {"production": NODE.account}, {"wake_on": "exports"})
REFUSED = Unread("AccessDenied", "s3:GetBucketPolicy", "User x is not authorized (request 1)")
DECLARED = """version: 1
accounts: {production: {id: "111122223333", region: eu-west-1}}
pipelines:
  orders: {source_bucket: {account: production, name: orders-export}}
  other: {destination_bucket: {account: production, name: other-export}}
"""
TEMPLATE = """Resources:
  Export: {Type: AWS::S3::Bucket, Properties: {BucketName: orders-export, VersioningConfiguration: {Status: Enabled}}}
  Other: {Type: AWS::S3::Bucket, Properties: {BucketName: other-export}}
"""


def look(pipeline=PIPELINE, *, facets=None, unread=None, **more):
    facets = {"Versioning": {"Status": "Enabled"}, "Location": {"Region": "eu-west-1"}} if facets is None else facets
    node = pipeline.nodes["source_bucket"]
    made = resource(node, facets, {"Policy": REFUSED} if unread is None else unread, {}, pipeline)
    return Snapshot(pipeline, {"source_bucket": replace(made, **more)}, "live", "2026-11-24T18:00:00Z")


def seal(snapshot=None, findings=(), rules=()):
    sealing = Sealing(rules)
    sealing.take(snapshot or look(), findings)
    return sealing.seal()


ELSEWHERE = replace(PIPELINE, place=Place("/home/somebody/pipeline.yaml", 9, 1))
MOVED = replace(NODE, account=replace(NODE.account, id="444455556666"))


@pytest.mark.parametrize(
    "other",
    [
        replace(look(), taken_at="2027-11-24T18:00:00Z", source="snapshot:/tmp/night.json"),
        look(ELSEWHERE, origin={"Versioning": Place("/home/somebody/template.yaml", 3)}),
        look(unread={"Policy": replace(REFUSED, detail="User y is not authorized (request 2)")}),
        look(facets={"Location": {"Region": "eu-west-1"}, "Versioning": {"Status": "Enabled"}}),
    ],
    ids=["another time and file", "another machine", "another request id", "another order"],
)
def test_the_same_night_has_the_same_seal(other):
    assert seal(other) == seal()
    assert snapshot_digest([other]) == seal().snapshot


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (look(facets={"Versioning": {"Status": "Suspended"}, "Location": {"Region": "eu-west-1"}}), "snapshot"),
        (look(facets={"Versioning": None, "Location": {"Region": "eu-west-1"}}), "snapshot"),
        (look(unread={}), "snapshot"),
        (look(unread={"Policy": Unread("Timeout", "s3:GetBucketPolicy")}), "snapshot"),
        (look(facets={"Versioning": Unread("x", "y"), "Location": {"Region": "eu-west-1"}}), "snapshot"),
        (look(replace(PIPELINE, intent={"wake_on": "all_objects"})), "pipelines"),
        (look(replace(PIPELINE, nodes={"source_bucket": replace(NODE, settings={"prefix": "b/"})})), "pipelines"),
        (look(replace(PIPELINE, nodes={"source_bucket": MOVED})), "snapshot pipelines"),
    ],
)
def test_what_is_another_changes_its_own_part(other, part):
    mine, theirs = seal(), seal(other)
    words = ("snapshot", "pipelines", "rules", "report")
    assert [word for word in words if getattr(mine, word) != getattr(theirs, word)] == part.split()
    assert mine.whole != theirs.whole


def test_a_document_cannot_pass_for_something_unread():
    forged = {"Versioning": {"unread": ["x", "y"]}, "Location": {"Region": "eu-west-1"}}
    real = {"Versioning": Unread("x", "y"), "Location": {"Region": "eu-west-1"}}
    assert seal(look(facets=forged)).snapshot != seal(look(facets=real)).snapshot


def test_rules_are_sealed_with_all_they_say_in_any_order():
    told = rules_digest(RULES)
    assert rules_digest(RULES[::-1]) == told
    moved = [replace(one, place=Place("/home/somebody/rule.yaml", 1, 1), cases=()) for one in RULES]
    assert rules_digest(moved) == told
    first = RULES[0]
    check = replace(first.checks[0], place=Place("x", 7))
    assert rules_digest([replace(first, checks=(check, *first.checks[1:])), *RULES[1:]]) == told
    others = [
        RULES[1:],
        [replace(first, severity=Severity.INFO), *RULES[1:]],
        [replace(first, why=replace(first.why, ja="…")), *RULES[1:]],
        [replace(first, parameters={"days": {"default": 2}}), *RULES[1:]],
        [replace(first, parameters={"days": {"default": 3}}), *RULES[1:]],
    ]
    assert len({told, *map(rules_digest, others)}) == len(others) + 1


def test_the_findings_of_a_file_have_the_digest_of_those_that_were_sealed():
    report = sample.report()
    made = json.loads(json.dumps(document(report, Options())))
    assert made["seal"]["report"] == report_digest(made) == report.seal.report
    first = made["findings"][0]
    for key, value in (("verdict", "pass"), ("severity", "info"), ("node", "table"), ("evidence", [])):
        assert report_digest({**made, "findings": [{**first, key: value}, *made["findings"][1:]]}) != report_digest(
            made
        )
    words = {"title": {"en": "", "ja": ""}, "waiver": None, "known": True}
    assert report_digest({**made, "findings": [{**first, **words}, *made["findings"][1:]]}) == report_digest(made)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Unread("Later", "", "in words")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=40)
@given(st.lists(st.builds(Evidence, st.text(), json_values, json_values), max_size=2))
def test_whatever_was_found_has_the_same_digest_after_it_was_written(evidence):
    first = replace(FINDING, evidence=tuple(evidence))
    snapshot = replace(look(), pipeline=replace(PIPELINE, name=first.pipeline))
    made = seal(snapshot, [first])
    text = json.dumps(document(Report((first,), (snapshot,)), Options()))
    assert report_digest(json.loads(text)) == made.report


def test_a_snapshot_on_the_disk_is_what_was_read(tmp_path):
    deep = {"Rules": [{"ID": "a", "Status": Unread("KnownAfterApply")}, {"$unread": "x", "é": 1.5}]}
    made = look(facets={"Versioning": None, "Lifecycle": deep})
    saved.dump([made], tmp_path / "night.json")
    assert snapshot_digest(saved.load(tmp_path / "night.json")) == snapshot_digest([made])


@pytest.fixture
def night(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(DECLARED)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    said(capsys, "snapshot", "pipeline.yaml", "--source", "cloudformation:template.yaml", "-o", "night.json")
    words = ("audit", "pipeline.yaml", "--source", "snapshot:night.json", "--format", "json", "--output", "report.json")
    code, told = said(capsys, *words)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (code, [digest for digest in report["seal"].values() if digest not in told.err]) == (1, [])
    return tmp_path


def said(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code, capsys.readouterr()


def test_last_years_night_is_found_again(night, capsys):
    code, told = said(capsys, "verify", "report.json", "pipeline.yaml", "--lang", "en")
    assert (code, told.out.count("\n"), "it matches" in told.out) == (0, 1, True)
    assert "一致します" in said(capsys, "verify", "report.json", "pipeline.yaml", "--lang", "ja")[1].out
    # What a plan or template says of the same resources is read at another time, and is the same.
    code, _ = said(capsys, "verify", "report.json", "pipeline.yaml", "--source", "cloudformation:template.yaml")
    assert code == 0


@pytest.mark.parametrize(
    ("change", "words", "others"),
    [
        (("pipeline.yaml", "name: orders-export", "name: orders-export, prefix: a/"), (), "declared findings"),
        (("template.yaml", "Enabled", "Suspended"), ("--source", "cloudformation:template.yaml"), "read"),
        (None, ("--skip", "tls-only"), "rules findings"),
        (("pipeline.yaml", "  other:", "  third:"), (), "read declared findings"),
    ],
    ids=["declared", "read", "rules", "another pipeline"],
)
def test_what_is_not_as_it_was_is_named(night, capsys, change, words, others):
    if change:
        name, old, new = change
        (night / name).write_text((night / name).read_text().replace(old, new))
    code, told = said(capsys, "verify", "report.json", "pipeline.yaml", *words, "--lang", "en")
    lines = [line.split() for line in told.out.splitlines() if line.endswith(": changed")]
    assert (code, " ".join(line[-2].strip(":") for line in lines)) == (1, others)


def test_a_report_that_cannot_be_verified_is_refused(night, capsys):
    report = json.loads((night / "report.json").read_text())
    forged = {**report, "findings": [{**one, "verdict": "pass"} for one in report["findings"]]}
    (night / "forged.json").write_text(json.dumps(forged))
    resealed = {**report["seal"], "report": report_digest(forged)}
    (night / "resealed.json").write_text(json.dumps({**forged, "seal": resealed}))
    bare = {name: value for name, value in report.items() if name != "seal"}
    (night / "bare.json").write_text(json.dumps(bare))
    (night / "live.json").write_text(json.dumps({**report, "source": "live"}))
    for name, sentence in (
        ("forged.json", "was changed since"),
        ("resealed.json", "was changed since"),
        ("bare.json", "no seal"),
        ("night.json", "no report-v1"),
        ("template.yaml", "template.yaml:"),
        ("live.json", "may say something else"),
    ):
        code, told = said(capsys, "verify", name, "pipeline.yaml")
        assert (code, sentence in told.err) == (2, True), told.err


def test_a_run_is_sealed_when_somebody_asks_or_looks(night, capsys):
    words = ("audit", "pipeline.yaml", "--source", "cloudformation:template.yaml", "--format", "json")
    assert "seal" not in json.loads(said(capsys, *words)[1].out)
    told = said(capsys, *words, "--seal")[1]
    kept = json.loads((night / "report.json").read_text())["seal"]
    assert json.loads(told.out)["seal"] == kept
    assert kept["all"] in told.err
    assert (
        kept["all"] not in said(capsys, "audit", "pipeline.yaml", "--source", "snapshot:night.json", "--quiet")[1].err
    )


_AGAIN = "import sys; from auditor.cli import main; main(sys.argv[1:])"


@pytest.mark.parametrize(("seed", "lang", "zone"), [("1", "ja", "Asia/Tokyo"), ("4242", "en", "America/New_York")])
def test_another_process_another_language_and_another_clock_make_the_same_seal(night, seed, lang, zone):
    elsewhere = night / lang
    elsewhere.mkdir()
    for name in ("night.json", "pipeline.yaml"):
        (elsewhere / name).write_text((night / name).read_text())
    env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(Path.cwd())}
    env["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    words = ["audit", "pipeline.yaml", "--source", "snapshot:night.json", "--format", "json", "--lang", lang]
    done = subprocess.run(
        [sys.executable, "-c", _AGAIN, *words], cwd=elsewhere, env=env, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["seal"] == json.loads((night / "report.json").read_text())["seal"]


def test_the_order_of_pipelines_and_what_is_waived_change_nothing(night):
    import auditor

    pipelines, rules = auditor.load(night / "pipeline.yaml")
    how = Settings((f"snapshot:{night / 'night.json'}",), seal=True)
    mine, other = (
        audit(listed, rules, how, lean=lean).seal for listed, lean in ((pipelines, False), (pipelines[::-1], True))
    )
    assert mine == other
    assert audit(pipelines, rules, replace(how, seal=False)).seal is None
