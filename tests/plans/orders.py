"""The pipeline of two accounts as a Terraform configuration: correct, with references or with plain names."""

from tests.plans.stack import Stack, encoded, ref

RESOURCES = (
    ("source", "orders-export"),
    ("destination", "orders-analytics"),
    ("production_logs", "orders-production-logs"),
    ("analytics_logs", "orders-analytics-logs"),
)
ANALYTICS = {"destination", "analytics_logs"}


def _lifecycle():
    return [
        {
            "id": "exports",
            "status": "Enabled",
            "filter": [
                {
                    "prefix": "exports/",
                    "and": [],
                    "tag": [],
                    "object_size_greater_than": None,
                    "object_size_less_than": None,
                }
            ],
            "expiration": [{"days": 365, "date": None}],
            "noncurrent_version_expiration": [{"noncurrent_days": 30}],
            "abort_incomplete_multipart_upload": [{"days_after_initiation": 7}],
            "transition": [],
        },
        {
            "id": "lone-delete-markers",
            "status": "Enabled",
            "filter": [{"prefix": "exports/"}],
            "expiration": [{"expired_object_delete_marker": True}],
        },
    ]


def tls_only(bucket):
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [ref(f"aws_s3_bucket.{bucket}.arn"), ref(f"${{aws_s3_bucket.{bucket}.arn}}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions, *resources, **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


def trust(service):
    return encoded(policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}))


def _bucket(name, bucket, logs):
    made = {
        f"aws_s3_bucket.{name}": {"bucket": bucket},
        f"aws_s3_bucket_public_access_block.{name}": {
            "bucket": ref(f"aws_s3_bucket.{name}.id"),
            "block_public_acls": True,
            "block_public_policy": True,
            "ignore_public_acls": True,
            "restrict_public_buckets": True,
        },
    }
    if not logs:
        return made
    return made | {
        f"aws_s3_bucket_ownership_controls.{name}": {
            "bucket": ref(f"aws_s3_bucket.{name}.id"),
            "rule": [{"object_ownership": "BucketOwnerEnforced"}],
        },
        f"aws_s3_bucket_versioning.{name}": {
            "bucket": ref(f"aws_s3_bucket.{name}.id"),
            "versioning_configuration": [{"status": "Enabled"}],
        },
        f"aws_s3_bucket_lifecycle_configuration.{name}": {
            "bucket": ref(f"aws_s3_bucket.{name}.id"),
            "rule": _lifecycle(),
        },
        f"aws_s3_bucket_logging.{name}": {
            "bucket": ref(f"aws_s3_bucket.{name}.id"),
            "target_bucket": ref(f"aws_s3_bucket.{logs}.id"),
            "target_prefix": f"{bucket}/",
        },
    }


