"""The parts of a pipeline as AWS calls: names, roles, table, buckets, consumer, replication."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from auditor.standin.steps import Step, Steps, allow, policy

_MULTIPART = "s3:ObjectCreated:CompleteMultipartUpload"
_FAILED = "s3:Replication:OperationFailedReplication"
_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_HANDLER = "def handler(event, context):\n    return len(event.get('Records', []))\n"


@dataclass(frozen=True)
class Names:
    """What the things of a pipeline are called."""

    production: str = "111122223333"
    analytics: str = "444455556666"
    region: str = "ap-northeast-1"
    destination_region: str = "ap-northeast-1"
    table: str = "my-table"
    exporter: str = "export-job"
    source: str = "orders-export"
    prefix: str = "exports/"
    function: str = "on-export"
    role: str = "replication-source-role"
    wrong_role: str = "replication-role"
    destination: str = "orders-analytics"
    failures: str = "orders-replication-failures"
    production_logs: str = "orders-production-logs"
    analytics_logs: str = "orders-analytics-logs"

    @property
    def table_arn(self) -> str:
        """Return the table's ARN."""
        return f"arn:aws:dynamodb:{self.region}:{self.production}:table/{self.table}"

    @property
    def function_arn(self) -> str:
        """Return the function's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.production}:function:{self.function}"

    @property
    def queue_arn(self) -> str:
        """Return the ARN of the queue that hears of failed replication."""
        return f"arn:aws:sqs:{self.region}:{self.production}:{self.failures}"

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of the production account."""
        return f"arn:aws:iam::{self.production}:role/{name}"


def tls_only(bucket: str) -> dict[str, Any]:
    """Return the statement that refuses requests without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def roles(names: Names, production: Any) -> Steps:
    """Return the calls that make the replication, exporter and consumer roles with their inline policies."""
    roles = {
        "role": (names.role, "s3.amazonaws.com", role_policy(names)),
        "exporter": (names.exporter, "lambda.amazonaws.com", _exporter_policy(names)),
        "consumer-role": (f"{names.function}-role", "lambda.amazonaws.com", _consumer_policy(names)),
    }
    steps: list[Step] = []
    for step, (role, service, document) in roles.items():
        made = {"RoleName": role, "AssumeRolePolicyDocument": trust(service)}
        inline = {"RoleName": role, "PolicyName": "pipeline", "PolicyDocument": document}
        steps += [
            production(step, service="iam", method="create_role", params=made),
            production(f"{step}.policy", service="iam", method="put_role_policy", params=inline),
        ]
    return tuple(steps)


def trust(service: str) -> str:
    """Return a trust policy for one AWS service."""
    return policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def role_policy(names: Names, without: tuple[str, ...] = ()) -> str:
    """Return what the replication role may do, without some of the actions."""
    source, destination = f"arn:aws:s3:::{names.source}", f"arn:aws:s3:::{names.destination}"
    on_source = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
    on_destination = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")
    return policy(
        allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], [source], Sid="Source"),
        allow([each for each in on_source if each not in without], [f"{source}/*"], Sid="SourceObjects"),
        allow([each for each in on_destination if each not in without], [f"{destination}/*"], Sid="Replicas"),
    )


def _exporter_policy(names: Names) -> str:
    objects = f"arn:aws:s3:::{names.source}/{names.prefix}*"
    return policy(
        allow(["dynamodb:ExportTableToPointInTime", "dynamodb:ListExports"], [names.table_arn], Sid="Export"),
        allow(["dynamodb:DescribeExport"], [f"{names.table_arn}/export/*"], Sid="Watch"),
        allow(["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"], [objects], Sid="Write"),
    )


def _consumer_policy(names: Names) -> str:
    return policy(allow(["s3:GetObject"], [f"arn:aws:s3:::{names.source}/{names.prefix}*"], Sid="Read"))


def table(names: Names, production: Any) -> Steps:
    """Return the calls that make the table, protected, with 35 days of recovery, and one item."""
    table = {
        "TableName": names.table,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
    item = {"id": {"S": "order-1"}, "total": {"N": "1200"}}
    return (
        production("table", service="dynamodb", method="create_table", params=table),
        production(
            "table.recovery",
            service="dynamodb",
            method="update_continuous_backups",
            params={"TableName": names.table, "PointInTimeRecoverySpecification": recovery},
        ),
        production("item", service="dynamodb", method="put_item", params={"TableName": names.table, "Item": item}),
    )


def log_bucket(step: str, account: Any, name: str, logged: str) -> Steps:
    """Return the calls that make a bucket for the access logs of another."""
    caller: partial[Step] = account
    number = caller.keywords["account"]
    condition = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{logged}"},
        "StringEquals": {"aws:SourceAccount": number},
    }
    writer = allow(
        ["s3:PutObject"],
        [f"arn:aws:s3:::{name}/*"],
        Sid="AccessLogs",
        Principal={"Service": "logging.s3.amazonaws.com"},
        Condition=condition,
    )
    documents = {"policy": ("put_bucket_policy", {"Policy": policy(writer, tls_only(name))})}
    return _bucket_steps(step, account, name, documents)


def bucket(step: str, account: Any, names: Names, document: str) -> Steps:
    """Return the calls that make the source or destination bucket: versioned, closed, expiring, logged."""
    name, logs = (
        (names.source, names.production_logs) if step == "source" else (names.destination, names.analytics_logs)
    )
    documents: dict[str, tuple[str, dict[str, Any]]] = {
        "versioning": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        "public-access": (
            "put_public_access_block",
            {"PublicAccessBlockConfiguration": dict.fromkeys(_FLAGS, True)},
        ),
        "policy": ("put_bucket_policy", {"Policy": document}),
        "lifecycle": (
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": {"Rules": _lifecycle(names)}},
        ),
        "logging": (
            "put_bucket_logging",
            {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": f"{name}/"}}},
        ),
    }
    return _bucket_steps(step, account, name, documents)


def _bucket_steps(step: str, account: Any, name: str, documents: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Steps:
    region = account.keywords["region"]
    # us-east-1 is the one Region that takes no location constraint.
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    return (
        account(step, service="s3", method="create_bucket", params={"Bucket": name, **place}),
        *(
            account(f"{step}.{word}", service="s3", method=method, params={"Bucket": name, **params})
            for word, (method, params) in documents.items()
        ),
    )


def _lifecycle(names: Names) -> list[dict[str, Any]]:
    return [
        {
            "ID": "exports",
            "Status": "Enabled",
            "Filter": {"Prefix": names.prefix},
            "Expiration": {"Days": 365},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {
            "ID": "lone-delete-markers",
            "Status": "Enabled",
            "Filter": {"Prefix": names.prefix},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]


def destination_policy(names: Names, role: str | None = None) -> str:
    """Return the destination's bucket policy for the replication role, or for another role."""
    principal = {"AWS": names.role_arn(role or names.role)}
    bucket = f"arn:aws:s3:::{names.destination}"
    replicas = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    looks = ["s3:ListBucket", "s3:GetBucketVersioning"]
    return policy(
        allow(replicas, [f"{bucket}/*"], Sid="Replicas", Principal=principal),
        allow(looks, [bucket], Sid="Bucket", Principal=principal),
        tls_only(names.destination),
    )


