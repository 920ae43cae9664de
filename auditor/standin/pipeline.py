"""The pipeline of two accounts as AWS calls: as it should be, and as it is easily mis-set.

Production exports a table to its bucket, a function is woken, S3 replicates into a bucket of the analytics account.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from auditor.standin.steps import ClientFactory, Step, Steps, allow, build, policy, vary

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


def golden(names: Names | None = None) -> Steps:
    """Return the calls that build a correct pipeline."""
    names = names or Names()
    production = partial(Step, account=names.production, region=names.region)
    analytics = partial(Step, account=names.analytics, region=names.destination_region)
    return (
        *_roles(names, production),
        *_table(names, production),
        *_log_bucket("production-logs", production, names.production_logs, names.source),
        *_log_bucket("analytics-logs", analytics, names.analytics_logs, names.destination),
        *_bucket("destination", analytics, names, _destination_policy(names)),
        *_bucket("source", production, names, policy(tls_only(names.source))),
        *_consumer(names, production),
        production("replication", service="s3", method="put_bucket_replication", params=_replication(names)),
        production(
            "export",
            service="dynamodb",
            method="export_table_to_point_in_time",
            params={"TableArn": names.table_arn, "S3Bucket": names.source, "S3Prefix": names.prefix.rstrip("/")},
        ),
    )


def misset(names: Names | None = None) -> Steps:
    """Return the calls that build a pipeline with the usual mistakes; AWS accepts every one of them.

    PITR off; listening to Put and Post; lifecycle and versioning on one side only; delete markers left at their
    default; a role that may not replicate deletes; a bucket policy that names another role; an export of before.
    """
    names = names or Names()
    steps = golden(names)
    found = {step.name: step for step in steps}
    rule = _replication_rule(names) | {"DeleteMarkerReplication": {"Status": "Disabled"}}
    put, function = ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"], _listener(names)
    analytics = partial(Step, account=names.analytics, region=names.destination_region)
    wrong_role = {"RoleName": names.wrong_role, "AssumeRolePolicyDocument": _trust("s3.amazonaws.com")}
    old = {"Bucket": names.source, "Key": f"{names.prefix}AWSDynamoDB/01700000000000-0a1b2c3d/manifest-summary.json"}
    return vary(
        steps,
        change={
            "role.policy": {"PolicyDocument": _role_policy(names, without=("s3:ReplicateDelete",))},
            "destination.policy": {"Policy": _destination_policy(names, role=names.wrong_role)},
            "notification": {
                "NotificationConfiguration": {"LambdaFunctionConfigurations": [function | {"Events": put}]}
            },
            "replication": {"ReplicationConfiguration": {"Role": names.role_arn(names.role), "Rules": [rule]}},
        },
        # AWS refuses to replicate into a bucket that is not versioned, and lets it be suspended afterwards.
        drop=("table.recovery", "export", "destination.lifecycle"),
        before={
            "destination.policy": Step("wrong-role", names.production, names.region, "iam", "create_role", wrong_role),
            "replication": Step(
                "old-export", names.production, names.region, "s3", "put_object", old | {"Body": b"{}"}
            ),
        },
        add=(
            analytics(
                "destination.suspended",
                service="s3",
                method="put_bucket_versioning",
                params={**found["destination.versioning"].params, "VersioningConfiguration": {"Status": "Suspended"}},
            ),
        ),
    )


def build_golden(clients: ClientFactory, names: Names | None = None) -> dict[str, Any]:
    """Build the correct pipeline; return the answers by step name."""
    return build(golden(names), clients)


def build_misset(clients: ClientFactory, names: Names | None = None) -> dict[str, Any]:
    """Build the mis-set pipeline; return the answers by step name."""
    return build(misset(names), clients)


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


def _roles(names: Names, production: Any) -> Steps:
    roles = {
        "role": (names.role, "s3.amazonaws.com", _role_policy(names)),
        "exporter": (names.exporter, "lambda.amazonaws.com", _exporter_policy(names)),
        "consumer-role": (f"{names.function}-role", "lambda.amazonaws.com", _consumer_policy(names)),
    }
    steps: list[Step] = []
    for step, (role, service, document) in roles.items():
        trust = {"RoleName": role, "AssumeRolePolicyDocument": _trust(service)}
        inline = {"RoleName": role, "PolicyName": "pipeline", "PolicyDocument": document}
        steps += [
            production(step, service="iam", method="create_role", params=trust),
            production(f"{step}.policy", service="iam", method="put_role_policy", params=inline),
        ]
    return tuple(steps)


def _trust(service: str) -> str:
    return policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def _role_policy(names: Names, without: tuple[str, ...] = ()) -> str:
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


def _table(names: Names, production: Any) -> Steps:
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


def _log_bucket(step: str, account: Any, name: str, logged: str) -> Steps:
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


def _bucket(step: str, account: Any, names: Names, document: str) -> Steps:
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


def _destination_policy(names: Names, role: str | None = None) -> str:
    principal = {"AWS": names.role_arn(role or names.role)}
    bucket = f"arn:aws:s3:::{names.destination}"
    replicas = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
    looks = ["s3:ListBucket", "s3:GetBucketVersioning"]
    return policy(
        allow(replicas, [f"{bucket}/*"], Sid="Replicas", Principal=principal),
        allow(looks, [bucket], Sid="Bucket", Principal=principal),
        tls_only(names.destination),
    )


def _consumer(names: Names, production: Any) -> Steps:
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
    configuration = {"LambdaFunctionConfigurations": [_listener(names)], "QueueConfigurations": [failures]}
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


def _listener(names: Names) -> dict[str, Any]:
    scope = {"Key": {"FilterRules": [{"Name": "prefix", "Value": names.prefix}]}}
    return {"Id": "exports", "LambdaFunctionArn": names.function_arn, "Events": [_MULTIPART], "Filter": scope}


def _replication(names: Names) -> dict[str, Any]:
    configuration = {"Role": names.role_arn(names.role), "Rules": [_replication_rule(names)]}
    return {"Bucket": names.source, "ReplicationConfiguration": configuration}


def _replication_rule(names: Names) -> dict[str, Any]:
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
