"""The gate before apply: correct plans audit clean, one fault makes one finding, what nobody knows yet is said so."""

from __future__ import annotations

import copy
import json

import pytest

from auditor.cli import main
from tests.plans.orders import PIPELINE, allow, policy, stack, tls_only
from tests.plans.stack import encoded, ref


def gate(folder, capsys, plan, *options, pipeline=PIPELINE):
    """Return the exit code of `auditor audit` on a plan, and its findings by rule and node."""
    (folder / "pipeline.yaml").write_text(pipeline)
    (folder / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(SystemExit) as left:
        words = [
            folder / "pipeline.yaml",
            "--source",
            f"terraform:{folder / 'plan.json'}",
            "--format",
            "json",
            *options,
        ]
        main(["audit", *map(str, words)])
    said = capsys.readouterr()
    if left.value.code == 2:
        return 2, said.err
    listed = json.loads(said.out)["findings"]
    return left.value.code, {f"{one['rule']} {one['node']}": one for one in listed}


def told(findings, *verdicts):
    return {
        name: one["verdict"] for name, one in findings.items() if one["verdict"] in (verdicts or ("fail", "unknown"))
    }


@pytest.mark.parametrize("document", ["plan", "state"])
def test_what_is_correct_is_clean(tmp_path, capsys, document):
    code, findings = gate(tmp_path, capsys, getattr(stack(), document)())
    assert (code, told(findings)) == (0, {})
    assert sum(one["verdict"] == "pass" for one in findings.values()) >= 55


def test_what_only_live_aws_knows_is_not_applicable_before_apply(tmp_path, capsys):
    _, findings = gate(tmp_path, capsys, stack().plan())
    health = {one["rule"]: one["verdict"] for one in findings.values() if "health" in one.get("tags", [])}
    assert health
    assert set(health.values()) == {"not_applicable"}


def test_a_first_plan_leaves_open_what_it_does_not_know(tmp_path, capsys):
    code, findings = gate(tmp_path, capsys, stack(exists=False).plan())
    assert code == 3
    assert set(told(findings).values()) == {"unknown"}
    assert {name.split()[0] for name in told(findings)} == {
        "destination-policy",
        "export-bucket-policy",
        "export-permissions",
        "known-principals",
        "least-privilege",
        "replication-role-permissions",
        "tls-only",
    }
    reasons = {
        one["unread"]["reason"] for row in findings.values() if row["verdict"] == "unknown" for one in row["evidence"]
    }
    assert reasons == {"KnownAfterApply"}


def test_a_first_plan_is_clean_where_its_configuration_tells_the_rest(tmp_path, capsys):
    (tmp_path / "main.tf").write_text(stack().hcl())
    code, findings = gate(tmp_path, capsys, stack(exists=False).plan(), "--terraform-dir", tmp_path)
    assert (code, told(findings)) == (0, {})


def rule(**changes):
    made = copy.deepcopy(stack().resources["aws_s3_bucket_replication_configuration.source"]["rule"][0])
    return {"rule": [{**made, **changes}]}


def destination(**changes):
    made = copy.deepcopy(stack().resources["aws_s3_bucket_replication_configuration.source"]["rule"][0])
    return {"rule": [{**made, "destination": [{**made["destination"][0], **changes}]}]}


def listener(**changes):
    made = copy.deepcopy(stack().resources["aws_s3_bucket_notification.source"]["lambda_function"][0])
    return {"lambda_function": [{**made, **changes}]}


def lifecycle(index=0, **changes):
    made = copy.deepcopy(stack().resources["aws_s3_bucket_lifecycle_configuration.source"]["rule"])
    made[index] = {**made[index], **changes}
    return {"rule": made}


REPLICAS = ref("${aws_s3_bucket.destination.arn}/*")
ROLE = {"AWS": ref("aws_iam_role.replication.arn")}
EXPORTED = ref("${aws_s3_bucket.source.arn}/exports/*")

# The changes, and what is found of them: failed, or with `? ` unknown, because another configuration may make it good.
FAULTS = {
    "recovery is off": (
        {"aws_dynamodb_table.orders": {"point_in_time_recovery": [{"enabled": False}]}},
        {"pitr-enabled table"},
    ),
    "recovery is not asked for": (
        {"aws_dynamodb_table.orders": {"point_in_time_recovery": []}},
        {"pitr-enabled table"},
    ),
    "recovery is too short": (
        {"aws_dynamodb_table.orders": {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 7}]}},
        {"pitr-recovery-period table"},
    ),
    "the table is not protected": (
        {"aws_dynamodb_table.orders": {"deletion_protection_enabled": False}},
        {"table-deletion-protection table"},
    ),
    "the exporter may not write": (
        {
            "aws_iam_role_policy.exporter": {
                "policy": encoded(
                    policy(
                        allow(["dynamodb:ExportTableToPointInTime"], ref("aws_dynamodb_table.orders.arn")),
                        allow(["s3:AbortMultipartUpload", "s3:PutObjectAcl"], EXPORTED),
                    )
                )
            }
        },
        {"export-permissions exporter"},
    ),
    "the exporter has no policy": ({"aws_iam_role_policy.exporter": None}, {"export-permissions exporter"}),
    "the source policy shuts the export out": (
        {
            "aws_s3_bucket_policy.source": {
                "policy": encoded(
                    policy(
                        tls_only("source"),
                        {
                            "Effect": "Deny",
                            "Principal": ROLE,
                            "Action": "s3:GetObjectVersionForReplication",
                            "Resource": ref("${aws_s3_bucket.source.arn}/*"),
                        },
                    )
                )
            }
        },
        {"replication-role-permissions replication_role"},
    ),
    "the requester pays": (
        {
            "aws_s3_bucket_request_payment_configuration.source": {
                "bucket": ref("aws_s3_bucket.source.id"),
                "payer": "Requester",
            }
        },
        {"export-target-accepts source_bucket"},
    ),
    "the function waits for Put": (
        {"aws_s3_bucket_notification.source": listener(events=["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"])},
        {"notification-hears-exports source_bucket"},
    ),
    "nobody is told": (
        {"aws_s3_bucket_notification.source": None, "aws_lambda_permission.consumer": {}},
        {"notification-hears-exports source_bucket", "? replication-failure-events source_bucket"},
    ),
    "the filter leaves the exports out": (
        {"aws_s3_bucket_notification.source": listener(filter_suffix=".csv")},
        {"notification-covers-exports source_bucket"},
    ),
    "S3 may not call the function": (
        {"aws_lambda_permission.consumer": None},
        {"notification-target-permits consumer"},
    ),
    "another bucket may call the function": (
        {"aws_lambda_permission.consumer": {"source_arn": ref("aws_s3_bucket.destination.arn")}},
        {"notification-target-permits consumer"},
    ),
    "the function is throttled to nothing": (
        {"aws_lambda_function.consumer": {"reserved_concurrent_executions": 0}},
        {"notification-target-valid consumer"},
    ),
    "versioning is suspended at the source": (
        {"aws_s3_bucket_versioning.source": {"versioning_configuration": [{"status": "Suspended"}]}},
        {"versioning-enabled source_bucket"},
    ),
    "the destination is not versioned": (
        {"aws_s3_bucket_versioning.destination": None},
        {"versioning-enabled destination_bucket"},
    ),
    "the rule is disabled": (
        {"aws_s3_bucket_replication_configuration.source": rule(status="Disabled")},
        {"replication-configured source_bucket"},
    ),
    "there is no replication": (
        {"aws_s3_bucket_replication_configuration.source": None},
        {"replication-configured source_bucket"},
    ),
    "the rule leads elsewhere": (
        {"aws_s3_bucket_replication_configuration.source": destination(bucket=ref("aws_s3_bucket.analytics_logs.arn"))},
        {"replication-configured source_bucket"},
    ),
    "the rule covers another prefix": (
        {"aws_s3_bucket_replication_configuration.source": rule(filter=[{"prefix": "export/", "and": [], "tag": []}])},
        {"replication-covers-exports source_bucket"},
    ),
    "the rule wants a tag": (
        {
            "aws_s3_bucket_replication_configuration.source": rule(
                filter=[{"prefix": None, "and": [{"prefix": "exports/", "tags": {"class": "a"}}], "tag": []}],
                delete_marker_replication=[{"status": "Disabled"}],
            )
        },
        {"replication-covers-exports source_bucket"},
    ),
    "delete markers stay behind": (
        {"aws_s3_bucket_replication_configuration.source": rule(delete_marker_replication=[{"status": "Disabled"}])},
        {"replication-delete-markers source_bucket"},
    ),
    "there is no time control": (
        {"aws_s3_bucket_replication_configuration.source": destination(replication_time=[])},
        {"replication-time-control source_bucket"},
    ),
    "metrics are off": (
        {"aws_s3_bucket_replication_configuration.source": destination(replication_time=[], metrics=[])},
        {"replication-time-control source_bucket", "replication-metrics source_bucket"},
    ),
    "failures are not told": (
        {"aws_s3_bucket_notification.source": {"queue": []}},
        {"? replication-failure-events source_bucket"},
    ),
    "the role trusts another service": (
        {
            "aws_iam_role.replication": {
                "assume_role_policy": encoded(
                    policy(
                        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                    )
                )
            }
        },
        {"replication-role-trust replication_role"},
    ),
    "the role lacks its policy": (
        {"aws_iam_role_policy_attachment.replication": None},
        {"replication-role-permissions replication_role"},
    ),
    "the role may not replicate tags": (
        {
            "aws_iam_policy.replication": {
                "policy": encoded(
                    policy(
                        allow(
                            ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                            ref("aws_s3_bucket.source.arn"),
                        ),
                        allow(
                            [
                                "s3:GetObjectVersionForReplication",
                                "s3:GetObjectVersionAcl",
                                "s3:GetObjectVersionTagging",
                            ],
                            ref("${aws_s3_bucket.source.arn}/*"),
                        ),
                        allow(["s3:ReplicateObject", "s3:ReplicateDelete"], REPLICAS),
                    )
                )
            }
        },
        {"replication-role-permissions replication_role"},
    ),
    "the destination names another role": (
        {
            "aws_s3_bucket_policy.destination": {
                "policy": encoded(
                    policy(
                        allow(
                            ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                            REPLICAS,
                            Principal={"AWS": "arn:aws:iam::111122223333:role/replication-role"},
                        ),
                        tls_only("destination"),
                    )
                )
            }
        },
        {"destination-policy destination_bucket"},
    ),
    "the destination has no policy": (
        {"aws_s3_bucket_policy.destination": None},
        {"destination-policy destination_bucket", "tls-only destination_bucket"},
    ),
    "the destination keeps its writers' objects": (
        {"aws_s3_bucket_ownership_controls.destination": {"rule": [{"object_ownership": "ObjectWriter"}]}},
        {"replica-ownership destination_bucket"},
    ),
    "the source has no lifecycle": (
        {"aws_s3_bucket_lifecycle_configuration.source": None},
        {"lifecycle-configured source_bucket"},
    ),
    "uploads are never aborted": (
        {"aws_s3_bucket_lifecycle_configuration.source": lifecycle(abort_incomplete_multipart_upload=[])},
        {"lifecycle-aborts-uploads source_bucket"},
    ),
    "old versions pile up": (
        {"aws_s3_bucket_lifecycle_configuration.source": lifecycle(noncurrent_version_expiration=[])},
        {"lifecycle-expires-noncurrent source_bucket"},
    ),
    "the source keeps longer than the destination": (
        {"aws_s3_bucket_lifecycle_configuration.source": lifecycle(expiration=[{"days": 730, "date": None}])},
        {"lifecycle-sides-agree destination_bucket"},
    ),
    "one flag is open": (
        {"aws_s3_bucket_public_access_block.source": {"block_public_policy": False}},
        {"? public-access-blocked source_bucket"},
    ),
    "one flag is open, here and at the account": (
        {
            "aws_s3_bucket_public_access_block.source": {"block_public_policy": False},
            "aws_s3_account_public_access_block.this": {"block_public_acls": True, "block_public_policy": False},
        },
        {"public-access-blocked source_bucket"},
    ),
    "one flag is open here, and shut at the account": (
        {
            "aws_s3_bucket_public_access_block.source": {"block_public_policy": False},
            "aws_s3_account_public_access_block.this": {"block_public_policy": True},
        },
        set(),
    ),
    "an alarm watches instead": (
        {
            "aws_s3_bucket_notification.source": {"queue": []},
            "aws_cloudwatch_metric_alarm.failed": {
                "alarm_name": "failed",
                "namespace": "AWS/S3",
                "metric_name": "OperationsFailedReplication",
                "dimensions": {
                    "SourceBucket": "orders-export",
                    "DestinationBucket": "orders-analytics",
                    "RuleId": "exports",
                },
                "statistic": "Sum",
                "period": 300,
                "evaluation_periods": 1,
                "threshold": 0,
                "comparison_operator": "GreaterThanThreshold",
                "alarm_actions": ["arn:aws:sns:ap-northeast-1:111122223333:oncall"],
                "actions_enabled": True,
            },
        },
        set(),
    ),
    "plain HTTP is let in": ({"aws_s3_bucket_policy.source": None}, {"tls-only source_bucket"}),
    "nobody logs": ({"aws_s3_bucket_logging.source": None}, {"access-logging source_bucket"}),
    "a stranger reads": (
        {
            "aws_s3_bucket_policy.source": {
                "policy": encoded(
                    policy(
                        tls_only("source"),
                        allow(["s3:GetObject"], EXPORTED, Principal={"AWS": "arn:aws:iam::999988887777:root"}),
                    )
                )
            }
        },
        {"known-principals source_bucket"},
    ),
}


