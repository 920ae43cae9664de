"""What other tools get wrong on such pipelines (V1 to V23), asked of auditor: it does none of it."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import pytest

from auditor.aws import Patience
from auditor.aws.plain_client import client
from auditor.cli import main
from auditor.predicates import PREDICATES
from auditor.sources import live
from tests.hardening.stage import ANALYTICS, PRODUCTION, REGION, verdicts

TEMPLATES = Path(__file__).parents[1] / "templates" / "gate"
RULE_OF_TEMPLATE = """\
            - Id: exports
              Priority: 1
              Status: Enabled
              Filter: {Prefix: !Ref Prefix}
              DeleteMarkerReplication: {Status: Enabled}
              Destination:
                Bucket: !Sub "arn:${AWS::Partition}:s3:::${DestinationBucket}"
"""


@pytest.fixture
def auditor(capsys, monkeypatch, tmp_path):
    """Run the command line in this process, in a stage's folder or one of its own; return exit code and both outputs."""

    def run(*words, stage=None):
        monkeypatch.chdir(stage.folder if stage else tmp_path)
        for name, value in (stage.environment if stage else {"XDG_STATE_HOME": str(tmp_path / "state")}).items():
            if name.startswith(("AWS_", "XDG_")):
                monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def gate(auditor, tmp_path):
    """Audit the two templates with changes in the production one."""

    def run(changes, *words):
        text = (TEMPLATES / "production.yaml").read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / "production.yaml").write_text(text, encoding="utf-8")
        sources = [f"cloudformation:{tmp_path / 'production.yaml'}", f"cloudformation:{TEMPLATES / 'analytics.yaml'}"]
        named = [word for source in sources for word in ("--source", source)]
        return auditor("audit", TEMPLATES / "pipeline.yaml", *named, *words)

    return run


def of(out, verdict="fail"):
    return {(one["rule"], one["node"]) for one in json.loads(out)["findings"] if one["verdict"] == verdict}


def writes(stage):
    return [
        one["operation"] for one in stage.server.calls() if one["operation"].startswith(("Put", "Update", "Delete"))
    ]


BROKEN = {
    "s3:ObjectCreated:CompleteMultipartUpload": "s3:ObjectCreated:Put",
    "Principal: {Service: s3.amazonaws.com}": "Principal: {Service: ec2.amazonaws.com}",
    RULE_OF_TEMPLATE: RULE_OF_TEMPLATE.replace("Status: Enabled\n", "Status: Disabled\n", 1)
    + "            - {Id: other, Priority: 2, Status: Enabled, Filter: {Prefix: ''}, DeleteMarkerReplication: {Status: Enabled},"
    " Destination: {Bucket: 'arn:aws:s3:::no-such-bucket'}}\n"
    + RULE_OF_TEMPLATE.replace("Id: exports", "Id: off")
    .replace("Priority: 1", "Priority: 3")
    .replace("Status: Enabled\n", "Status: Disabled\n", 1),
    "          - Id: exports\n            Status: Enabled": "          - Id: exports\n            Status: Disabled",
}


def test_v1_what_exists_but_is_broken_does_not_pass(gate):
    code, out, _ = gate(BROKEN, "--format", "json")
    assert code == 1
    assert of(out) >= {
        ("lifecycle-configured", "source_bucket"),
        ("notification-hears-exports", "source_bucket"),
        ("replication-role-trust", "replication_role"),
        ("replication-configured", "source_bucket"),
    }
    assert all(one["severity"] for one in json.loads(out)["findings"])


