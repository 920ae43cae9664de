"""Every other kind in Terraform: what its resources and those beside them say, in the API's shape."""

from __future__ import annotations

import json

import pytest

from auditor.model import Unread
from tests.plans.stack import Stack, ref
from tests.test_terraform import found, snapshot, why

TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
ALLOW = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ROLE = {"aws_iam_role.r": {"name": "worker", "assume_role_policy": TRUST}}
EXPORTER = {"exporter": {"role": "worker"}}
REGION, ACCOUNT = "ap-northeast-1", "111122223333"


def inline(name, role="aws_iam_role.r.id", **more):
    return {"name": name, "role": ref(role), "policy": json.dumps(ALLOW), **more}


def test_policies_of_a_role_come_from_everywhere(tmp_path):
    stack = Stack(
        {
            **ROLE,
            "aws_iam_role_policy.a": inline("a"),
            "aws_iam_role_policy.b": {**inline("b", "aws_iam_role.r.name"), "name": None, "name_prefix": "x"},
            "aws_iam_policy.p": {"name": "p", "path": "/team/", "policy": json.dumps(ALLOW)},
            "aws_iam_role_policy_attachment.p": {"role": "worker", "policy_arn": ref("aws_iam_policy.p.arn")},
            "aws_iam_role_policy_attachment.aws": {
                "role": ref("aws_iam_role.r.name"),
                "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            },
            "aws_iam_policy_attachment.all": {
                "name": "all",
                "roles": [ref("aws_iam_role.r.name")],
                "policy_arn": ref("aws_iam_policy.p.arn"),
            },
        }
    )
    made = snapshot(tmp_path, stack.plan(), EXPORTER)
    assert found(made, "exporter.InlinePolicies") == {"a": ALLOW, "aws_iam_role_policy.b": ALLOW}
    attached = found(made, "exporter.AttachedPolicies")
    assert attached[f"arn:aws:iam::{ACCOUNT}:policy/team/p"] == ALLOW
    assert attached["arn:aws:iam::aws:policy/ReadOnlyAccess"].reason == "NotInPlan"
    assert len(attached) == 2


def test_what_a_data_source_reads_of_a_managed_policy_counts(tmp_path):
    read = {
        "address": "data.aws_iam_policy.ro", "mode": "data", "type": "aws_iam_policy", "name": "ro",
        "values": {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "name": "ReadOnlyAccess", "policy": json.dumps(ALLOW)},
    }  # fmt: skip
    stack = Stack(
        {
            **ROLE,
            "aws_iam_role_policy_attachment.ro": {
                "role": ref("aws_iam_role.r.name"),
                "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            },
        }
    )
    made = snapshot(tmp_path, stack.plan(prior={"resources": [read]}), EXPORTER)
    assert found(made, "exporter.AttachedPolicies") == {"arn:aws:iam::aws:policy/ReadOnlyAccess": ALLOW}


def test_policies_that_are_there_and_policies_that_go(tmp_path):
    stack = Stack({**ROLE, "aws_iam_role_policy.kept": inline("kept")}, exists=True)
    plan = stack.plan(
        deleted={
            "aws_iam_role_policy.old": {"name": "old", "role": "worker"},
            "aws_iam_role_policy_attachment.old": {"role": "worker", "policy_arn": "arn:aws:iam::aws:policy/Old"},
        }
    )
    role = plan["resource_changes"][0]["change"]["after"]
    # The provider reads what is there into the role itself.
    role["inline_policy"] = [{"name": name, "policy": json.dumps(ALLOW)} for name in ("kept", "old", "by-hand")]
    role["managed_policy_arns"] = ["arn:aws:iam::aws:policy/Old", "arn:aws:iam::aws:policy/ByHand"]
    made = snapshot(tmp_path, plan, EXPORTER)
    assert set(found(made, "exporter.InlinePolicies")) == {"kept", "by-hand"}
    assert set(found(made, "exporter.AttachedPolicies")) == {"arn:aws:iam::aws:policy/ByHand"}


def test_a_policy_that_another_resource_takes_away_again_is_open(tmp_path):
    stack = Stack(
        {
            **ROLE,
            "aws_iam_role_policy.a": inline("a"),
            "aws_iam_role_policy.b": inline("b"),
            "aws_iam_role_policies_exclusive.x": {"role_name": ref("aws_iam_role.r.name"), "policy_names": ["a"]},
        }
    )
    policies = found(snapshot(tmp_path, stack.plan(), EXPORTER), "exporter.InlinePolicies")
    assert policies["a"] == ALLOW
    assert policies["b"].reason == "SeveralWriters"


def test_a_policy_written_twice_under_one_name_is_open(tmp_path):
    stack = Stack({**ROLE, "aws_iam_role_policy.a": inline("a"), "aws_iam_role_policy.b": inline("a")})
    assert why(snapshot(tmp_path, stack.plan(), EXPORTER), "exporter.InlinePolicies.a") == "SeveralWriters"


def test_a_role_of_another_configuration_may_have_other_policies(tmp_path):
    stack = Stack({"aws_iam_role_policy.a": {"name": "a", "role": "worker", "policy": json.dumps(ALLOW)}})
    made = snapshot(tmp_path, stack.plan(), EXPORTER)
    policies = found(made, "exporter.InlinePolicies")
    assert policies["a"] == ALLOW
    assert [one.reason for one in policies.values() if isinstance(one, Unread)] == ["NotInPlan"]
    assert {why(made, f"exporter.{name}") for name in ("Role", "Trust", "Boundary", "AttachedPolicies")} == {
        "NotInPlan"
    }


def test_a_role_with_a_path_and_a_boundary(tmp_path):
    stack = Stack(
        {
            "aws_iam_role.r": {
                "name": "worker",
                "path": "/service/",
                "assume_role_policy": TRUST,
                "permissions_boundary": ref("aws_iam_policy.limit.arn"),
            },
            "aws_iam_policy.limit": {"name": "limit", "policy": json.dumps(ALLOW)},
        }
    )
    made = snapshot(tmp_path, stack.plan(), EXPORTER)
    assert found(made, "exporter.Arn") == f"arn:aws:iam::{ACCOUNT}:role/service/worker"
    assert found(made, "exporter.Boundary") == ALLOW
    assert (
        found(made, "exporter.Role.PermissionsBoundary.PermissionsBoundaryArn")
        == f"arn:aws:iam::{ACCOUNT}:policy/limit"
    )


TABLE = {"name": "my-table", "hash_key": "id", "attribute": [{"name": "id", "type": "S"}]}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, {"PointInTimeRecoveryStatus": "DISABLED"}),
        ({"point_in_time_recovery": [{"enabled": False, "recovery_period_in_days": 0}]}, {"PointInTimeRecoveryStatus": "DISABLED"}),
        ({"point_in_time_recovery": [{"enabled": True}]}, {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35}),
        (
            {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 9}]},
            {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 9},
        ),
    ],
)  # fmt: skip
def test_recovery_of_a_table(tmp_path, said, wanted):
    made = snapshot(tmp_path, Stack({"aws_dynamodb_table.t": {**TABLE, **said}}).plan(), {"table": "my-table"})
    assert found(made, "table.ContinuousBackups.PointInTimeRecoveryDescription") == wanted


