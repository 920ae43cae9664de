"""Everything that is configured in some accounts, to be compared before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from auditor.standin.steps import ClientFactory

# facet: boto3's method, for a bucket
_BUCKET = {
    "Versioning": "get_bucket_versioning",
    "Replication": "get_bucket_replication",
    "Notification": "get_bucket_notification_configuration",
    "Lifecycle": "get_bucket_lifecycle_configuration",
    "Encryption": "get_bucket_encryption",
    "PublicAccess": "get_public_access_block",
    "Ownership": "get_bucket_ownership_controls",
    "Policy": "get_bucket_policy",
    "PolicyStatus": "get_bucket_policy_status",
    "Acl": "get_bucket_acl",
    "Logging": "get_bucket_logging",
    "RequestPayment": "get_bucket_request_payment",
    "ObjectLock": "get_object_lock_configuration",
    "Tagging": "get_bucket_tagging",
    "Cors": "get_bucket_cors",
    "Location": "get_bucket_location",
}
# Clocks, counters and paging differ between two looks at the same thing.
_FLEETING = frozenset(
    {
        "ResponseMetadata",
        "RevisionId",
        "LastModified",
        "LatestRestorableDateTime",
        "EarliestRestorableDateTime",
        "ItemCount",
        "TableSizeBytes",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "LastModifiedTimestamp",
        "RoleLastUsed",
        "IsTruncated",
    }
)
_DOCUMENTS = ("Policy", "RedrivePolicy", "EventPattern", "DeliveryPolicy", "EffectiveDeliveryPolicy")


def dump(
    clients: ClientFactory, accounts: Iterable[str] = ("111122223333", "444455556666"), regions: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the configuration by account, Region and resource; two looks at an unchanged AWS are equal.

    What is not configured is absent. regions: where to look beside ap-northeast-1. Objects and items are not in it.
    """
    looked = dict.fromkeys(("ap-northeast-1", *regions))
    return {
        account: {
            "buckets": dict(_buckets(clients, account, next(iter(looked)))),
            "roles": dict(_roles(clients("iam", account, "us-east-1"))),
            "policies": dict(_policies(clients("iam", account, "us-east-1"))),
            "regions": {region: _region(clients, account, region) for region in looked},
        }
        for account in accounts
    }


def _buckets(clients: ClientFactory, account: str, region: str) -> Iterator[tuple[str, Any]]:
    listed = clients("s3", account, region).list_buckets()["Buckets"]
    for name in sorted(bucket["Name"] for bucket in listed):
        place = clients("s3", account, region).get_bucket_location(Bucket=name).get("LocationConstraint")
        s3 = clients("s3", account, place or "us-east-1")
        looks = {facet: _look(getattr(s3, method), Bucket=name) for facet, method in _BUCKET.items()}
        yield name, {facet: answer for facet, answer in looks.items() if answer is not None}


def _roles(iam: Any) -> Iterator[tuple[str, Any]]:
    for role in _pages(iam, "list_roles", "Roles"):
        name = role["RoleName"]
        inline = _pages(iam, "list_role_policies", "PolicyNames", RoleName=name)
        yield (
            name,
            {
                "Role": _plain(iam.get_role(RoleName=name)["Role"]),
                "Inline": {
                    each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline
                },
                "Attached": sorted(
                    each["PolicyArn"]
                    for each in _pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
                ),
            },
        )


def _policies(iam: Any) -> Iterator[tuple[str, Any]]:
    for policy in _pages(iam, "list_policies", "Policies", Scope="Local"):
        arn = policy["Arn"]
        versions = _pages(iam, "list_policy_versions", "Versions", PolicyArn=arn)
        documents = {
            each["VersionId"]: iam.get_policy_version(PolicyArn=arn, VersionId=each["VersionId"])["PolicyVersion"]
            for each in versions
        }
        yield arn, {"Policy": _plain(policy), "Versions": _plain(documents)}