def assert_found(code, findings, wanted):
    failed = {name for name in wanted if not name.startswith("? ")}
    open_ones = {name.removeprefix("? ") for name in wanted - failed}
    assert told(findings) == dict.fromkeys(failed, "fail") | dict.fromkeys(open_ones, "unknown")
    assert code == (1 if failed else 3 if open_ones else 0)


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_one_finding(tmp_path, capsys, name):
    changes, wanted = FAULTS[name]
    made = stack().changed(changes)
    code, findings = gate(tmp_path, capsys, made.plan())
    assert_found(code, findings, wanted)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_before_anything_is_made(tmp_path, capsys, name):
    """The same faults in a first plan, with the configuration beside it: nothing is lost, and nothing is made up."""
    changes, wanted = FAULTS[name]
    (tmp_path / "main.tf").write_text(stack().changed(changes).hcl())
    code, findings = gate(tmp_path, capsys, stack(exists=False).changed(changes).plan(), "--terraform-dir", tmp_path)
    assert_found(code, findings, wanted)


GONE = {
    "the table goes": ("aws_dynamodb_table.orders", {"name": "my-table"}, "plan-keeps-data table"),
    "the source goes": ("aws_s3_bucket.source", {"bucket": "orders-export"}, "plan-keeps-data source_bucket"),
    "the role goes": (
        "aws_iam_role.replication",
        {"name": "replication-source-role"},
        "plan-keeps-configuration replication_role",
    ),
    "the function goes": (
        "aws_lambda_function.consumer",
        {"function_name": "on-export"},
        "plan-keeps-configuration consumer",
    ),
}


