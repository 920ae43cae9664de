"""Every kind of resource in more than one style, as a Terraform configuration for the stand-in."""

import json

from tests.plans.stack import Stack, encoded, ref

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["s3.amazonaws.com", "lambda.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


READER = {"AWS": "arn:aws:iam::444455556666:root"}


def _split(name, kind, **arguments):
    return {f"aws_s3_bucket_{kind}.{name}": {"bucket": ref(f"aws_s3_bucket.{name}.id"), **arguments}}


def buckets():
    """Return buckets: bare, with everything, of the older schemas, suspended, locked, and two that others point to."""
    made = {
        f"aws_s3_bucket.{name}": {"bucket": f"{name}-bucket"}
        for name in ("bare", "rich", "old", "suspended", "target", "log")
    }
    made["aws_s3_bucket.locked"] = {"bucket": "locked-bucket", "object_lock_enabled": True}
    made["aws_s3_bucket.blocks"] = {
        "bucket": "blocks-bucket",
        "versioning": [{"enabled": True, "mfa_delete": False}],
        "request_payer": "Requester",
        "lifecycle_rule": [
            {
                "id": "a",
                "enabled": True,
                "prefix": "e/",
                "tags": {},
                "abort_incomplete_multipart_upload_days": 7,
                "expiration": [{"days": 30, "date": "", "expired_object_delete_marker": False}],
                "noncurrent_version_expiration": [{"days": 3}],
                "noncurrent_version_transition": [{"days": 2, "storage_class": "GLACIER"}],
                "transition": [{"days": 0, "date": "", "storage_class": "GLACIER"}],
            }
        ],
        "server_side_encryption_configuration": [
            {"rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256", "kms_master_key_id": ""}], "bucket_key_enabled": False}]}
        ],
        "logging": [{"target_bucket": "log-bucket", "target_prefix": "blocks/"}],
        "replication_configuration": [
            {
                "role": ref("aws_iam_role.replication.arn"),
                "rules": [
                    {
                        "id": "old",
                        "status": "Enabled",
                        "priority": 4,
                        "prefix": "",
                        "filter": [{"prefix": "e/", "tags": {"class": "x"}}],
                        "delete_marker_replication_status": "",
                        "source_selection_criteria": [{"sse_kms_encrypted_objects": [{"enabled": False}]}],
                        "destination": [
                            {
                                "bucket": "arn:aws:s3:::target-bucket",
                                "account_id": "",
                                "storage_class": "",
                                "replica_kms_key_id": "",
                                "access_control_translation": [],
                                "replication_time": [],
                                "metrics": [{"minutes": 15, "status": "Enabled"}],
                            }
                        ],
                    }
                ],
            }
        ],
    }  # fmt: skip
    for name, status in (("rich", "Enabled"), ("old", "Enabled"), ("target", "Enabled"), ("suspended", "Suspended")):
        made |= _split(name, "versioning", versioning_configuration=[{"status": status, "mfa_delete": None}])
    writer = allow("s3:PutObject", ref("${aws_s3_bucket.log.arn}/*"), Principal={"Service": "logging.s3.amazonaws.com"})
    made |= _split("log", "policy", policy=encoded(document(writer)))
    return made | _rich() | _old()