def test_v2_a_bucket_that_replicates_is_not_accused_and_the_missing_permissions_are_named(gate):
    asked = RULE_OF_TEMPLATE.replace(
        "{Prefix: !Ref Prefix}", "{And: {Prefix: !Ref Prefix, TagFilters: [{Key: a, Value: b}]}}"
    ).replace("DeleteMarkerReplication: {Status: Enabled}", "DeleteMarkerReplication: {Status: Disabled}")
    asked += "                Account: '444455556666'\n                AccessControlTranslation: {Owner: Destination}\n"
    few = {
        '["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]': (
            '["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"]'
        ),
        'Action: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]': (
            'Action: ["s3:ReplicateObject", "s3:ReplicateDelete"]'
        ),
    }
    code, out, _ = gate({RULE_OF_TEMPLATE: asked, **few}, "--format", "json")
    assert code == 1
    found = of(out)
    assert ("replication-role-permissions", "replication_role") in found
    assert not {"versioning-enabled", "pitr-enabled"} & {rule for rule, _ in found}
    [lacking] = [one for one in json.loads(out)["findings"] if one["rule"] == "replication-role-permissions"]
    assert "s3:ReplicateTags" in json.dumps(lacking)


def test_v3_a_file_that_cannot_be_parsed_is_no_success(gate, tmp_path):
    code, out, err = gate({"Resources:\n  Table:": "Resources:\n  Table: ["})
    assert code == 2
    assert err.startswith(f"{tmp_path}/production.yaml:")
    assert out == ""


def test_v4_a_severity_gates_without_any_key_or_server(gate):
    deaf = {"s3:ObjectCreated:CompleteMultipartUpload": "s3:ObjectCreated:Put"}
    assert gate(deaf, "--fail-on", "critical")[0] == 1
    assert gate({"RecoveryPeriodInDays: !Ref RecoveryDays": "RecoveryPeriodInDays: 7"}, "--fail-on", "critical")[0] == 0


def test_v5_a_baseline_knows_one_pipeline_and_not_its_twin(auditor, gate, tmp_path):
    deaf = {"s3:ObjectCreated:CompleteMultipartUpload": "s3:ObjectCreated:Put"}
    assert gate(deaf)[0] == 1
    source = ["--source", f"cloudformation:{tmp_path / 'production.yaml'}"]
    source += ["--source", f"cloudformation:{TEMPLATES / 'analytics.yaml'}"]
    code, _, err = auditor("baseline", TEMPLATES / "pipeline.yaml", *source, "-o", tmp_path / "known.json")
    assert code in {0, 1}, err
    assert gate(deaf, "--baseline", tmp_path / "known.json")[0] == 0
    twin = (TEMPLATES / "pipeline.yaml").read_text(encoding="utf-8").replace("  orders:\n", "  twin:\n")
    (tmp_path / "twin.yaml").write_text(twin, encoding="utf-8")
    assert gate(deaf, "--baseline", tmp_path / "known.json", tmp_path / "twin.yaml")[0] == 1


def test_v6_a_gate_needs_no_network(gate, monkeypatch):
    def no(*_):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", no)
    code, out, err = gate({})
    assert code == 0, out + err
    assert err == ""


def test_v7_one_region_is_no_fault_and_the_wrong_events_are(golden, broken_world, auditor):
    assert auditor("audit", "pipeline.yaml", stage=golden)[0] == 0
    code, out, _ = auditor("audit", "pipeline.yaml", "--format", "json", stage=broken_world)
    assert code == 1
    assert ("notification-hears-exports", "source_bucket") in of(out)
    assert not [rule for rule, _ in of(out) if "region" in rule]


def test_v8_nothing_read_is_not_nothing_found(golden, auditor):
    golden.server.faults([{"service": "s3", "status": 403, "code": "AccessDenied"}])
    code, out, _ = auditor("audit", "pipeline.yaml", stage=golden)
    assert code == 3
    assert "s3:GetBucketVersioning" in out
    assert " 0 unknown" not in out