def resources():
    """Return the resources of the correct pipeline, as people write them: with references."""
    source, destination = ref("aws_s3_bucket.source.arn"), ref("aws_s3_bucket.destination.arn")
    objects, replicas = ref("${aws_s3_bucket.source.arn}/*"), ref("${aws_s3_bucket.destination.arn}/*")
    exported = ref("${aws_s3_bucket.source.arn}/exports/*")
    role = {"AWS": ref("aws_iam_role.replication.arn")}
    made = {}
    for name, bucket in RESOURCES:
        logs = {"source": "production_logs", "destination": "analytics_logs"}.get(name, "")
        made |= _bucket(name, bucket, logs)
    made |= {
        "aws_dynamodb_table.orders": {
            "name": "my-table",
            "hash_key": "id",
            "billing_mode": "PAY_PER_REQUEST",
            "attribute": [{"name": "id", "type": "S"}],
            "point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 35}],
            "deletion_protection_enabled": True,
        },
        "aws_iam_role.exporter": {"name": "export-job", "assume_role_policy": trust("lambda.amazonaws.com")},
        "aws_iam_role_policy.exporter": {
            "name": "export",
            "role": ref("aws_iam_role.exporter.id"),
            "policy": encoded(
                policy(
                    allow(["dynamodb:ExportTableToPointInTime"], ref("aws_dynamodb_table.orders.arn")),
                    allow(["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"], exported),
                )
            ),
        },
        "aws_iam_role.replication": {
            "name": "replication-source-role",
            "assume_role_policy": trust("s3.amazonaws.com"),
        },
        "aws_iam_policy.replication": {
            "name": "replication",
            "policy": encoded(
                policy(
                    allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], source),
                    allow(
                        ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
                        objects,
                    ),
                    allow(["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], replicas),
                )
            ),
        },
        "aws_iam_role_policy_attachment.replication": {
            "role": ref("aws_iam_role.replication.name"),
            "policy_arn": ref("aws_iam_policy.replication.arn"),
        },
        "aws_iam_role.consumer": {"name": "on-export-role", "assume_role_policy": trust("lambda.amazonaws.com")},
        "aws_lambda_function.consumer": {
            "function_name": "on-export",
            "role": ref("aws_iam_role.consumer.arn"),
            "runtime": "python3.12",
            "handler": "index.handler",
            "filename": "index.zip",
            "timeout": 3,
            "memory_size": 128,
        },
        "aws_lambda_permission.consumer": {
            "statement_id": "exports",
            "action": "lambda:InvokeFunction",
            "function_name": ref("aws_lambda_function.consumer.function_name"),
            "principal": "s3.amazonaws.com",
            "source_arn": ref("aws_s3_bucket.source.arn"),
            "source_account": "111122223333",
        },
        "aws_sqs_queue.failures": {"name": "orders-replication-failures"},
        "aws_sqs_queue_policy.failures": {
            "queue_url": ref("aws_sqs_queue.failures.id"),
            "policy": encoded(
                policy(
                    allow(
                        ["sqs:SendMessage"],
                        ref("aws_sqs_queue.failures.arn"),
                        Principal={"Service": "s3.amazonaws.com"},
                        Condition={"ArnLike": {"aws:SourceArn": source}},
                    )
                )
            ),
        },
        "aws_s3_bucket_notification.source": {
            "bucket": ref("aws_s3_bucket.source.id"),
            "lambda_function": [
                {
                    "id": "exports",
                    "lambda_function_arn": ref("aws_lambda_function.consumer.arn"),
                    "events": ["s3:ObjectCreated:CompleteMultipartUpload"],
                    "filter_prefix": "exports/",
                    "filter_suffix": None,
                }
            ],
            "queue": [
                {
                    "id": "failures",
                    "queue_arn": ref("aws_sqs_queue.failures.arn"),
                    "events": ["s3:Replication:OperationFailedReplication"],
                    "filter_prefix": None,
                    "filter_suffix": None,
                }
            ],
        },
        "aws_s3_bucket_policy.source": {
            "bucket": ref("aws_s3_bucket.source.id"),
            "policy": encoded(policy(tls_only("source"))),
        },
        "aws_s3_bucket_policy.destination": {
            "bucket": ref("aws_s3_bucket.destination.id"),
            "policy": encoded(
                policy(
                    allow(["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], replicas, Principal=role),
                    allow(["s3:ListBucket", "s3:GetBucketVersioning"], destination, Principal=role),
                    tls_only("destination"),
                )
            ),
        },
        "aws_s3_bucket_replication_configuration.source": {
            "bucket": ref("aws_s3_bucket.source.id"),
            "role": ref("aws_iam_role.replication.arn"),
            "rule": [
                {
                    "id": "exports",
                    "priority": 1,
                    "status": "Enabled",
                    "prefix": None,
                    "filter": [{"prefix": "exports/", "and": [], "tag": []}],
                    "delete_marker_replication": [{"status": "Enabled"}],
                    "existing_object_replication": [],
                    "source_selection_criteria": [],
                    "destination": [
                        {
                            "bucket": ref("aws_s3_bucket.destination.arn"),
                            "account": None,
                            "storage_class": None,
                            "access_control_translation": [],
                            "encryption_configuration": [],
                            "replication_time": [{"status": "Enabled", "time": [{"minutes": 15}]}],
                            "metrics": [{"status": "Enabled", "event_threshold": [{"minutes": 15}]}],
                        }
                    ],
                }
            ],
        },
    }
    return made


def providers(listed):
    """Return the provider of each resource of the analytics account."""
    return {address: "aws.analytics" for address in listed if address.split(".")[-1] in ANALYTICS}


def stack(*, exists=True):
    """Return the correct pipeline: as it stands after apply, or (`exists=False`) before anything was made."""
    made = resources()
    return Stack(made, exists=exists if exists is True else (), providers=providers(made))


PIPELINE = """\
version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1}
  analytics: {id: "444455556666", region: ap-northeast-1}
pipelines:
  orders:
    table: {account: production, name: my-table}
    exporter: {account: production, role: export-job}
    source_bucket: {account: production, name: orders-export, prefix: exports/}
    consumer: {account: production, lambda: on-export}
    replication_role: {account: production, role: replication-source-role}
    destination_bucket: {account: analytics, name: orders-analytics}
    intent:
      delete_markers: replicate
      replication_time_control: required
      recovery_period_days: 35
"""