def _rich():
    rule = {
        "id": "exports",
        "priority": 7,
        "status": "Enabled",
        "prefix": None,
        "filter": [{"prefix": None, "and": [{"prefix": "exports/", "tags": {"class": "export"}}], "tag": []}],
        "delete_marker_replication": [{"status": "Disabled"}],
        "existing_object_replication": [],
        "source_selection_criteria": [
            {"sse_kms_encrypted_objects": [{"status": "Enabled"}], "replica_modifications": [{"status": "Enabled"}]}
        ],
        "destination": [
            {
                "bucket": ref("aws_s3_bucket.target.arn"),
                "account": "111122223333",
                "storage_class": "STANDARD_IA",
                "access_control_translation": [{"owner": "Destination"}],
                "encryption_configuration": [{"replica_kms_key_id": ref("aws_kms_key.messages.arn")}],
                "replication_time": [{"status": "Enabled", "time": [{"minutes": 15}]}],
                "metrics": [{"status": "Enabled", "event_threshold": [{"minutes": 15}]}],
            }
        ],
    }
    lifecycle = [
        {
            "id": "exports",
            "status": "Enabled",
            "filter": [{"prefix": "exports/", "and": [], "tag": []}],
            "expiration": [{"days": 90, "date": None, "expired_object_delete_marker": False}],
            "noncurrent_version_expiration": [{"noncurrent_days": 30, "newer_noncurrent_versions": 2}],
            "abort_incomplete_multipart_upload": [{"days_after_initiation": 3}],
            "transition": [{"days": 30, "date": None, "storage_class": "STANDARD_IA"}],
            "noncurrent_version_transition": [{"noncurrent_days": 10, "newer_noncurrent_versions": None, "storage_class": "GLACIER"}],
        },
        {"id": "markers", "status": "Enabled", "filter": [{"prefix": ""}], "expiration": [{"days": 0, "expired_object_delete_marker": True}]},
        {
            "id": "small",
            "status": "Disabled",
            "filter": [{"and": [{"prefix": "s/", "tags": {"a": "b"}, "object_size_greater_than": 100, "object_size_less_than": 1000}]}],
            "expiration": [{"date": "2027-01-01T00:00:00Z"}],
        },
        {"id": "tagged", "status": "Enabled", "filter": [{"tag": [{"key": "a", "value": "b"}]}], "expiration": [{"days": 1}]},
        {"id": "large", "status": "Enabled", "filter": [{"object_size_greater_than": 5000}], "expiration": [{"days": 1}]},
    ]  # fmt: skip
    heard = {"id": "f", "lambda_function_arn": ref("aws_lambda_function.quiet.arn"), "events": ["s3:ObjectCreated:*"]}
    queue = {"id": "q", "queue_arn": ref("aws_sqs_queue.failures.arn"), "events": ["s3:ObjectRemoved:*"], "filter_prefix": "e/", "filter_suffix": ".gz"}  # fmt: skip
    topic = {"id": "t", "topic_arn": ref("aws_sns_topic.herald.arn"), "events": ["s3:ObjectRestore:*"]}
    policy = document(
        allow("s3:GetObject", ref("${aws_s3_bucket.rich.arn}/*"), Principal=READER),
        allow(["s3:ListBucket"], [ref("aws_s3_bucket.rich.arn")], Principal=READER),
    )
    default = [{"sse_algorithm": "aws:kms", "kms_master_key_id": ref("aws_kms_key.messages.arn")}]
    return {
        **_split("rich", "replication_configuration", role=ref("aws_iam_role.replication.arn"), rule=[rule]),
        **_split("rich", "lifecycle_configuration", rule=lifecycle, transition_default_minimum_object_size="varies_by_storage_class"),
        **_split("rich", "notification", eventbridge=True, lambda_function=[heard], queue=[queue], topic=[topic]),
        **_split("rich", "policy", policy=encoded(policy)),
        **_split("rich", "public_access_block", block_public_acls=True, ignore_public_acls=True, restrict_public_buckets=False),
        **_split("rich", "ownership_controls", rule=[{"object_ownership": "BucketOwnerPreferred"}]),
        **_split(
            "rich",
            "server_side_encryption_configuration",
            rule=[{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": True}],
        ),
        **_split("rich", "logging", target_bucket=ref("aws_s3_bucket.log.id"), target_prefix="rich/", target_object_key_format=[{"partitioned_prefix": [{"partition_date_source": "EventTime"}], "simple_prefix": []}]),
        **_split("rich", "request_payment_configuration", payer="Requester"),
        **_split("locked", "object_lock_configuration", object_lock_enabled="Enabled", rule=[{"default_retention": [{"mode": "GOVERNANCE", "days": 5, "years": None}]}]),
    }  # fmt: skip


def _old():
    rule = {
        "id": "v1",
        "status": "Enabled",
        "prefix": "exports/",
        "filter": [],
        "priority": None,
        "destination": [{"bucket": ref("aws_s3_bucket.target.arn"), "account": "", "storage_class": "", "metrics": []}],
    }
    return {
        **_split("old", "replication_configuration", role=ref("aws_iam_role.replication.arn"), rule=[rule]),
        **_split("old", "lifecycle_configuration", rule=[{"id": "v1", "status": "Enabled", "prefix": "exports/", "filter": [], "expiration": [{"days": 9}]}]),
    }  # fmt: skip


def services():
    """Return tables, roles, functions, queues, topics, rules, keys and catalog tables."""
    table = {"hash_key": "id", "billing_mode": "PAY_PER_REQUEST", "attribute": [{"name": "id", "type": "S"}]}
    return {
        "aws_kms_key.messages": {
            "description": "messages",
            "enable_key_rotation": True,
            "policy": json.dumps(document(allow("kms:*", "*", Principal={"AWS": "arn:aws:iam::111122223333:root"}))),
        },
        "aws_kms_alias.messages": {"name": "alias/messages", "target_key_id": ref("aws_kms_key.messages.key_id")},
        "aws_kms_key.plain": {},
        "aws_dynamodb_table.orders": {
            "name": "orders-prod",
            **table,
            "point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 7}],
            "deletion_protection_enabled": True,
        },
        "aws_dynamodb_resource_policy.orders": {
            "resource_arn": ref("aws_dynamodb_table.orders.arn"),
            "policy": encoded(document(allow("dynamodb:DescribeTable", ref("aws_dynamodb_table.orders.arn"), Principal=READER))),
        },
        "aws_dynamodb_table.plain": {"name": "plain", **table, "point_in_time_recovery": [{"enabled": False, "recovery_period_in_days": 0}]},
        "aws_iam_role.replication": {"name": "replication", "assume_role_policy": TRUST},
        "aws_iam_role.exporter": {
            "name": "export-job",
            "description": "exports the table",
            "max_session_duration": 7200,
            "assume_role_policy": TRUST,
            "permissions_boundary": ref("aws_iam_policy.limit.arn"),
            "inline_policy": [{"name": "start", "policy": json.dumps(document(allow("dynamodb:ExportTableToPointInTime", "*")))}],
        },
        "aws_iam_role_policy.exporter": {
            "name": "write",
            "role": ref("aws_iam_role.exporter.id"),
            "policy": json.dumps(document(allow(["s3:PutObject", "s3:AbortMultipartUpload"], "arn:aws:s3:::rich-bucket/*"))),
        },
        "aws_iam_policy.limit": {"name": "limit", "policy": json.dumps(document(allow("s3:*", "*")))},
        "aws_iam_policy.shared": {"name": "shared", "policy": json.dumps(document(allow("kms:Decrypt", "*")))},
        "aws_iam_policy.other": {"name": "other", "policy": json.dumps(document({"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}))},
        "aws_iam_role_policy_attachment.exporter": {
            "role": ref("aws_iam_role.exporter.name"),
            "policy_arn": ref("aws_iam_policy.shared.arn"),
        },
        "aws_iam_policy_attachment.other": {
            "name": "x",
            "roles": [ref("aws_iam_role.exporter.name"), ref("aws_iam_role.replication.name")],
            "policy_arn": ref("aws_iam_policy.other.arn"),
        },
        "aws_lambda_function.heard": {
            "function_name": "on-export",
            "role": ref("aws_iam_role.replication.arn"),
            "runtime": "python3.12",
            "handler": "index.handler",
            "description": "hears",
            "timeout": 30,
            "memory_size": 256,
            "package_type": "Zip",
            "reserved_concurrent_executions": 5,
            "filename": "x.zip",
        },
        "aws_lambda_permission.heard": {
            "statement_id": "exports",
            "function_name": ref("aws_lambda_function.heard.function_name"),
            "action": "lambda:InvokeFunction",
            "principal": "s3.amazonaws.com",
            "source_arn": ref("aws_s3_bucket.rich.arn"),
            "source_account": "111122223333",
        },
        "aws_lambda_permission.account": {
            "statement_id": "account",
            "function_name": ref("aws_lambda_function.heard.arn"),
            "action": "lambda:InvokeFunction",
            "principal": "444455556666",
        },
        "aws_lambda_function_event_invoke_config.heard": {
            "function_name": ref("aws_lambda_function.heard.function_name"),
            "maximum_retry_attempts": 1,
            "maximum_event_age_in_seconds": 600,
            "destination_config": [{"on_failure": [{"destination": ref("aws_sqs_queue.failures.arn")}], "on_success": []}],
        },
        "aws_lambda_function.quiet": {
            "function_name": "quiet",
            "role": ref("aws_iam_role.replication.arn"),
            "runtime": "python3.12",
            "handler": "index.handler",
            "timeout": 3,
            "memory_size": 128,
            "package_type": "Zip",
            "filename": "x.zip",
        },
        "aws_lambda_permission.quiet": {
            "statement_id": "s3",
            "function_name": "quiet",
            "action": "lambda:InvokeFunction",
            "principal": "s3.amazonaws.com",
        },
        "aws_sqs_queue.failures": {
            "name": "failures",
            "visibility_timeout_seconds": 60,
            "message_retention_seconds": 1209600,
            "policy": json.dumps(document(allow("sqs:SendMessage", "arn:aws:sqs:ap-northeast-1:111122223333:failures", Principal={"Service": "s3.amazonaws.com"}))),
        },
        "aws_sqs_queue.encrypted": {"name": "encrypted", "kms_master_key_id": ref("aws_kms_key.messages.arn"), "sqs_managed_sse_enabled": False},
        "aws_sqs_queue_policy.encrypted": {
            "queue_url": ref("aws_sqs_queue.encrypted.url"),
            "policy": encoded(document(allow("sqs:SendMessage", ref("aws_sqs_queue.encrypted.arn"), Principal={"Service": "sns.amazonaws.com"}))),
        },
        "aws_sqs_queue.ordered": {"name": "ordered.fifo", "fifo_queue": True, "content_based_deduplication": True, "sqs_managed_sse_enabled": True},
        "aws_sns_topic.herald": {"name": "herald", "display_name": "Herald", "kms_master_key_id": ref("aws_kms_key.messages.arn")},
        "aws_sns_topic_policy.herald": {
            "arn": ref("aws_sns_topic.herald.arn"),
            "policy": encoded(document(allow("sns:Publish", ref("aws_sns_topic.herald.arn"), Principal={"Service": "s3.amazonaws.com"}))),
        },
        "aws_sns_topic.silent": {"name": "silent"},
        "aws_cloudwatch_event_rule.landed": {
            "name": "landed",
            "description": "hears",
            "event_pattern": json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}),
            "state": "ENABLED",
        },
        "aws_cloudwatch_event_target.landed": {
            "rule": ref("aws_cloudwatch_event_rule.landed.name"),
            "target_id": "function",
            "arn": ref("aws_lambda_function.heard.arn"),
            "dead_letter_config": [{"arn": ref("aws_sqs_queue.failures.arn")}],
            "retry_policy": [{"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 600}],
        },
        "aws_cloudwatch_event_rule.nightly": {"name": "nightly", "schedule_expression": "rate(1 day)", "is_enabled": False},
        "aws_glue_catalog_database.exports": {"name": "exports"},
        "aws_glue_catalog_table.orders": {
            "name": "orders",
            "database_name": ref("aws_glue_catalog_database.exports.name"),
            "table_type": "EXTERNAL_TABLE",
            "parameters": {"classification": "json"},
            "partition_keys": [{"name": "day", "type": "string", "comment": None}],
            "storage_descriptor": [
                {
                    "location": "s3://target-bucket/exports/AWSDynamoDB/",
                    "columns": [{"name": "item", "type": "string", "comment": ""}],
                    "input_format": "org.apache.hadoop.mapred.TextInputFormat",
                    "compressed": False,
                    "ser_de_info": [{"name": None, "serialization_library": "org.openx.data.jsonserde.JsonSerDe", "parameters": {"a": "b"}}],
                }
            ],
        },
        "aws_s3_account_public_access_block.this": {
            "block_public_acls": True,
            "block_public_policy": True,
            "ignore_public_acls": False,
            "restrict_public_buckets": False,
        },
        "aws_cloudwatch_metric_alarm.failed": {
            "alarm_name": "failed",
            "namespace": "AWS/S3",
            "metric_name": "OperationsFailedReplication",
            "dimensions": {"SourceBucket": "rich-bucket", "DestinationBucket": "target-bucket", "RuleId": "exports"},
            "statistic": "Sum",
            "period": 300,
            "evaluation_periods": 1,
            "threshold": 0,
            "comparison_operator": "GreaterThanThreshold",
            "treat_missing_data": "notBreaching",
            "alarm_actions": [ref("aws_sns_topic.herald.arn")],
            "actions_enabled": True,
        },
    }  # fmt: skip


def world():
    """Return the whole configuration as it stands after apply."""
    return Stack({**services(), **buckets()}, exists=True)