def _region(clients: ClientFactory, account: str, region: str) -> dict[str, Any]:
    def at(service: str) -> Any:
        return clients(service, account, region)

    return {
        "tables": dict(_tables(at("dynamodb"))),
        "functions": dict(_functions(at("lambda"))),
        "queues": dict(_queues(at("sqs"))),
        "topics": dict(_topics(at("sns"))),
        "keys": dict(_keys(at("kms"))),
        "rules": dict(_event_rules(at("events"))),
    }


def _tables(dynamodb: Any) -> Iterator[tuple[str, Any]]:
    for name in _pages(dynamodb, "list_tables", "TableNames"):
        table = _plain(dynamodb.describe_table(TableName=name)["Table"])
        yield (
            name,
            {
                "Table": table,
                "ContinuousBackups": _look(dynamodb.describe_continuous_backups, TableName=name),
                "Policy": _look(dynamodb.get_resource_policy, ResourceArn=table["TableArn"]),
                "TimeToLive": _look(dynamodb.describe_time_to_live, TableName=name),
                "Tags": _look(dynamodb.list_tags_of_resource, ResourceArn=table["TableArn"]),
            },
        )


def _functions(awslambda: Any) -> Iterator[tuple[str, Any]]:
    for function in _pages(awslambda, "list_functions", "Functions"):
        name = function["FunctionName"]
        yield name, {"Configuration": _plain(function), "Policy": _look(awslambda.get_policy, FunctionName=name)}


def _queues(sqs: Any) -> Iterator[tuple[str, Any]]:
    for url in sqs.list_queues().get("QueueUrls", []):
        yield url.rpartition("/")[2], _look(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])


def _topics(sns: Any) -> Iterator[tuple[str, Any]]:
    for topic in _pages(sns, "list_topics", "Topics"):
        arn = topic["TopicArn"]
        subscriptions = _pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        yield arn, {"Attributes": _look(sns.get_topic_attributes, TopicArn=arn), "Subscriptions": subscriptions}


def _keys(kms: Any) -> Iterator[tuple[str, Any]]:
    for key in _pages(kms, "list_keys", "Keys"):
        name = {"KeyId": key["KeyId"]}
        yield (
            key["KeyArn"],
            {
                "Key": _look(kms.describe_key, **name),
                "Policy": _look(kms.get_key_policy, PolicyName="default", **name),
                "Rotation": _look(kms.get_key_rotation_status, **name),
                "Grants": _look(kms.list_grants, **name),
                "Aliases": _look(kms.list_aliases, **name),
            },
        )


def _event_rules(events: Any) -> Iterator[tuple[str, Any]]:
    for rule in _pages(events, "list_rules", "Rules"):
        targets = _pages(events, "list_targets_by_rule", "Targets", Rule=rule["Name"])
        yield rule["Name"], {"Rule": _plain(rule), "Targets": _plain(targets)}


def _pages(client: Any, method: str, member: str, **params: Any) -> list[Any]:
    """Return the members of all pages, in a fixed order."""
    pages = (
        client.get_paginator(method).paginate(**params)
        if client.can_paginate(method)
        else [getattr(client, method)(**params)]
    )
    found = [each for page in pages for each in page.get(member, [])]
    return sorted(found, key=lambda each: json.dumps(each, sort_keys=True, default=str))


def _look(read: Callable[..., Any], **params: Any) -> Any:
    """Return what was answered, None for what does not exist; everything else is raised."""
    try:
        return _plain(read(**params))
    except Exception as error:
        status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if status == 404 or "NotFound" in code or code.startswith("NoSuch"):
            return None
        raise


def _plain(answer: Any) -> Any:
    """Return an answer without what is fleeting, its policy texts parsed, its times as text."""
    if isinstance(answer, dict):
        return {
            name: _parsed(value) if name in _DOCUMENTS else _plain(value)
            for name, value in sorted(answer.items())
            if name not in _FLEETING
        }
    if isinstance(answer, list):
        return [_plain(each) for each in answer]
    return answer if isinstance(answer, (str, int, float, bool, type(None))) else str(answer)


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else _plain(value)
    except ValueError:
        return value
