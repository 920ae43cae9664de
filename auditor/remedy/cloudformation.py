"""A change as CloudFormation: the resource's properties, in YAML, as they are after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from auditor.model import Json
from auditor.remedy.change import Change
from auditor.remedy.escaping import harmless
from auditor.remedy.templates import Template, admitted, arn_or_name, changed_policies, known, label, recovery

_HEARERS = {
    "LambdaFunctionConfigurations": ("LambdaConfigurations", "LambdaFunctionArn", "Function"),
    "QueueConfigurations": ("QueueConfigurations", "QueueArn", "Queue"),
    "TopicConfigurations": ("TopicConfigurations", "TopicArn", "Topic"),
}
_REPLICATION_NAMES = {"ID": "Id", "Tag": "TagFilter", "Tags": "TagFilters"}


def cloudformation(change: Change) -> str:
    """Return the resources that hold the change; a comment where CloudFormation has none for it."""
    import yaml

    make = _RESOURCES.get((change.target.kind, change.facet))
    if make is None:
        return f"# CloudFormation has no resource for {change.facet}."
    name = label(change).title().replace("_", "")
    templates = make(change)
    resources = {
        name + (str(number) if number else ""): {"Type": one.type, "Properties": dict(one.arguments)}
        for number, one in enumerate(templates)
    }
    # CloudFormation refuses YAML's aliases, which PyYAML writes for an object that stands twice.
    plain = json.loads(json.dumps({"Resources": resources}, default=str))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1_000)
    lines = [harmless(line) for line in text.rstrip("\n").split("\n")]
    if any(one.partial for one in templates):
        lines.append("      # … and the properties that it has already")
    return "\n".join(lines)


def _bucket(change: Change, **properties: Json) -> tuple[Template]:
    return (Template("AWS::S3::Bucket", {"BucketName": change.target.id, **properties}, partial=True),)


def _renamed(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {_REPLICATION_NAMES.get(key, key): _renamed(part) for key, part in value.items()}
    return [_renamed(part) for part in value] if isinstance(value, list) else value


def _lifecycle(change: Change) -> tuple[Template]:
    size = change.after.get("TransitionDefaultMinimumObjectSize")
    rules = [_lifecycle_rule(rule) for rule in change.after["Rules"]]
    return _bucket(change, LifecycleConfiguration=known({"Rules": rules, "TransitionDefaultMinimumObjectSize": size}))


def _lifecycle_rule(rule: Mapping[str, Json]) -> dict[str, Json]:
    """Return a rule in CloudFormation's flat form."""
    filters = dict(rule.get("Filter") or {})
    filters |= filters.pop("And", {})
    tags = [*filters.get("Tags", []), *([filters["Tag"]] if "Tag" in filters else [])]
    sizes = {key: str(filters[key]) for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if key in filters}
    expiration = rule.get("Expiration") or {}
    return known(
        {
            "Id": rule.get("ID"),
            "Status": rule.get("Status"),
            "Prefix": rule.get("Prefix", filters.get("Prefix")) or None,
            "TagFilters": tags or None,
            **sizes,
            "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
            "ExpirationInDays": expiration.get("Days"),
            "ExpirationDate": expiration.get("Date"),
            "ExpiredObjectDeleteMarker": expiration.get("ExpiredObjectDeleteMarker"),
            "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
            "Transitions": [_transition(one) for one in rule.get("Transitions", [])] or None,
            "NoncurrentVersionTransitions": [_transition(one) for one in rule.get("NoncurrentVersionTransitions", [])]
            or None,
        }
    )


def _transition(transition: Mapping[str, Json]) -> dict[str, Json]:
    names = {"Days": "TransitionInDays", "Date": "TransitionDate", "NoncurrentDays": "TransitionInDays"}
    return {names.get(key, key): value for key, value in transition.items()}


def _notification(change: Change) -> tuple[Template]:
    configuration: dict[str, Json] = {}
    for name, (theirs, arn, key) in _HEARERS.items():
        entries = [one for entry in change.after.get(name) or [] for one in _hearers(entry, arn, key)]
        if entries:
            configuration[theirs] = entries
    if "EventBridgeConfiguration" in change.after:
        configuration["EventBridgeConfiguration"] = {"EventBridgeEnabled": True}
    return _bucket(change, NotificationConfiguration=configuration)


def _hearers(entry: Mapping[str, Json], arn: str, key: str) -> Iterator[dict[str, Json]]:
    """Yield one entry an event: CloudFormation's `Event` is a single name."""
    rules = ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    named = [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]
    filters = {"Filter": {"S3Key": {"Rules": named}}} if named else {}
    for event in entry["Events"]:
        yield {"Event": event, key: entry[arn], **filters}


def _encryption(change: Change) -> tuple[Template]:
    names = {"ApplyServerSideEncryptionByDefault": "ServerSideEncryptionByDefault"}
    rules = [{names.get(key, key): value for key, value in rule.items()} for rule in change.after["Rules"]]
    return _bucket(change, BucketEncryption={"ServerSideEncryptionConfiguration": rules})


def _logging(change: Change) -> tuple[Template]:
    enabled = change.after.get("LoggingEnabled") or {}
    names = {"DestinationBucketName": enabled.get("TargetBucket"), "LogFilePrefix": enabled.get("TargetPrefix")}
    return _bucket(change, LoggingConfiguration=known(names))