def consumer(names: Names, production: Any) -> Steps:
    """Return the calls that make queue and function, let S3 reach them, and tell the source bucket."""
    bucket = f"arn:aws:s3:::{names.source}"
    condition = {"ArnLike": {"aws:SourceArn": bucket}, "StringEquals": {"aws:SourceAccount": names.production}}
    heard = allow(
        ["sqs:SendMessage"],
        [names.queue_arn],
        Sid="Failures",
        Principal={"Service": "s3.amazonaws.com"},
        Condition=condition,
    )
    function = {
        "FunctionName": names.function,
        "Runtime": "python3.12",
        "Role": names.role_arn(f"{names.function}-role"),
        "Handler": "index.handler",
        "Code": {"ZipFile": _archive()},
    }
    permission = {
        "FunctionName": names.function,
        "StatementId": "exports",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": bucket,
        "SourceAccount": names.production,
    }
    failures = {"Id": "failures", "QueueArn": names.queue_arn, "Events": [_FAILED]}
    configuration = {"LambdaFunctionConfigurations": [listener(names)], "QueueConfigurations": [failures]}
    queue = {"QueueName": names.failures, "Attributes": {"Policy": policy(heard), "SqsManagedSseEnabled": "true"}}
    return (
        production("queue", service="sqs", method="create_queue", params=queue),
        production("consumer", service="lambda", method="create_function", params=function),
        production("consumer.permission", service="lambda", method="add_permission", params=permission),
        production(
            "notification",
            service="s3",
            method="put_bucket_notification_configuration",
            params={"Bucket": names.source, "NotificationConfiguration": configuration},
        ),
    )


def listener(names: Names) -> dict[str, Any]:
    """Return the entry that wakes the function when an export arrives."""
    scope = {"Key": {"FilterRules": [{"Name": "prefix", "Value": names.prefix}]}}
    return {"Id": "exports", "LambdaFunctionArn": names.function_arn, "Events": [_MULTIPART], "Filter": scope}


def replication(names: Names) -> dict[str, Any]:
    """Return the parameters that put the replication configuration."""
    configuration = {"Role": names.role_arn(names.role), "Rules": [replication_rule(names)]}
    return {"Bucket": names.source, "ReplicationConfiguration": configuration}


def replication_rule(names: Names) -> dict[str, Any]:
    """Return the replication rule: exports, time control, metrics, delete markers."""
    return {
        "ID": "exports",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": names.prefix},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{names.destination}",
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        },
    }


def _archive() -> bytes:
    """Return a zip of a handler, the same bytes every time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py", (2026, 1, 1, 0, 0, 0)), _HANDLER)
    return packed.getvalue()
