"""What Terraform's provider would call for the resources of a stack, made on the stand-in with boto3."""

import io
import zipfile

_FLAGS = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}


def deploy(stack, client):
    """Make every resource of a stack in its order; `client(service)` is a boto3 client. Returns the ids of KMS keys."""
    keys = {}
    for address in sorted(stack.resources, key=_rank):
        kind = address.split(".")[0]
        made = MAKERS[kind](client, stack.values(address))
        if kind == "aws_kms_key":
            keys[address] = made
            # Terraform learns the id when the key is made, and everything that refers to it then.
            stack.told[address] = {
                "id": made,
                "key_id": made,
                "arn": f"arn:aws:kms:ap-northeast-1:111122223333:key/{made}",
            }
            stack._values.clear()
    return keys


_ORDER = ("aws_kms_key", "aws_iam_policy.", "aws_iam_role.", "aws_sqs_queue.", "aws_sns_topic.", "aws_lambda_function.", "aws_cloudwatch_event_rule", "aws_glue_catalog_database", "aws_dynamodb_table", "aws_s3_bucket.target", "aws_s3_bucket.log", "aws_s3_bucket_policy.log", "aws_s3_bucket_versioning.target", "aws_s3_bucket.", "aws_s3_bucket_versioning", "aws_lambda_permission", "aws_sns_topic_policy")  # fmt: skip


def _rank(address):
    return next((index for index, head in enumerate(_ORDER) if address.startswith(head)), len(_ORDER))


def _one(values, name):
    listed = values.get(name) or []
    return listed[0] if listed else {}


def _given(values, names):
    return {api: values[name] for name, api in names.items() if values.get(name) not in (None, "", [], {})}


def _bucket(client, said):
    s3, bucket = client("s3"), said["bucket"]
    locked = {"ObjectLockEnabledForBucket": True} if said.get("object_lock_enabled") else {}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}, **locked)
    if said["versioning"]:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    if said["request_payer"] != "BucketOwner":
        s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": said["request_payer"]})
    if said["lifecycle_rule"]:
        (one,) = said["lifecycle_rule"]
        rule = {
            "ID": one["id"],
            "Status": "Enabled",
            "Filter": {"Prefix": one["prefix"]},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": one["abort_incomplete_multipart_upload_days"]},
            "Expiration": {"Days": one["expiration"][0]["days"]},
            "NoncurrentVersionExpiration": {"NoncurrentDays": one["noncurrent_version_expiration"][0]["days"]},
            "Transitions": [{"Days": 0, "StorageClass": one["transition"][0]["storage_class"]}],
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 2, "StorageClass": "GLACIER"}],
        }
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    if said["logging"]:
        (one,) = said["logging"]
        target = {"TargetBucket": one["target_bucket"], "TargetPrefix": one["target_prefix"]}
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
    if said["replication_configuration"]:
        _old_replication(s3, bucket, said["replication_configuration"][0])


def _old_replication(s3, bucket, said):
    (one,) = said["rules"]
    metrics = {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}
    rule = {
        "ID": one["id"],
        "Status": "Enabled",
        "Priority": one["priority"],
        "Filter": {"And": {"Prefix": "e/", "Tags": [{"Key": "class", "Value": "x"}]}},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Disabled"}},
        "Destination": {"Bucket": one["destination"][0]["bucket"], "Metrics": metrics},
    }
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": said["role"], "Rules": [rule]})


def _versioning(client, said):
    status = said["versioning_configuration"][0]["status"]
    client("s3").put_bucket_versioning(Bucket=said["bucket"], VersioningConfiguration={"Status": status})


def _replication(client, said):
    (one,) = said["rule"]
    target = one["destination"][0]
    destination = _given(target, {"bucket": "Bucket", "account": "Account", "storage_class": "StorageClass"})
    if target.get("access_control_translation"):
        destination["AccessControlTranslation"] = {"Owner": "Destination"}
        key = target["encryption_configuration"][0]["replica_kms_key_id"]
        destination["EncryptionConfiguration"] = {"ReplicaKmsKeyID": key}
        destination["ReplicationTime"] = {"Status": "Enabled", "Time": {"Minutes": 15}}
        destination["Metrics"] = {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}
    rule = {"ID": one["id"], "Status": one["status"], "Destination": destination}
    if one["filter"]:
        both = one["filter"][0]["and"][0]
        tags = [{"Key": key, "Value": value} for key, value in both["tags"].items()]
        rule |= {
            "Filter": {"And": {"Prefix": both["prefix"], "Tags": tags}},
            "Priority": one["priority"],
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "SourceSelectionCriteria": {
                "SseKmsEncryptedObjects": {"Status": "Enabled"},
                "ReplicaModifications": {"Status": "Enabled"},
            },
        }
    else:
        rule["Prefix"] = one["prefix"]
    configuration = {"Role": said["role"], "Rules": [rule]}
    client("s3").put_bucket_replication(Bucket=said["bucket"], ReplicationConfiguration=configuration)


