"""A change as Terraform: the resource, in HCL, with the arguments as they are after it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from auditor.model import Json
from auditor.remedy.change import Change
from auditor.remedy.escaping import json_text
from auditor.remedy.templates import (
    Block,
    Policy,
    Template,
    admitted,
    arn_or_name,
    changed_policies,
    known,
    label,
    recovery,
)

_NAMES = {
    "Rules": "rule",
    "Transitions": "transition",
    "NoncurrentVersionTransitions": "noncurrent_version_transition",
}
_HEARERS = {
    "LambdaFunctionConfigurations": ("lambda_function", "LambdaFunctionArn"),
    "QueueConfigurations": ("queue", "QueueArn"),
    "TopicConfigurations": ("topic", "TopicArn"),
}
_IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")


def terraform(change: Change) -> str:
    """Return the resources that hold the change; a comment where Terraform has none for it."""
    make = _RESOURCES.get((change.target.kind, change.facet))
    if make is None:
        return f"# Terraform has no resource for {change.facet}."
    return "\n\n".join(_resource(template, label(change)) for template in make(change))


def _resource(template: Template, name: str) -> str:
    lines = [f'resource "{template.type}" "{name}" {{', *_body(template.arguments, 1)]
    if template.partial:
        lines.append("  # … and the arguments that it has already")
    return "\n".join([*lines, "}"])


def _body(arguments: Mapping[str, Json], depth: int) -> Iterator[str]:
    indent = "  " * depth
    plain = {name: value for name, value in arguments.items() if not _is_blocks(value)}
    yield from _assigned([(name, _expression(value, depth)) for name, value in plain.items()], indent)
    for name, value in arguments.items():
        for one in (value if isinstance(value, list) else [value]) if _is_blocks(value) else ():
            inner = list(_body(one.body, depth + 1))
            yield from [f"{indent}{name} {{", *inner, f"{indent}}}"] if inner else [f"{indent}{name} {{}}"]


def _is_blocks(value: Json) -> bool:
    return isinstance(value, Block) or (isinstance(value, list) and bool(value) and isinstance(value[0], Block))


def _assigned(pairs: list[tuple[str, str]], indent: str) -> Iterator[str]:
    """Yield `name = value` lines as `terraform fmt` lays them out: signs aligned where one-line values follow another."""
    row: list[tuple[str, str]] = []
    for name, value in pairs:
        row.append((name, value))
        if "\n" in value:
            yield from _aligned(row, indent)
            row = []
    yield from _aligned(row, indent)


def _aligned(row: list[tuple[str, str]], indent: str) -> Iterator[str]:
    one_line = [name for name, value in row if "\n" not in value]
    widest = max(map(len, one_line), default=0)
    for name, value in row:
        yield f"{indent}{name if chr(10) in value else name.ljust(widest)} = {value}"


def _expression(value: Json, depth: int) -> str:
    if isinstance(value, Policy):
        return f"jsonencode({_expression(value.document, depth)})"
    indent, closing = "  " * (depth + 1), "  " * depth
    if isinstance(value, Mapping):
        lines = list(_assigned([(_key(name), _expression(part, depth + 1)) for name, part in value.items()], indent))
        return "\n".join(["{", *lines, f"{closing}}}"]) if lines else "{}"
    if isinstance(value, list | tuple):
        if all(isinstance(one, str | int | float) for one in value):
            return "[" + ", ".join(_expression(one, depth) for one in value) + "]"
        lines = [f"{indent}{_expression(one, depth + 1)}," for one in value]
        return "\n".join(["[", *lines, f"{closing}]"])
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Return a string literal of HCL, in which `${` and `%{` would begin a template."""
    return json_text(text).replace("${", "$${").replace("%{", "%%{")


def _key(name: str) -> str:
    return name if _IDENTIFIER.match(name) else _quoted(name)