REPLICA = {
    **TABLE,
    "point_in_time_recovery": [{"enabled": True}],
    "replica": [
        {"region_name": "us-west-2", "point_in_time_recovery": False, "kms_key_arn": None, "propagate_tags": False},
        {"region_name": "eu-west-1", "point_in_time_recovery": True, "kms_key_arn": None, "propagate_tags": False},
    ],
}


@pytest.mark.parametrize(
    ("region", "wanted"), [("us-west-2", "DISABLED"), ("eu-west-1", "ENABLED"), (REGION, "ENABLED")]
)
def test_recovery_is_that_of_the_replica_in_the_region(tmp_path, region, wanted):
    plan = Stack({"aws_dynamodb_table.t": REPLICA}, exists=True).plan()
    made = snapshot(tmp_path, plan, {"table": {"name": "my-table", "region": region}})
    assert found(made, "table.ContinuousBackups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus") == wanted


def test_a_table_without_a_replica_in_the_region_is_not_that_table(tmp_path):
    plan = Stack({"aws_dynamodb_table.t": REPLICA}, exists=True).plan()
    made = snapshot(tmp_path, plan, {"table": {"name": "my-table", "region": "eu-central-1"}})
    assert why(made, "table.ContinuousBackups") == "NotInPlan"


KEYED = {
    **TABLE,
    "server_side_encryption": [{"enabled": True, "kms_key_arn": ref("aws_kms_key.k.arn")}],
    "deletion_protection_enabled": None,
}