def test_v9_a_check_that_breaks_is_an_internal_error(gate, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("boom")

    import auditor.engine

    assert PREDICATES
    monkeypatch.setattr(auditor.engine, "judge", broken)
    code, out, err = gate({})
    assert code == 5
    assert "Internal error: ZeroDivisionError" in err
    assert "passed" not in out


def waived(stage, rule, node):
    text = (stage.folder / "pipeline.yaml").read_text(encoding="utf-8")
    entry = f"{{rule: {rule}, pipeline: orders, node: {node}, reason: agreed, owner: team, until: 2999-01-01}}"
    (stage.folder / "pipeline.yaml").write_text(f"{text}waivers:\n  - {entry}\n", encoding="utf-8")


def test_v10_what_is_waived_is_not_mended(misset, auditor):
    waived(misset, "versioning-enabled", "destination_bucket")
    words = ["--select", "versioning-enabled", "--fix=review", "--yes", "--state-dir", "s"]
    code, out, err = auditor("audit", "pipeline.yaml", *words, stage=misset)
    assert code == 0, err
    assert "1 waived" in out
    assert writes(misset) == []


def test_v11_a_lifecycle_that_may_not_be_read_is_not_a_missing_one(golden, auditor):
    golden.server.faults([{"operation": "GetBucketLifecycle.*", "status": 403, "code": "AccessDenied"}])
    code, out, _ = auditor("audit", "pipeline.yaml", "--format", "json", stage=golden)
    assert code == 3
    assert of(out) == set()
    assert ("lifecycle-configured", "source_bucket") in of(out, "unknown")
    assert "s3:GetLifecycleConfiguration" in out


def several(stage, number=4):
    text = (stage.folder / "pipeline.yaml").read_text(encoding="utf-8")
    head, _, body = text.partition("  orders:\n")
    many = "".join(f"  orders-{index}:\n{body}" for index in range(number))
    (stage.folder / "many.yaml").write_text(head + many, encoding="utf-8")


def test_v12_under_throttling_no_bucket_vanishes_and_nothing_is_false(golden, auditor):
    several(golden)
    quiet = verdicts(json.loads(auditor("audit", "many.yaml", "--format", "json", stage=golden)[1]))
    golden.server.faults([{"service": "s3", "status": 503, "code": "SlowDown", "probability": 0.35, "seed": 3}])
    code, out, _ = auditor("audit", "many.yaml", "--format", "json", stage=golden)
    report = json.loads(out)
    assert code == 0
    assert verdicts(report) == quiet
    assert {one["pipeline"] for one in report["findings"]} == {f"orders-{index}" for index in range(4)}


def test_v13_a_waiver_that_makes_no_sense_is_told_before_anything_is_read(golden, auditor, tmp_path):
    text = (golden.folder / "pipeline.yaml").read_text(encoding="utf-8")
    (golden.folder / "waived.yaml").write_text(f"{text}waivers:\n  - {{rule: pitr-enabled}}\n", encoding="utf-8")
    golden.server.clear()
    code, _, err = auditor("audit", "waived.yaml", stage=golden)
    assert code == 2
    assert err.startswith(f"waived.yaml:{len(text.splitlines()) + 2}:")
    assert golden.server.calls() == []


def asked(stage):
    calls = stage.server.calls()
    return sorted(one["operation"] for one in calls if one["operation"] != "GetCallerIdentity"), calls


def test_v14_one_check_costs_one_call_for_each_bucket(golden, auditor):
    assert auditor("audit", "pipeline.yaml", "--select", "versioning-enabled", stage=golden)[0] == 0
    assert asked(golden)[0] == ["GetBucketVersioning", "GetBucketVersioning"]


def test_v15_no_call_is_made_twice_however_many_rules_and_pipelines_ask(golden, auditor):
    several(golden)
    assert auditor("audit", "pipeline.yaml", stage=golden)[0] == 0
    one = asked(golden)[0]
    golden.server.clear()
    assert auditor("audit", "many.yaml", stage=golden)[0] == 0
    assert asked(golden)[0] == one


def test_v16_no_run_believes_what_another_run_read(golden, auditor):
    chosen = ["--select", "versioning-enabled", "--select", "replication-metrics"]
    assert auditor("audit", "pipeline.yaml", "--select", "replication-metrics", stage=golden)[0] == 0
    assert auditor("audit", "pipeline.yaml", *chosen, stage=golden)[0] == 0
    body = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status></VersioningConfiguration>'
    golden.server.faults([{"operation": "GetBucketVersioning", "body": body}])
    assert auditor("audit", "pipeline.yaml", *chosen, stage=golden)[0] == 1


def test_v17_a_rule_that_was_there_is_there_after_a_fix(misset, auditor):
    s3 = client("s3", PRODUCTION, REGION, misset.server.url)
    kept = {"ID": "old", "Filter": {"Prefix": "other/"}, "Status": "Enabled", "Expiration": {"Days": 9}}
    wide = {"ID": "wide", "Filter": {"Prefix": "exports/"}, "Status": "Enabled", "Expiration": {"Days": 99}}
    s3.put_bucket_lifecycle_configuration(Bucket="orders-export", LifecycleConfiguration={"Rules": [kept, wide]})
    words = ["--select", "lifecycle-aborts-uploads", "--fix", "--yes", "--state-dir", "s"]
    said = auditor("audit", "pipeline.yaml", *words, stage=misset)
    after = s3.get_bucket_lifecycle_configuration(Bucket="orders-export")["Rules"]
    assert kept in after
    assert any(wide.items() <= one.items() for one in after)
    assert any("AbortIncompleteMultipartUpload" in one for one in after), said


def test_v18_what_may_not_be_read_is_not_written(misset, auditor):
    misset.server.faults([{"operation": "GetBucketVersioning", "status": 403, "code": "AccessDenied"}])
    words = ["--select", "versioning-enabled", "--fix", "--yes", "--state-dir", "s"]
    code, out, _ = auditor("audit", "pipeline.yaml", *words, stage=misset)
    assert code == 3
    assert "s3:GetBucketVersioning" in out
    assert writes(misset) == []


def test_v19_a_refused_write_is_told_with_its_bucket(misset, auditor):
    misset.server.faults([{"operation": "PutBucketReplication", "status": 403, "code": "AccessDenied"}])
    words = ["--select", "replication-delete-markers", "--fix=review", "--yes", "--state-dir", "s"]
    code, out, err = auditor("audit", "pipeline.yaml", *words, stage=misset)
    assert code == 4
    told = " ".join((out + err).split())
    assert "orders-export" in told
    assert "AWS answers AccessDenied" in told
    assert "Traceback" not in told


def test_v20_findings_are_an_exit_code_whatever_the_format(broken_world, auditor, tmp_path):
    for name in ("table", "sarif", "csv", "junit"):
        words = ["--format", name, "--output", tmp_path / name]
        assert auditor("audit", "pipeline.yaml", *words, stage=broken_world)[0] == 1


def test_v21_one_bucket_out_of_reach_takes_no_other_result_with_it(golden, auditor, monkeypatch):
    quick = Patience(attempts=3, silent_attempts=1, first_wait=0.01, longest_wait=0.02)
    monkeypatch.setattr("auditor.aws.Patience", lambda **_: quick)
    quiet = verdicts(json.loads(auditor("audit", "pipeline.yaml", "--format", "json", stage=golden)[1]))
    broken = {"status": 503, "code": "SlowDown", "operation": "GetBucketVersioning", "account": ANALYTICS}
    golden.server.faults([broken])
    code, out, _ = auditor("audit", "pipeline.yaml", "--format", "json", stage=golden)
    now = verdicts(json.loads(out))
    assert code == 3
    assert now.keys() == quiet.keys()
    changed = {key for key in now if now[key] != quiet[key]}
    assert ("versioning-enabled", "destination_bucket") in changed
    assert len(changed) < 8
    assert {now[key] for key in changed} == {"unknown"}


def test_v22_a_reader_that_breaks_ends_the_run_as_an_internal_error(golden, auditor, monkeypatch):
    def broken(*_):
        raise RuntimeError("a worker broke")

    monkeypatch.setattr(live, "_is_named", broken)
    code, _, err = auditor("audit", "pipeline.yaml", stage=golden)
    assert code == 5
    assert "Internal error: RuntimeError" in err


def test_v23_a_bucket_arn_for_an_object_is_found_with_no_terminal_anywhere(gate, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("not a terminal"))
    code, out, _ = gate(
        {'Resource: !Sub "${ExportBucket.Arn}/${Prefix}*"': "Resource: !GetAtt ExportBucket.Arn"}, "--format", "json"
    )
    assert code == 1
    assert ("export-permissions", "exporter") in of(out)
    [finding] = [one for one in json.loads(out)["findings"] if one["rule"] == "export-permissions"]
    assert "s3:PutObject" in json.dumps(finding["evidence"])