@pytest.mark.parametrize("name", GONE)
def test_what_goes_is_said(tmp_path, capsys, name):
    address, values, wanted = GONE[name]
    before = stack()
    after = before.changed({address: None})
    after.resources = {key: part for key, part in after.resources.items() if address not in str(part)}
    code, findings = gate(tmp_path, capsys, after.plan(deleted={address: values}))
    assert findings[wanted]["verdict"] == "fail"
    assert f"{address} is deleted" in json.dumps(findings[wanted], ensure_ascii=False)
    assert code == 1


def test_what_is_replaced_is_said(tmp_path, capsys):
    code, findings = gate(tmp_path, capsys, stack().plan(replaced={"aws_s3_bucket.source": ["delete", "create"]}))
    assert code == 1
    assert told(findings, "fail") == {"plan-keeps-data source_bucket": "fail"}


@pytest.mark.parametrize(
    ("address", "facet"),
    [
        ("aws_s3_bucket_replication_configuration.source", "Replication"),
        ("aws_s3_bucket_notification.source", "Notification"),
        ("aws_s3_bucket_lifecycle_configuration.source", "Lifecycle"),
        ("aws_s3_bucket_versioning.source", "Versioning"),
        ("aws_s3_bucket_policy.source", "Policy"),
    ],
)
def test_a_setting_that_goes_is_said(tmp_path, capsys, address, facet):
    plan = stack().changed({address: None}).plan(deleted={address: {"bucket": "orders-export"}})
    code, findings = gate(tmp_path, capsys, plan)
    finding = findings["plan-keeps-configuration source_bucket"]
    assert (code, finding["verdict"]) == (1, "fail")
    assert finding["evidence"][0]["route"] == "source_bucket.Plan.Removed[0]"
    assert finding["evidence"][0]["location"]["file"].endswith(f"plan.json {address}")
    assert facet in json.dumps(finding["evidence"][0]["wanted"])