def test_the_encryption_of_a_table(tmp_path):
    made = snapshot(tmp_path, Stack({"aws_dynamodb_table.t": KEYED, "aws_kms_key.k": {}}).plan(), {"table": "my-table"})
    assert found(made, "table.Description.SSEDescription") == {
        "Status": "ENABLED",
        "SSEType": "KMS",
        "KMSMasterKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/(aws_kms_key.k)",
    }
    assert found(made, "table.Description.DeletionProtectionEnabled") is False


FUNCTION = {
    "aws_lambda_function.f": {"function_name": "on-export", "role": "arn:aws:iam::111122223333:role/x", "handler": "h", "runtime": "python3.12"},
    "aws_lambda_alias.live": {"name": "live", "function_name": ref("aws_lambda_function.f.function_name"), "function_version": "1"},
    "aws_lambda_permission.alias": {
        "statement_id": "a",
        "function_name": ref("aws_lambda_function.f.function_name"),
        "qualifier": ref("aws_lambda_alias.live.name"),
        "action": "lambda:InvokeFunction",
        "principal": "s3.amazonaws.com",
    },
    "aws_lambda_permission.plain": {
        "statement_id_prefix": "b",
        "function_name": ref("aws_lambda_function.f.arn"),
        "action": "lambda:InvokeFunction",
        "principal": "444455556666",
        "source_arn": "arn:aws:s3:::b",
        "principal_org_id": "o-1",
    },
}  # fmt: skip


def test_a_function_and_its_alias_have_policies_of_their_own(tmp_path):
    plain = snapshot(tmp_path, Stack(FUNCTION).plan(), {"consumer": {"lambda": "on-export"}})
    assert found(plain, "consumer.Policy.Statement") == [
        {
            "Sid": "aws_lambda_permission.plain",
            "Effect": "Allow",
            "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:on-export",
            "Action": "lambda:InvokeFunction",
            "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
            "Condition": {
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
                "StringEquals": {"aws:PrincipalOrgID": "o-1"},
            },
        }
    ]
    for node in ({"lambda": "on-export:live"}, {"terraform": "aws_lambda_alias.live"}):
        alias = snapshot(tmp_path, Stack(FUNCTION).plan(), {"consumer": node})
        (statement,) = found(alias, "consumer.Policy.Statement")
        assert (statement["Sid"], statement["Principal"]) == ("a", {"Service": "s3.amazonaws.com"})
        assert statement["Resource"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:on-export:live"
        assert found(alias, "consumer.Arn") == statement["Resource"]


def test_a_permission_of_nobody_knows_which_function_leaves_the_policy_open(tmp_path):
    stack = Stack(
        {
            **FUNCTION,
            "aws_lambda_permission.x": {**FUNCTION["aws_lambda_permission.plain"], "function_name": ref("local.f")},
        }
    )
    statements = found(
        snapshot(tmp_path, stack.plan(), {"consumer": {"lambda": "on-export"}}), "consumer.Policy.Statement"
    )
    assert [isinstance(one, Unread) for one in statements] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({}, "true"),
        ({"sqs_managed_sse_enabled": False}, "false"),
        ({"kms_master_key_id": "alias/aws/sqs"}, "false"),
        ({"sqs_managed_sse_enabled": True}, "true"),
    ],
)
def test_the_encryption_of_a_queue(tmp_path, arguments, wanted):
    stack = Stack({"aws_sqs_queue.q": {"name": "q", **arguments}})
    made = snapshot(tmp_path, stack.plan(), {"consumer": {"sqs": "q"}})
    assert found(made, "consumer.Attributes.SqsManagedSseEnabled") == wanted