def _scope(one):
    block = _one(one, "filter")
    both, tag = _one(block, "and"), _one(block, "tag")
    if both:
        tags = [{"Key": key, "Value": value} for key, value in both["tags"].items()]
        names = {"object_size_greater_than": "ObjectSizeGreaterThan", "object_size_less_than": "ObjectSizeLessThan"}
        return {"Filter": {"And": {"Prefix": both["prefix"], "Tags": tags, **_given(both, names)}}}
    if tag:
        return {"Filter": {"Tag": {"Key": tag["key"], "Value": tag["value"]}}}
    if block.get("object_size_greater_than"):
        return {"Filter": {"ObjectSizeGreaterThan": block["object_size_greater_than"]}}
    return {"Filter": {"Prefix": block.get("prefix") or ""}} if block else {"Prefix": one["prefix"]}


def _lifecycle(client, said):
    rules = []
    for one in said["rule"]:
        expiration = _one(one, "expiration")
        names = {"days": "Days", "date": "Date", "expired_object_delete_marker": "ExpiredObjectDeleteMarker"}
        kept = {key: value for key, value in expiration.items() if value}
        rule = {"ID": one["id"], "Status": one["status"], **_scope(one), "Expiration": _given(kept, names)}
        if one.get("transition"):
            rule["Transitions"] = [{"Days": 30, "StorageClass": "STANDARD_IA"}]
            rule["NoncurrentVersionTransitions"] = [{"NoncurrentDays": 10, "StorageClass": "GLACIER"}]
            rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 30, "NewerNoncurrentVersions": 2}
            rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 3}
        rules.append(rule)
    size = said.get("transition_default_minimum_object_size")
    client("s3").put_bucket_lifecycle_configuration(
        Bucket=said["bucket"],
        LifecycleConfiguration={"Rules": rules},
        **({"TransitionDefaultMinimumObjectSize": size} if size else {}),
    )


def _notification(client, said):
    made = {"EventBridgeConfiguration": {}} if said["eventbridge"] else {}
    for name, arn, api, member in (
        ("lambda_function", "lambda_function_arn", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("queue", "queue_arn", "QueueConfigurations", "QueueArn"),
        ("topic", "topic_arn", "TopicConfigurations", "TopicArn"),
    ):
        for one in said[name]:
            words = {"filter_prefix": "prefix", "filter_suffix": "suffix"}
            rules = [{"Name": word, "Value": one[key]} for key, word in words.items() if one.get(key)]
            entry = {"Id": one["id"], member: one[arn], "Events": one["events"]}
            made.setdefault(api, []).append(entry | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {}))
    client("s3").put_bucket_notification_configuration(
        Bucket=said["bucket"], NotificationConfiguration=made, SkipDestinationValidation=True
    )


def _flags(said):
    return {api: bool(said.get(name)) for name, api in _FLAGS.items()}


def _encryption(client, said):
    (one,) = said["rule"]
    default = one["apply_server_side_encryption_by_default"][0]
    by_default = {"SSEAlgorithm": default["sse_algorithm"], "KMSMasterKeyID": default["kms_master_key_id"]}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": one["bucket_key_enabled"]}
    client("s3").put_bucket_encryption(Bucket=said["bucket"], ServerSideEncryptionConfiguration={"Rules": [rule]})


def _logging(client, said):
    key = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    target = {
        "TargetBucket": said["target_bucket"],
        "TargetPrefix": said["target_prefix"],
        "TargetObjectKeyFormat": key,
    }
    client("s3").put_bucket_logging(Bucket=said["bucket"], BucketLoggingStatus={"LoggingEnabled": target})


def _lock(client, said):
    retention = said["rule"][0]["default_retention"][0]
    rule = {"DefaultRetention": {"Mode": retention["mode"], "Days": retention["days"]}}
    client("s3").put_object_lock_configuration(
        Bucket=said["bucket"], ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )


def _table(client, said):
    tables = client("dynamodb")
    tables.create_table(
        TableName=said["name"],
        KeySchema=[{"AttributeName": said["hash_key"], "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": one["name"], "AttributeType": one["type"]} for one in said["attribute"]
        ],
        BillingMode=said["billing_mode"],
        DeletionProtectionEnabled=bool(said["deletion_protection_enabled"]),
    )
    recovery = _one(said, "point_in_time_recovery")
    if recovery["enabled"]:
        period = recovery["recovery_period_in_days"]
        specification = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": period}
        tables.update_continuous_backups(TableName=said["name"], PointInTimeRecoverySpecification=specification)


def _role(client, said):
    iam = client("iam")
    names = {
        "description": "Description",
        "max_session_duration": "MaxSessionDuration",
        "permissions_boundary": "PermissionsBoundary",
    }
    iam.create_role(RoleName=said["name"], AssumeRolePolicyDocument=said["assume_role_policy"], **_given(said, names))
    for one in said["inline_policy"]:
        iam.put_role_policy(RoleName=said["name"], PolicyName=one["name"], PolicyDocument=one["policy"])


def _attachment(client, said):
    for role in said.get("roles") or [said.get("role")]:
        client("iam").attach_role_policy(RoleName=role, PolicyArn=said["policy_arn"])


def _function(client, said):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): ...\n")
    names = {"description": "Description", "timeout": "Timeout", "memory_size": "MemorySize"}
    functions = client("lambda")
    functions.create_function(
        FunctionName=said["function_name"],
        Role=said["role"],
        Runtime=said["runtime"],
        Handler=said["handler"],
        Code={"ZipFile": packed.getvalue()},
        **_given(said, names),
    )
    if said["reserved_concurrent_executions"] >= 0:
        functions.put_function_concurrency(
            FunctionName=said["function_name"], ReservedConcurrentExecutions=said["reserved_concurrent_executions"]
        )


def _permission(client, said):
    names = {"source_arn": "SourceArn", "source_account": "SourceAccount"}
    client("lambda").add_permission(
        FunctionName=said["function_name"].rpartition(":")[2],
        StatementId=said["statement_id"],
        Action=said["action"],
        Principal=said["principal"],
        **_given(said, names),
    )


def _retries(client, said):
    destination = said["destination_config"][0]["on_failure"][0]["destination"]
    client("lambda").put_function_event_invoke_config(
        FunctionName=said["function_name"],
        MaximumRetryAttempts=said["maximum_retry_attempts"],
        MaximumEventAgeInSeconds=said["maximum_event_age_in_seconds"],
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )


def _queue(client, said):
    names = {
        "visibility_timeout_seconds": "VisibilityTimeout",
        "message_retention_seconds": "MessageRetentionPeriod",
        "kms_master_key_id": "KmsMasterKeyId",
        "policy": "Policy",
    }
    made = {api: str(value) for api, value in _given(said, names).items()}
    flags = {"fifo_queue": "FifoQueue", "content_based_deduplication": "ContentBasedDeduplication"}
    made |= {api: "true" for name, api in flags.items() if said.get(name)}
    if not said["kms_master_key_id"]:
        made["SqsManagedSseEnabled"] = "true" if said["sqs_managed_sse_enabled"] else "false"
    client("sqs").create_queue(QueueName=said["name"], Attributes=made)


def _queue_policy(client, said):
    client("sqs").set_queue_attributes(QueueUrl=said["queue_url"], Attributes={"Policy": said["policy"]})


def _topic(client, said):
    names = {"display_name": "DisplayName", "kms_master_key_id": "KmsMasterKeyId"}
    client("sns").create_topic(Name=said["name"], Attributes=_given(said, names))


def _rule(client, said):
    names = {"event_pattern": "EventPattern", "schedule_expression": "ScheduleExpression", "description": "Description"}
    state = said.get("state") or ("ENABLED" if said.get("is_enabled", True) else "DISABLED")
    client("events").put_rule(Name=said["name"], State=state, **_given(said, names))


def _target(client, said):
    retry = said["retry_policy"][0]
    target = {
        "Id": said["target_id"],
        "Arn": said["arn"],
        "DeadLetterConfig": {"Arn": said["dead_letter_config"][0]["arn"]},
        "RetryPolicy": {
            "MaximumRetryAttempts": retry["maximum_retry_attempts"],
            "MaximumEventAgeInSeconds": retry["maximum_event_age_in_seconds"],
        },
    }
    client("events").put_targets(Rule=said["rule"], Targets=[target])


def _key(client, said):
    keys = client("kms")
    names = {"policy": "Policy", "description": "Description"}
    made = keys.create_key(**_given(said, names))["KeyMetadata"]["KeyId"]
    if said["enable_key_rotation"]:
        keys.enable_key_rotation(KeyId=made)
    return made