def _table(change: Change) -> tuple[Template]:
    if change.facet == "Description":
        properties: dict[str, Json] = {"DeletionProtectionEnabled": bool(change.after.get("DeletionProtectionEnabled"))}
    elif change.facet == "Policy":
        properties = {"ResourcePolicy": {"PolicyDocument": change.after}}
    else:
        on, days = recovery(change.after)
        specification = known({"PointInTimeRecoveryEnabled": on, "RecoveryPeriodInDays": days})
        properties = {"PointInTimeRecoverySpecification": specification}
    return (Template("AWS::DynamoDB::Table", {"TableName": change.target.id, **properties}, partial=True),)


def _inline(change: Change) -> tuple[Template, ...]:
    return tuple(
        Template(
            "AWS::IAM::RolePolicy",
            {"RoleName": arn_or_name(change), "PolicyName": name, "PolicyDocument": document},
        )
        for name, document in changed_policies(change).items()
    )


def _trust(change: Change) -> tuple[Template]:
    properties = {"RoleName": arn_or_name(change), "AssumeRolePolicyDocument": change.after}
    return (Template("AWS::IAM::Role", properties, partial=True),)


def _permissions(change: Change) -> tuple[Template, ...]:
    return tuple(
        Template("AWS::Lambda::Permission", _permission(call.params))
        for call in change.do
        if call.operation == "AddPermission"
    )


def _permission(params: Mapping[str, Json]) -> dict[str, Json]:
    function = params["FunctionName"] + (f":{params['Qualifier']}" if "Qualifier" in params else "")
    kept = {key: value for key, value in params.items() if key not in {"FunctionName", "Qualifier", "StatementId"}}
    return {"FunctionName": function, **kept}


def _receivers(change: Change) -> tuple[Template, ...]:
    forms = {"sqs": ("AWS::SQS::QueuePolicy", "Queues"), "sns": ("AWS::SNS::TopicPolicy", "Topics")}
    found = ((*forms[service], where, policy) for service, where, policy in admitted(change))
    set_to = (Template(kind, {name: [where], "PolicyDocument": policy}) for kind, name, where, policy in found)
    return (*_permissions(change), *set_to)


def _queue(change: Change) -> tuple[Template]:
    set_to = change.do[0].params["Attributes"] if change.do else {}
    properties = {
        key: value == "true" if value in {"true", "false"} else value for key, value in set_to.items() if value
    }
    return (Template("AWS::SQS::Queue", {"QueueName": change.target.id, **properties}, partial=True),)


def _rotation(change: Change) -> tuple[Template]:
    days = change.after.get("RotationPeriodInDays")
    properties = {"EnableKeyRotation": bool(change.after.get("KeyRotationEnabled")), "RotationPeriodInDays": days}
    return (Template("AWS::KMS::Key", known(properties), partial=True),)


def _key_policy(change: Change) -> tuple[Template]:
    return (Template("AWS::KMS::Key", {"KeyPolicy": change.after}, partial=True),)


def _event_rule(change: Change) -> tuple[Template]:
    names = ("EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
    params = change.do[0].params
    properties = {"Name": params.get("Name"), "EventBusName": params.get("EventBusName")}
    return (Template("AWS::Events::Rule", known({**properties, **{key: change.after.get(key) for key in names}})),)


def _policy(kind: str, argument: str, *, listed: bool = False) -> Callable[[Change], tuple[Template, ...]]:
    def make(change: Change) -> tuple[Template, ...]:
        name = arn_or_name(change)
        return (Template(kind, {argument: [name] if listed else name, "PolicyDocument": change.after}),)

    return make


_RESOURCES: Mapping[tuple[str, str], Callable[[Change], tuple[Template, ...]]] = {
    ("s3.bucket", "Versioning"): lambda change: _bucket(
        change, VersioningConfiguration={"Status": change.after["Status"]}
    ),
    ("s3.bucket", "Replication"): lambda change: _bucket(change, ReplicationConfiguration=_renamed(change.after)),
    ("s3.bucket", "Lifecycle"): _lifecycle,
    ("s3.bucket", "Notification"): _notification,
    ("s3.bucket", "Encryption"): _encryption,
    ("s3.bucket", "Logging"): _logging,
    ("s3.bucket", "Policy"): _policy("AWS::S3::BucketPolicy", "Bucket"),
    ("s3.bucket", "PublicAccessBlock"): lambda change: _bucket(
        change, PublicAccessBlockConfiguration=dict(change.after)
    ),
    ("s3.bucket", "OwnershipControls"): lambda change: _bucket(change, OwnershipControls=dict(change.after)),
    ("dynamodb.table", "ContinuousBackups"): _table,
    ("dynamodb.table", "Description"): _table,
    ("dynamodb.table", "Policy"): _table,
    ("iam.role", "Trust"): _trust,
    ("iam.role", "InlinePolicies"): _inline,
    ("lambda.function", "Policy"): _permissions,
    ("sqs.queue", "Policy"): _policy("AWS::SQS::QueuePolicy", "Queues", listed=True),
    ("sqs.queue", "Attributes"): _queue,
    ("sns.topic", "Policy"): _policy("AWS::SNS::TopicPolicy", "Topics", listed=True),
    ("kms.key", "Policy"): _key_policy,
    ("kms.key", "Rotation"): _rotation,
    ("events.rule", "Rule"): _event_rule,
    ("events.rule", "TargetPolicies"): _receivers,
}