def snake(name: str) -> str:
    """Return an AWS field's name as Terraform spells it: `ReplicaKmsKeyID` is `replica_kms_key_id`."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return _NAMES.get(name, split.lower())


def _blocks(document: Mapping[str, Json]) -> dict[str, Json]:
    """Return AWS's nested mappings and lists of mappings as blocks, all names in Terraform's spelling."""
    result: dict[str, Json] = {}
    for name, value in document.items():
        if name == "Tags":
            result["tags"] = {tag["Key"]: tag["Value"] for tag in value}
        elif isinstance(value, Mapping):
            result[snake(name)] = Block(_blocks(value))
        elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
            result[snake(name)] = [Block(_blocks(one)) for one in value]
        else:
            result[snake(name)] = value
    return result


def _bucket(kind: str, arguments: Mapping[str, Json], change: Change) -> tuple[Template]:
    return (Template(kind, {"bucket": change.target.id, **arguments}),)


def _versioning(change: Change) -> tuple[Template]:
    block = Block({"status": change.after["Status"]})
    return _bucket("aws_s3_bucket_versioning", {"versioning_configuration": block}, change)


def _replication(change: Change) -> tuple[Template]:
    return _bucket("aws_s3_bucket_replication_configuration", _blocks(change.after), change)


def _lifecycle(change: Change) -> tuple[Template]:
    return _bucket("aws_s3_bucket_lifecycle_configuration", _blocks(change.after), change)


def _notification(change: Change) -> tuple[Template]:
    arguments: dict[str, Json] = {"eventbridge": True} if "EventBridgeConfiguration" in change.after else {}
    for name, (block, arn) in _HEARERS.items():
        entries = change.after.get(name) or []
        if entries:
            arguments[block] = [Block(_hearer(entry, arn)) for entry in entries]
    return _bucket("aws_s3_bucket_notification", arguments, change)


def _hearer(entry: Mapping[str, Json], arn: str) -> dict[str, Json]:
    rules = ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    filters = {f"filter_{rule['Name'].lower()}": rule["Value"] for rule in rules}
    return known({"id": entry.get("Id"), snake(arn): entry[arn], "events": entry["Events"], **filters})


def _encryption(change: Change) -> tuple[Template]:
    rules = [
        {key: part for key, part in rule.items() if key != "BlockedEncryptionTypes"} for rule in change.after["Rules"]
    ]
    kind = "aws_s3_bucket_server_side_encryption_configuration"
    return _bucket(kind, _blocks({"Rules": rules}), change)


def _logging(change: Change) -> tuple[Template]:
    enabled = change.after.get("LoggingEnabled") or {}
    arguments = {"target_bucket": enabled.get("TargetBucket"), "target_prefix": enabled.get("TargetPrefix", "")}
    return _bucket("aws_s3_bucket_logging", known(arguments), change)


def _table(change: Change) -> tuple[Template]:
    if change.facet == "Description":
        arguments: dict[str, Json] = {
            "deletion_protection_enabled": bool(change.after.get("DeletionProtectionEnabled"))
        }
    else:
        on, days = recovery(change.after)
        arguments = {"point_in_time_recovery": Block(known({"enabled": on, "recovery_period_in_days": days}))}
    return (Template("aws_dynamodb_table", {"name": change.target.id, **arguments}, partial=True),)


def _inline(change: Change) -> tuple[Template, ...]:
    return tuple(
        Template("aws_iam_role_policy", {"name": name, "role": arn_or_name(change), "policy": Policy(document)})
        for name, document in changed_policies(change).items()
    )


def _trust(change: Change) -> tuple[Template]:
    arguments = {"name": arn_or_name(change), "assume_role_policy": Policy(change.after)}
    return (Template("aws_iam_role", arguments, partial=True),)


def _permissions(change: Change) -> tuple[Template, ...]:
    return tuple(
        Template("aws_lambda_permission", {snake(name): value for name, value in call.params.items()})
        for call in change.do
        if call.operation == "AddPermission"
    )


def _receivers(change: Change) -> tuple[Template, ...]:
    forms = {"sqs": ("aws_sqs_queue_policy", "queue_url"), "sns": ("aws_sns_topic_policy", "arn")}
    found = ((*forms[service], where, policy) for service, where, policy in admitted(change))
    set_to = (Template(kind, {name: where, "policy": Policy(policy)}) for kind, name, where, policy in found)
    return (*_permissions(change), *set_to)


def _queue(change: Change) -> tuple[Template]:
    known_keys = {"KmsMasterKeyId": "kms_master_key_id", "SqsManagedSseEnabled": "sqs_managed_sse_enabled"}
    set_to = change.do[0].params["Attributes"] if change.do else {}
    arguments = {known_keys[key]: _boolean(value) for key, value in set_to.items() if key in known_keys and value}
    return (Template("aws_sqs_queue", {"name": change.target.id, **arguments}, partial=True),)


def _boolean(value: Json) -> Json:
    return value == "true" if value in {"true", "false"} else value


def _rotation(change: Change) -> tuple[Template]:
    days = change.after.get("RotationPeriodInDays")
    arguments = {"enable_key_rotation": bool(change.after.get("KeyRotationEnabled")), "rotation_period_in_days": days}
    return (Template("aws_kms_key", known(arguments), partial=True),)


def _event_rule(change: Change) -> tuple[Template]:
    pattern = change.after.get("EventPattern")
    arguments = {
        "name": change.do[0].params.get("Name"),
        "event_bus_name": change.do[0].params.get("EventBusName"),
        "event_pattern": Policy(pattern) if pattern is not None else None,
        "schedule_expression": change.after.get("ScheduleExpression"),
        "state": change.after.get("State"),
    }
    return (Template("aws_cloudwatch_event_rule", known(arguments)),)


def _policy(kind: str, argument: str) -> Callable[[Change], tuple[Template, ...]]:
    return lambda change: (Template(kind, {argument: arn_or_name(change), "policy": Policy(change.after)}),)


_RESOURCES: Mapping[tuple[str, str], Callable[[Change], tuple[Template, ...]]] = {
    ("s3.bucket", "Versioning"): _versioning,
    ("s3.bucket", "Replication"): _replication,
    ("s3.bucket", "Lifecycle"): _lifecycle,
    ("s3.bucket", "Notification"): _notification,
    ("s3.bucket", "Encryption"): _encryption,
    ("s3.bucket", "Logging"): _logging,
    ("s3.bucket", "Policy"): _policy("aws_s3_bucket_policy", "bucket"),
    ("s3.bucket", "PublicAccessBlock"): lambda change: _bucket(
        "aws_s3_bucket_public_access_block", _blocks(change.after), change
    ),
    ("s3.bucket", "OwnershipControls"): lambda change: _bucket(
        "aws_s3_bucket_ownership_controls", _blocks(change.after), change
    ),
    ("dynamodb.table", "ContinuousBackups"): _table,
    ("dynamodb.table", "Description"): _table,
    ("dynamodb.table", "Policy"): _policy("aws_dynamodb_resource_policy", "resource_arn"),
    ("iam.role", "Trust"): _trust,
    ("iam.role", "InlinePolicies"): _inline,
    ("lambda.function", "Policy"): _permissions,
    ("sqs.queue", "Policy"): _policy("aws_sqs_queue_policy", "queue_url"),
    ("sqs.queue", "Attributes"): _queue,
    ("sns.topic", "Policy"): _policy("aws_sns_topic_policy", "arn"),
    ("kms.key", "Policy"): _policy("aws_kms_key_policy", "key_id"),
    ("kms.key", "Rotation"): _rotation,
    ("events.rule", "Rule"): _event_rule,
    ("events.rule", "TargetPolicies"): _receivers,
}