def _catalog_table(client, said):
    stored = said["storage_descriptor"][0]
    serde = stored["ser_de_info"][0]
    columns = {"name": "Name", "type": "Type", "comment": "Comment"}
    descriptor = {
        "Location": stored["location"],
        "Columns": [_given(one, columns) for one in stored["columns"]],
        "InputFormat": stored["input_format"],
        "Compressed": stored["compressed"],
        "SerdeInfo": {"SerializationLibrary": serde["serialization_library"], "Parameters": serde["parameters"]},
    }
    table = {
        "Name": said["name"],
        "TableType": said["table_type"],
        "Parameters": said["parameters"],
        "PartitionKeys": [_given(one, columns) for one in said["partition_keys"]],
        "StorageDescriptor": descriptor,
    }
    client("glue").create_table(DatabaseName=said["database_name"], TableInput=table)


def _alarm(client, said):
    client("cloudwatch").put_metric_alarm(
        AlarmName=said["alarm_name"],
        Namespace=said["namespace"],
        MetricName=said["metric_name"],
        Dimensions=[{"Name": name, "Value": value} for name, value in said["dimensions"].items()],
        Statistic=said["statistic"],
        Period=said["period"],
        EvaluationPeriods=said["evaluation_periods"],
        Threshold=said["threshold"],
        ComparisonOperator=said["comparison_operator"],
        TreatMissingData=said["treat_missing_data"],
        AlarmActions=said["alarm_actions"],
        ActionsEnabled=said["actions_enabled"],
    )


MAKERS = {
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_versioning": _versioning,
    "aws_s3_bucket_replication_configuration": _replication,
    "aws_s3_bucket_lifecycle_configuration": _lifecycle,
    "aws_s3_bucket_notification": _notification,
    "aws_s3_bucket_policy": lambda client, said: client("s3").put_bucket_policy(
        Bucket=said["bucket"], Policy=said["policy"]
    ),
    "aws_s3_bucket_public_access_block": lambda client, said: client("s3").put_public_access_block(
        Bucket=said["bucket"], PublicAccessBlockConfiguration=_flags(said)
    ),
    "aws_s3_bucket_ownership_controls": lambda client, said: client("s3").put_bucket_ownership_controls(
        Bucket=said["bucket"],
        OwnershipControls={"Rules": [{"ObjectOwnership": said["rule"][0]["object_ownership"]}]},
    ),
    "aws_s3_bucket_server_side_encryption_configuration": _encryption,
    "aws_s3_bucket_logging": _logging,
    "aws_s3_bucket_request_payment_configuration": lambda client, said: client("s3").put_bucket_request_payment(
        Bucket=said["bucket"], RequestPaymentConfiguration={"Payer": said["payer"]}
    ),
    "aws_s3_bucket_object_lock_configuration": _lock,
    "aws_s3_account_public_access_block": lambda client, said: client("s3control").put_public_access_block(
        AccountId="111122223333", PublicAccessBlockConfiguration=_flags(said)
    ),
    "aws_dynamodb_table": _table,
    "aws_dynamodb_resource_policy": lambda client, said: client("dynamodb").put_resource_policy(
        ResourceArn=said["resource_arn"], Policy=said["policy"]
    ),
    "aws_iam_role": _role,
    "aws_iam_role_policy": lambda client, said: client("iam").put_role_policy(
        RoleName=said["role"], PolicyName=said["name"], PolicyDocument=said["policy"]
    ),
    "aws_iam_policy": lambda client, said: client("iam").create_policy(
        PolicyName=said["name"], PolicyDocument=said["policy"]
    ),
    "aws_iam_role_policy_attachment": _attachment,
    "aws_iam_policy_attachment": _attachment,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_lambda_function_event_invoke_config": _retries,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _queue_policy,
    "aws_sns_topic": _topic,
    "aws_sns_topic_policy": lambda client, said: client("sns").set_topic_attributes(
        TopicArn=said["arn"], AttributeName="Policy", AttributeValue=said["policy"]
    ),
    "aws_cloudwatch_event_rule": _rule,
    "aws_cloudwatch_event_target": _target,
    "aws_kms_key": _key,
    "aws_kms_alias": lambda client, said: client("kms").create_alias(
        AliasName=said["name"], TargetKeyId=said["target_key_id"]
    ),
    "aws_glue_catalog_database": lambda client, said: client("glue").create_database(
        DatabaseInput={"Name": said["name"]}
    ),
    "aws_glue_catalog_table": _catalog_table,
    "aws_cloudwatch_metric_alarm": _alarm,
}