def test_a_setting_that_is_replaced_is_said_and_judged_as_it_will_be(tmp_path, capsys):
    plan = stack().plan(replaced={"aws_s3_bucket_policy.destination": ["delete", "create"]})
    code, findings = gate(tmp_path, capsys, plan)
    assert (code, told(findings)) == (1, {"plan-keeps-configuration destination_bucket": "fail"})


@pytest.mark.parametrize(
    "kind",
    ["notification", "policy", "lifecycle_configuration", "replication_configuration", "versioning", "logging"],
)
def test_two_writers_of_one_document_are_said(tmp_path, capsys, kind):
    address = f"aws_s3_bucket_{kind}.source"
    made = stack().changed({f"aws_s3_bucket_{kind}.again": stack().resources[address]})
    code, findings = gate(tmp_path, capsys, made.plan())
    assert code == 1
    assert told(findings, "fail") == {"plan-single-owner source_bucket": "fail"}
    assert findings["plan-single-owner source_bucket"]["evidence"][0]["found"] == [
        address,
        f"aws_s3_bucket_{kind}.again",
    ]
    # Nobody knows which of the two is in force.
    assert "SeveralWriters" in json.dumps([one for one in findings.values() if one["verdict"] == "unknown"])


def test_an_older_block_beside_a_resource_of_its_own_is_a_second_writer(tmp_path, capsys):
    made = stack().changed({"aws_s3_bucket.source": {"versioning": [{"enabled": True, "mfa_delete": False}]}})
    code, findings = gate(tmp_path, capsys, made.plan())
    assert (code, told(findings)) == (1, {"plan-single-owner source_bucket": "fail"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file ends where a value is expected."),
        ("[]", "A mapping is expected at the top of the file"),
        ("{}", "This is no Terraform plan: it has no `format_version`."),
        ('{"format_version": "2.0"}', "newer than this version of auditor"),
        ('{"format_version": "1.2", "resource_changes": {}}', "A list is expected at resource_changes"),
        ('{"format_version": "1.2", "resource_changes": [3]}', "A mapping is expected at resource_changes[0]"),
        ('{"format_version": "1.2", "resource_changes": [{}]}', "resource_changes[0] has no `address`"),
        ('{"format_version": "1.2", "planned_values": {"root_module": []}}', "planned_values.root_module"),
        ('{"format_version": "1.2", "checks": [], "configuration": {}}', "neither a plan nor a state"),
        ('{"@level": "info", "type": "version"}\n{"@level": "info"}', "This is the log that"),
        ('{"version": 4, "serial": 1, "lineage": "x", "resources": []}', "Terraform's own state file"),
        ("PK\x03\x04", "Terraform's own plan file"),
    ],
)
def test_what_is_no_plan_is_one_sentence(tmp_path, capsys, text, says):
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(SystemExit) as left:
        main(["audit", str(tmp_path / "pipeline.yaml"), "--source", f"terraform:{tmp_path / 'plan.json'}"])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert says in said
    assert str(tmp_path / "plan.json") in said
    assert "Traceback" not in said


@pytest.mark.parametrize("levels", [150, 400, 900, 20_000])
def test_a_plan_that_is_nested_without_end_is_a_sentence_or_an_answer(tmp_path, capsys, levels):
    plan = stack().plan()
    text = json.dumps(plan).replace(
        '"after_unknown": {}', '"after_unknown": {"bucket": ' + "[" * levels + "]" * levels + "}", 1
    )
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(SystemExit) as left:
        main(["audit", str(tmp_path / "pipeline.yaml"), "--source", f"terraform:{tmp_path / 'plan.json'}", "--quiet"])
    assert left.value.code in {0, 2, 3}
    if left.value.code == 2:
        assert "nested" in capsys.readouterr().err