def test_the_key_of_a_queue_is_described_by_the_plan_that_makes_it(tmp_path):
    stack = Stack(
        {
            "aws_kms_key.k": {"policy": json.dumps(ALLOW)},
            "aws_kms_alias.k": {"name": "alias/messages", "target_key_id": ref("aws_kms_key.k.key_id")},
            "aws_sqs_queue.q": {"name": "q", "kms_master_key_id": "alias/messages"},
            "aws_sqs_queue.own": {"name": "own", "kms_master_key_id": "alias/aws/sqs"},
            "aws_sqs_queue.far": {"name": "far", "kms_master_key_id": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/elsewhere"},
            "aws_sqs_queue.none": {"name": "none"},
        }
    )
    keys = {name: snapshot(tmp_path, stack.plan(), {"consumer": {"sqs": name}}) for name in ("q", "own", "far", "none")}
    assert found(keys["q"], "consumer.Key.Policy") == ALLOW
    assert found(keys["own"], "consumer.Key.KeyMetadata.KeyManager") == "AWS"
    assert why(keys["far"], "consumer.Key") == "NotInPlan"
    assert found(keys["none"], "consumer.Key") is None


def test_a_topic_without_a_policy_has_the_one_that_sns_gives_it(tmp_path):
    made = snapshot(tmp_path, Stack({"aws_sns_topic.t": {"name": "t"}}).plan(), {"consumer": {"sns": "t"}})
    (statement,) = found(made, "consumer.Policy.Statement")
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    assert statement["Resource"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:t"


def test_rules_of_a_bus_of_its_own_and_their_targets(tmp_path):
    pattern = {"source": ["aws.s3"]}
    resources = {
        "aws_cloudwatch_event_rule.a": {
            "name": "landed",
            "event_bus_name": "orders",
            "event_pattern": json.dumps(pattern),
        },
        "aws_cloudwatch_event_rule.b": {"name": "landed", "event_pattern": json.dumps(pattern), "state": "DISABLED"},
        "aws_cloudwatch_event_target.a": {
            "rule": "landed",
            "event_bus_name": "orders",
            "target_id": "a",
            "arn": "arn:aws:sqs:x:1:a",
        },
        "aws_cloudwatch_event_target.b": {
            "rule": ref("aws_cloudwatch_event_rule.b.name"),
            "arn": "arn:aws:sqs:x:1:b",
            "input": "secret",
        },
    }
    own = snapshot(tmp_path, Stack(resources).plan(), {"consumer": {"eventbridge_rule": "landed", "bus": "orders"}})
    assert found(own, "consumer.Rule.EventBusName") == "orders"
    assert found(own, "consumer.Rule.EventPattern") == pattern
    assert found(own, "consumer.Targets") == [{"Id": "a", "Arn": "arn:aws:sqs:x:1:a"}]
    assert found(own, "consumer.Arn") == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/orders/landed"
    default = snapshot(tmp_path, Stack(resources).plan(), {"consumer": {"eventbridge_rule": "landed"}})
    assert found(default, "consumer.Rule.State") == "DISABLED"
    assert found(default, "consumer.Targets") == [{"Id": "aws_cloudwatch_event_target.b", "Arn": "arn:aws:sqs:x:1:b"}]


KEY = {
    "aws_kms_key.k": {"enable_key_rotation": True, "rotation_period_in_days": 90, "policy": None},
    "aws_kms_alias.k": {"name": "alias/exports", "target_key_id": ref("aws_kms_key.k.key_id")},
    "aws_kms_grant.g": {
        "name": "g",
        "key_id": ref("aws_kms_key.k.key_id"),
        "grantee_principal": ref("aws_iam_role.r.arn"),
        "operations": ["Decrypt"],
        "constraints": [{"encryption_context_equals": {"a": "b"}, "encryption_context_subset": {}}],
    },
    **ROLE,
}


@pytest.mark.parametrize("node", [{"alias": "exports"}, {"terraform": "aws_kms_key.k"}])
def test_a_key_is_found_by_its_alias_or_its_address(tmp_path, node):
    made = snapshot(tmp_path, Stack(KEY).plan(), {"source_key": node, **EXPORTER})
    assert found(made, "source_key.Rotation.KeyRotationEnabled") is True
    assert found(made, "source_key.Rotation.RotationPeriodInDays") == 90
    assert found(made, "source_key.Policy.Statement[0].Action") == "kms:*"
    (grant,) = found(made, "source_key.Grants")
    assert grant["GranteePrincipal"] == f"arn:aws:iam::{ACCOUNT}:role/worker"
    assert grant["Constraints"] == {"EncryptionContextEquals": {"a": "b"}}


def test_a_policy_beside_a_key_is_its_policy(tmp_path):
    stack = Stack({**KEY, "aws_kms_key_policy.k": {"key_id": ref("aws_kms_key.k.id"), "policy": json.dumps(ALLOW)}})
    assert found(snapshot(tmp_path, stack.plan(), {"source_key": {"alias": "exports"}}), "source_key.Policy") == ALLOW


def test_a_key_that_is_there_may_have_grants_of_others(tmp_path):
    made = snapshot(
        tmp_path, Stack({"aws_kms_key.k": {}}, exists=True).plan(), {"source_key": {"terraform": "aws_kms_key.k"}}
    )
    assert why(made, "source_key.Grants") == "NotInPlan"


@pytest.mark.parametrize(
    ("acl", "groups"),
    [
        ("private", []),
        ("public-read", ["READ"]),
        ("log-delivery-write", ["WRITE", "READ_ACP"]),
    ],
)
def test_canned_acls(tmp_path, acl, groups):
    stack = Stack(
        {
            "aws_s3_bucket.b": {"bucket": "b-bucket"},
            "aws_s3_bucket_acl.b": {"bucket": ref("aws_s3_bucket.b.id"), "acl": acl},
        }
    )
    grants = found(snapshot(tmp_path, stack.plan(), {"source_bucket": "b-bucket"}), "source_bucket.Acl.Grants")
    assert [one["Permission"] for one in grants if one["Grantee"]["Type"] == "Group"] == groups


def test_an_acl_with_grants(tmp_path):
    policy = {
        "owner": [{"id": "abc", "display_name": ""}],
        "grant": [
            {"permission": "READ", "grantee": [{"type": "CanonicalUser", "id": "def", "uri": "", "email_address": ""}]}
        ],
    }
    stack = Stack(
        {
            "aws_s3_bucket.b": {"bucket": "b-bucket"},
            "aws_s3_bucket_acl.b": {"bucket": ref("aws_s3_bucket.b.id"), "acl": "", "access_control_policy": [policy]},
        }
    )
    assert found(snapshot(tmp_path, stack.plan(), {"source_bucket": "b-bucket"}), "source_bucket.Acl") == {
        "Owner": {"ID": "abc"},
        "Grants": [{"Permission": "READ", "Grantee": {"Type": "CanonicalUser", "ID": "def"}}],
    }


def test_only_alarms_on_this_bucket_count(tmp_path):
    def alarm(bucket):
        named = {"SourceBucket": bucket, "DestinationBucket": "x", "RuleId": "y"}
        return {
            "alarm_name": bucket,
            "namespace": "AWS/S3",
            "metric_name": "OperationsFailedReplication",
            "dimensions": named,
        }

    query = [
        {
            "id": "e",
            "expression": "SUM(SEARCH('{AWS/S3} OperationsFailedReplication SourceBucket=b-bucket', 'Sum'))",
            "return_data": True,
        }
    ]
    stack = Stack(
        {
            "aws_s3_bucket.b": {"bucket": "b-bucket"},
            "aws_cloudwatch_metric_alarm.mine": alarm("b-bucket"),
            "aws_cloudwatch_metric_alarm.other": alarm("other"),
            "aws_cloudwatch_metric_alarm.search": {"alarm_name": "search", "metric_query": query},
        }
    )
    alarms = found(snapshot(tmp_path, stack.plan(), {"source_bucket": "b-bucket"}), "source_bucket.FailureAlarms")
    assert [one["AlarmName"] for one in alarms if isinstance(one, dict)] == ["b-bucket", "search"]
    assert alarms[-1].reason == "NotInPlan"
