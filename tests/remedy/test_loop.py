"""The whole loop with the shipped rules: audit, plan, apply, audit, roll back."""

from __future__ import annotations

import json

import pytest

from auditor import rulebook
from auditor.model import Node, Safety, Verdict
from auditor.remedy import apply as apply_plan
from auditor.remedy import begin, draft, reopen, rollback, runs
from auditor.run import Settings, audit
from auditor.standin.pipeline import build_golden
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


@pytest.fixture
def ruined(server, clients, profiles):
    """A pipeline of which little more than the resources is left."""
    server.reset()
    build_golden(clients)
    s3, theirs, iam = clients("s3"), clients("s3", "444455556666"), clients("iam")
    s3.delete_bucket_replication(Bucket="orders-export")
    s3.put_bucket_notification_configuration(Bucket="orders-export", NotificationConfiguration={})
    clients("lambda").remove_permission(FunctionName="on-export", StatementId="exports")
    for role in ("replication-source-role", "export-job"):
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    iam.update_assume_role_policy(RoleName="replication-source-role", PolicyDocument=json.dumps(trust))
    for client, bucket in ((s3, "orders-export"), (theirs, "orders-analytics")):
        client.delete_bucket_policy(Bucket=bucket)
        client.delete_bucket_lifecycle(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        client.delete_public_access_block(Bucket=bucket)
        client.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        )
    off = {"PointInTimeRecoveryEnabled": False}
    clients("dynamodb").update_continuous_backups(TableName="my-table", PointInTimeRecoverySpecification=off)
    clients("dynamodb").update_table(TableName="my-table", DeletionProtectionEnabled=False)
    server.clear()
    with world.door() as way:
        yield way


def test_a_ruined_pipeline_is_mended_as_far_as_rules_may_and_comes_back(ruined, rules, configuration, tmp_path):
    before = configuration()
    pipelines = (world.pipeline(exporter=Node("exporter", "iam.role", world.PRODUCTION, "export-job")),)
    settings = Settings(to_fix=True, concurrency=4)
    mended = []
    for _ in range(3):
        seen = audit(pipelines, rules, settings, aws=ruined)
        plan = draft(seen.snapshots, seen.findings, rules, safety=Safety.REVIEW)
        if not plan.changes:
            break
        with begin(plan, tmp_path) as journal:
            outcome = apply_plan(plan, ruined, journal, patience=QUICK)
        assert outcome.complete, [(one.change.title, one.state.value, one.why) for one in outcome.results]
        again = failed(audit(pipelines, rules, settings, aws=ruined))
        left = {(one.rule, one.node) for one in plan.left}
        assert {(rule, node) for rule, node in again if rule in plan.rules} <= left, "what was planned passes"
        mended.append(set(plan.rules))
    assert plan.changes == ()
    assert mended[0] >= {
        "destination-policy",
        "export-permissions",
        "notification-hears-exports",
        "notification-target-permits",
        "pitr-enabled",
        "public-access-blocked",
        "replication-configured",
        "replication-role-permissions",
        "replication-role-trust",
        "table-deletion-protection",
        "tls-only",
        "versioning-enabled",
    }
    assert "replica-ownership" in mended[1], "a rule about replicas speaks once there are any"
    for run in reversed(runs(tmp_path)):
        with reopen(run) as journal:
            assert rollback(run, ruined, journal, patience=QUICK).complete
    assert json.dumps(configuration(), sort_keys=True) == json.dumps(before, sort_keys=True)
