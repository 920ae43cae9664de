"""Terraform plans and states as a source: what is known of a pipeline before it is applied, and what is not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from auditor.kinds import KINDS
from auditor.kinds.terraform import SPELLINGS
from auditor.model import Text, Unread
from auditor.pipeline import parse
from auditor.scope import Scope
from auditor.sources import terraform
from tests.plans.stack import Stack, ref

HEAD = """\
version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1}
  analytics: {id: "444455556666", region: ap-northeast-1}
pipelines:
  orders:
"""


def pipeline(nodes):
    lines = []
    for name, said in nodes.items():
        node = said if isinstance(said, dict) else {"name": said}
        lines.append(f"    {name}: {json.dumps({'account': 'production', **node})}\n")
    (one,) = parse(HEAD + "".join(lines), "pipeline.yaml")
    return one


def snapshot(folder, plans, nodes, files=None):
    """Return a pipeline as plans would leave it, with every facet read; `files` are the configuration."""
    paths = []
    for index, plan in enumerate(plans if isinstance(plans, list) else [plans]):
        paths.append(folder / f"plan{index or ''}.json")
        paths[-1].write_text(json.dumps(plan))
    for name, text in (files or {}).items():
        path = folder / "tf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    one = pipeline(nodes)
    needs = {"orders": [(name, facet) for name, node in one.nodes.items() for facet in KINDS[node.kind].facets]}
    (made,) = terraform.read([one], needs, paths, SimpleNamespace(terraform_dir=str(folder / "tf") if files else ""))
    return made


def found(made, route):
    """Return the value at a route, without what AWS alone will add to it."""
    return _told(Scope(made, route.split(".")[0]).find(route).value)


def _told(value):
    if isinstance(value, dict):
        return {name: _told(part) for name, part in value.items() if not _later(part)}
    return [_told(part) for part in value] if isinstance(value, list) else value


def _later(value):
    return isinstance(value, Unread) and value.reason == "OnlyLive"


def why(made, route):
    value = found(made, route)
    assert isinstance(value, Unread), value
    return value.reason


def said(made, route):
    """Return the sentence that tells why the value at a route is not known."""
    detail = found(made, route).detail
    return detail.en if isinstance(detail, Text) else detail


SOURCE = {"source_bucket": "orders-export"}
BUCKET = {"aws_s3_bucket.b": {"bucket": "orders-export"}}


def split(kind, bucket="aws_s3_bucket.b.id", **more):
    return {f"aws_s3_bucket_{kind}.b": {"bucket": ref(bucket), **more}}


def test_every_kind_and_facet_has_a_spelling():
    assert SPELLINGS.keys() == set(KINDS)
    for name, spelling in SPELLINGS.items():
        assert set(spelling.facets) | {"Plan"} == set(KINDS[name].facets), name


DEFAULTS = {
    "Versioning": {},
    "Notification": {},
    "Lifecycle": None,
    "Logging": {},
    "RequestPayment": {"Payer": "BucketOwner"},
    "ObjectLock": None,
    "Replication": None,
    "Policy": None,
    "PublicAccessBlock": dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    ),
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "Encryption": {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    },
}


def test_a_new_bucket_alone_has_what_aws_gives_to_every_new_bucket(tmp_path):
    made = snapshot(tmp_path, Stack(BUCKET).plan(), SOURCE)
    assert {name: found(made, f"source_bucket.{name}") for name in DEFAULTS} == DEFAULTS


def test_what_is_set_on_an_old_bucket_by_nobody_is_open_where_it_depends_on_its_age(tmp_path):
    made = snapshot(tmp_path, Stack(BUCKET, exists=True).plan(), SOURCE)
    assert why(made, "source_bucket.PublicAccessBlock") == "NotInPlan"
    assert why(made, "source_bucket.OwnershipControls") == "NotInPlan"
    known = {
        name: found(made, f"source_bucket.{name}")
        for name in DEFAULTS
        if name in made.resources["source_bucket"].facets
    }
    assert known == {
        name: part for name, part in DEFAULTS.items() if name not in {"PublicAccessBlock", "OwnershipControls"}
    }


def test_a_bucket_that_no_plan_manages_is_known_by_what_adds_to_it(tmp_path):
    stack = Stack(
        {
            "aws_s3_bucket_versioning.b": {
                "bucket": "orders-export",
                "versioning_configuration": [{"status": "Enabled"}],
            },
            "aws_s3_bucket.other": {"bucket": "another"},
        }
    )
    made = snapshot(tmp_path, stack.plan(), SOURCE)
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert {why(made, f"source_bucket.{name}") for name in ("Lifecycle", "Policy", "Notification")} == {"NotInPlan"}


def test_a_bucket_that_is_only_looked_up_is_not_managed(tmp_path):
    looked = {
        "address": "data.aws_s3_bucket.b", "mode": "data", "type": "aws_s3_bucket", "name": "b",
        "values": {"bucket": "orders-export", "arn": "arn:aws:s3:::orders-export", "id": "orders-export"},
    }  # fmt: skip
    stack = Stack(split("versioning", "data.aws_s3_bucket.b.id", versioning_configuration=[{"status": "Enabled"}]))
    stack._values["data.aws_s3_bucket.b"] = looked["values"]
    stack.resources["data.aws_s3_bucket.b"] = {}
    plan = stack.plan(prior={"resources": [looked]})
    plan["resource_changes"] = [one for one in plan["resource_changes"] if one["mode"] != "data"]
    plan["planned_values"]["root_module"]["resources"].pop()
    made = snapshot(tmp_path, plan, SOURCE)
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert why(made, "source_bucket.Lifecycle") == "NotInPlan"


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    ("facet", "resource", "wanted"),
    [
        ("Versioning", split("versioning", versioning_configuration=[{"status": "Suspended"}]), {"Status": "Suspended"}),
        ("Versioning", split("versioning", versioning_configuration=[{"status": "Disabled"}]), {}),
        (
            "Versioning",
            split("versioning", versioning_configuration=[{"status": "Enabled", "mfa_delete": "Enabled"}]),
            {"Status": "Enabled", "MFADelete": "Enabled"},
        ),
        ("RequestPayment", split("request_payment_configuration", payer="Requester"), {"Payer": "Requester"}),
        (
            "PublicAccessBlock",
            split("public_access_block", block_public_acls=True),
            {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": False,
                "BlockPublicPolicy": False,
                "RestrictPublicBuckets": False,
            },
        ),
        (
            "OwnershipControls",
            split("ownership_controls", rule=[{"object_ownership": "ObjectWriter"}]),
            {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        ),
        (
            "Encryption",
            split(
                "server_side_encryption_configuration",
                rule=[
                    {
                        "apply_server_side_encryption_by_default": [
                            {"sse_algorithm": "aws:kms", "kms_master_key_id": "arn:aws:kms:ap-northeast-1:111122223333:key/k"}
                        ],
                        "bucket_key_enabled": True,
                    }
                ],
            ),
            {
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": "arn:aws:kms:ap-northeast-1:111122223333:key/k",
                        },
                        "BucketKeyEnabled": True,
                    }
                ]
            },
        ),
        (
            "Logging",
            split("logging", target_bucket="logs", target_prefix="x/", target_object_key_format=[{"partitioned_prefix": [{"partition_date_source": "EventTime"}], "simple_prefix": []}]),
            {
                "LoggingEnabled": {
                    "TargetBucket": "logs",
                    "TargetPrefix": "x/",
                    "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
                }
            },
        ),
        (
            "ObjectLock",
            split("object_lock_configuration", object_lock_enabled="Enabled", rule=[{"default_retention": [{"mode": "GOVERNANCE", "days": 5, "years": None}]}]),
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 5}}},
        ),
        (
            "Notification",
            split("notification", eventbridge=True, topic=[{"id": "t", "topic_arn": "arn:aws:sns:ap-northeast-1:111122223333:t", "events": ["s3:ObjectCreated:*"], "filter_prefix": "", "filter_suffix": ".gz"}]),
            {
                "TopicConfigurations": [
                    {
                        "Id": "t",
                        "TopicArn": "arn:aws:sns:ap-northeast-1:111122223333:t",
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".gz"}]}},
                    }
                ],
                "EventBridgeConfiguration": {},
            },
        ),
        (
            "Policy",
            split("policy", policy=json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*"}]})),
            {"Statement": [{"Effect": "Deny", "Principal": "*"}]},
        ),
    ],
)  # fmt: skip
def test_a_resource_of_its_own_configures_its_bucket(tmp_path, facet, resource, wanted, exists):
    stack = Stack({**BUCKET, **resource}, exists=exists)
    assert found(snapshot(tmp_path, stack.plan(), SOURCE), f"source_bucket.{facet}") == wanted
    if exists:
        assert found(snapshot(tmp_path, stack.state(), SOURCE), f"source_bucket.{facet}") == wanted


DESTINATION = {
    "bucket": "arn:aws:s3:::orders-analytics",
    "account": "",
    "storage_class": "",
    "metrics": [],
    "replication_time": [],
}
REPLICATIONS = [
    (
        {"filter": [], "prefix": "", "priority": None, "destination": [DESTINATION], "status": "Enabled", "id": ""},
        {"Prefix": "", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::orders-analytics"}},
    ),
    (
        {"filter": [{"and": [], "prefix": None, "tag": []}], "priority": None, "destination": [DESTINATION], "status": "Enabled"},
        {"Filter": {"Prefix": ""}, "Priority": 0, "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::orders-analytics"}},
    ),
    (
        {"filter": [{"and": [], "prefix": None, "tag": [{"key": "a", "value": "b"}]}], "priority": 3, "destination": [DESTINATION], "status": "Disabled", "id": "x"},
        {"ID": "x", "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Priority": 3, "Status": "Disabled", "Destination": {"Bucket": "arn:aws:s3:::orders-analytics"}},
    ),
    (
        {"filter": [{"and": [{"prefix": "e/", "tags": {"a": "b", "c": "d"}}], "prefix": None, "tag": []}], "priority": 1, "destination": [DESTINATION], "status": "Enabled", "id": "x"},
        {
            "ID": "x",
            "Filter": {"And": {"Prefix": "e/", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]}},
            "Priority": 1,
            "Status": "Enabled",
            "Destination": {"Bucket": "arn:aws:s3:::orders-analytics"},
        },
    ),
    (
        {
            "filter": [{"prefix": "e/"}],
            "priority": 1,
            "id": "x",
            "status": "Enabled",
            "delete_marker_replication": [{"status": "Disabled"}],
            "existing_object_replication": [{"status": "Enabled"}],
            "source_selection_criteria": [
                {"replica_modifications": [{"status": "Enabled"}], "sse_kms_encrypted_objects": [{"status": "Enabled"}]}
            ],
            "destination": [
                {
                    "bucket": "arn:aws:s3:::orders-analytics",
                    "account": "444455556666",
                    "storage_class": "STANDARD_IA",
                    "access_control_translation": [{"owner": "Destination"}],
                    "encryption_configuration": [{"replica_kms_key_id": "arn:aws:kms:ap-northeast-1:444455556666:key/k"}],
                    "replication_time": [{"status": "Enabled", "time": [{"minutes": 15}]}],
                    "metrics": [{"status": "Enabled", "event_threshold": []}],
                }
            ],
        },
        {
            "ID": "x",
            "Filter": {"Prefix": "e/"},
            "Priority": 1,
            "Status": "Enabled",
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "ExistingObjectReplication": {"Status": "Enabled"},
            "SourceSelectionCriteria": {
                "ReplicaModifications": {"Status": "Enabled"},
                "SseKmsEncryptedObjects": {"Status": "Enabled"},
            },
            "Destination": {
                "Bucket": "arn:aws:s3:::orders-analytics",
                "Account": "444455556666",
                "StorageClass": "STANDARD_IA",
                "AccessControlTranslation": {"Owner": "Destination"},
                "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:ap-northeast-1:444455556666:key/k"},
                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                "Metrics": {"Status": "Enabled"},
            },
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "wanted"), REPLICATIONS)
def test_a_replication_rule_is_spelled_as_the_provider_sends_it(tmp_path, said, wanted):
    stack = Stack(
        {**BUCKET, **split("replication_configuration", role="arn:aws:iam::111122223333:role/r", rule=[said])}
    )
    made = snapshot(tmp_path, stack.plan(), SOURCE)
    assert found(made, "source_bucket.Replication") == {"Role": "arn:aws:iam::111122223333:role/r", "Rules": [wanted]}


LIFECYCLES = [
    (
        {"id": "a", "status": "Enabled", "filter": [], "prefix": "", "expiration": [{"days": 3, "date": "", "expired_object_delete_marker": False}]},
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}},
    ),
    (
        {"id": "a", "status": "Enabled", "filter": [{"prefix": "", "and": [], "tag": []}], "prefix": None, "expiration": [{"days": 0, "date": None, "expired_object_delete_marker": True}]},
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ),
    (
        {"id": "a", "status": "Disabled", "filter": [], "prefix": "old/", "noncurrent_version_expiration": [{"noncurrent_days": 9, "newer_noncurrent_versions": "3"}]},
        {"ID": "a", "Status": "Disabled", "Prefix": "old/", "NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 3}},
    ),
    (
        {
            "id": "a",
            "status": "Enabled",
            "filter": [{"and": [{"prefix": "e/", "tags": {"a": "b"}, "object_size_greater_than": 5, "object_size_less_than": 0}], "prefix": ""}],
            "transition": [{"days": 0, "date": "", "storage_class": "GLACIER"}, {"days": 0, "date": "2027-01-01T00:00:00Z", "storage_class": "DEEP_ARCHIVE"}],
            "noncurrent_version_transition": [{"noncurrent_days": 4, "storage_class": "GLACIER", "newer_noncurrent_versions": None}],
            "abort_incomplete_multipart_upload": [{"days_after_initiation": 7}],
        },
        {
            "ID": "a",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "e/", "Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 5}},
            "Transitions": [
                {"Days": 0, "StorageClass": "GLACIER"},
                {"Date": "2027-01-01T00:00:00Z", "StorageClass": "DEEP_ARCHIVE"},
            ],
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 4, "StorageClass": "GLACIER"}],
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ),
    (
        {"id": "a", "status": "Enabled", "filter": [{"prefix": "", "object_size_less_than": 10}], "expiration": [{"days": 3}]},
        {"ID": "a", "Status": "Enabled", "Filter": {"ObjectSizeLessThan": 10}, "Expiration": {"Days": 3}},
    ),
    (
        {"id": "a", "status": "Enabled", "filter": [{"tag": [{"key": "a", "value": "b"}]}], "expiration": [{"date": "2027-01-01T00:00:00Z"}]},
        {"ID": "a", "Status": "Enabled", "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Date": "2027-01-01T00:00:00Z"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "wanted"), LIFECYCLES)
def test_a_lifecycle_rule_is_spelled_as_the_provider_sends_it(tmp_path, said, wanted):
    stack = Stack({**BUCKET, **split("lifecycle_configuration", rule=[said])})
    made = snapshot(tmp_path, stack.plan(), SOURCE)
    assert found(made, "source_bucket.Lifecycle.Rules") == [wanted]
    assert found(made, "source_bucket.Lifecycle.TransitionDefaultMinimumObjectSize") == "all_storage_classes_128K"


OLD = {
    "versioning": [{"enabled": True, "mfa_delete": False}],
    "logging": [{"target_bucket": "logs", "target_prefix": ""}],
    "request_payer": "Requester",
    "server_side_encryption_configuration": [
        {"rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "aws:kms", "kms_master_key_id": ""}], "bucket_key_enabled": None}]}
    ],
    "lifecycle_rule": [
        {
            "id": "a", "enabled": True, "prefix": "e/", "tags": {}, "abort_incomplete_multipart_upload_days": 7,
            "expiration": [{"days": 30, "date": "", "expired_object_delete_marker": False}],
            "noncurrent_version_expiration": [{"days": 3}], "transition": [], "noncurrent_version_transition": [],
        }
    ],
    "replication_configuration": [
        {
            "role": "arn:aws:iam::111122223333:role/r",
            "rules": [
                {
                    "id": "x", "status": "Enabled", "priority": 2, "prefix": "", "filter": [{"prefix": "e/", "tags": {}}],
                    "delete_marker_replication_status": "Enabled",
                    "source_selection_criteria": [{"sse_kms_encrypted_objects": [{"enabled": True}]}],
                    "destination": [
                        {
                            "bucket": "arn:aws:s3:::orders-analytics", "account_id": "444455556666", "storage_class": "",
                            "replica_kms_key_id": "arn:aws:kms:ap-northeast-1:444455556666:key/k",
                            "access_control_translation": [{"owner": "Destination"}],
                            "replication_time": [{"minutes": 15, "status": "Enabled"}],
                            "metrics": [{"minutes": 15, "status": "Enabled"}],
                        }
                    ],
                }
            ],
        }
    ],
}  # fmt: skip
OLD_WANTED = {
    "Versioning": {"Status": "Enabled"},
    "Logging": {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}},
    "RequestPayment": {"Payer": "Requester"},
    "Encryption": {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": False}]
    },
    "Lifecycle": {
        "Rules": [
            {
                "ID": "a",
                "Status": "Enabled",
                "Filter": {"Prefix": "e/"},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                "Expiration": {"Days": 30},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
            }
        ],
        "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K",
    },
    "Replication": {
        "Role": "arn:aws:iam::111122223333:role/r",
        "Rules": [
            {
                "ID": "x",
                "Status": "Enabled",
                "Priority": 2,
                "Filter": {"Prefix": "e/"},
                "DeleteMarkerReplication": {"Status": "Enabled"},
                "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
                "Destination": {
                    "Bucket": "arn:aws:s3:::orders-analytics",
                    "Account": "444455556666",
                    "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:ap-northeast-1:444455556666:key/k"},
                    "AccessControlTranslation": {"Owner": "Destination"},
                    "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                    "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                },
            }
        ],
    },
}


@pytest.mark.parametrize("facet", OLD_WANTED)
def test_the_older_blocks_of_a_bucket_are_read(tmp_path, facet):
    for document in (Stack({"aws_s3_bucket.b": {"bucket": "orders-export", **OLD}}).plan(), None):
        plan = document or Stack({"aws_s3_bucket.b": {"bucket": "orders-export", **OLD}}).state()
        assert found(snapshot(tmp_path, plan, SOURCE), f"source_bucket.{facet}") == OLD_WANTED[facet]


def test_a_resource_of_its_own_wins_over_what_the_provider_read_into_the_bucket(tmp_path):
    stack = Stack({**BUCKET, **split("versioning", versioning_configuration=[{"status": "Enabled"}])}, exists=True)
    plan = stack.plan()
    plan["resource_changes"][0]["change"]["after"]["versioning"] = [{"enabled": False, "mfa_delete": False}]
    assert found(snapshot(tmp_path, plan, SOURCE), "source_bucket.Versioning") == {"Status": "Enabled"}


def test_what_the_provider_read_into_a_bucket_counts_where_no_resource_of_its_own_does(tmp_path):
    plan = Stack(BUCKET, exists=True).plan()
    plan["resource_changes"][0]["change"]["after"]["versioning"] = [{"enabled": True, "mfa_delete": False}]
    assert found(snapshot(tmp_path, plan, SOURCE), "source_bucket.Versioning") == {"Status": "Enabled"}
