"""Which permissions a call needs: IAM action, resource ARN and resource policy, for all that an auditor calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from auditor.standin.access import Need
from auditor.standin.actions import action_of
from auditor.standin.callers import PARTITION, find_role, find_user
from auditor.standin.keys import find_key
from auditor.standin.s3.documents import find_bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.standin.callers import Caller
    from auditor.standin.operations import Operation, Request

_ROLE = re.compile(rb"<(?:\w+:)?Role(?:Arn)?>([^<]+)</")
_KEY = re.compile(rb"<(?:\w+:)?Key>([^<]+)</")


def needs(call: Operation, request: Request, caller: Caller) -> list[Need]:
    """Return every permission that AWS asks for; none for what needs none, such as GetCallerIdentity."""
    find = _SERVICES.get(call.service)
    if find is not None:
        return find(call, request, caller)
    return [Need(action_of(call.service, call.name), "*", caller.account)]


def _s3(call: Operation, request: Request, caller: Caller) -> list[Need]:
    name, _, key = call.resource.partition("/")
    action = action_of("s3", call.name, versioned="versionId" in call.params)
    if not name:
        return [Need(action, "*", caller.account)]
    context = {f"s3:{word}": str(call.params[word]) for word in ("prefix", "delimiter") if word in call.params}
    found = [_s3_need(action, name, key, caller, context)]
    if call.name == "DeleteObjects":
        keys = [unquote(each.decode()) for each in _KEY.findall(request.body)]
        found = [_s3_need(action, name, each, caller, {}) for each in keys]
    if call.name in ("CopyObject", "UploadPartCopy"):
        source, _, path = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")
        found.append(_s3_need("s3:GetObject", source, path.partition("?")[0], caller, {}))
    if call.name == "PutBucketReplication":
        found += [_pass(each.decode(), "s3.amazonaws.com", caller) for each in _ROLE.findall(request.body)[:1]]
    return found


def _s3_need(action: str, name: str, key: str, caller: Caller, context: dict[str, str]) -> Need:
    bucket = find_bucket(name)
    resource = f"arn:{PARTITION}:s3:::{name}" + (f"/{key}" if key else "")
    if bucket is None:
        return Need(action, resource, caller.account, None, context)
    return Need(action, resource, bucket.account_id, bucket.policy, context)


def _s3control(call: Operation, request: Request, caller: Caller) -> list[Need]:
    action, account = action_of("s3control", call.name), request.headers.get("x-amz-account-id", caller.account)
    job = re.match(r"v20180820/jobs/([\w-]+)", call.resource)
    resource = f"arn:{PARTITION}:s3:{call.region}:{account}:job/{job[1]}" if job else "*"
    found = [Need(action, resource, account)]
    if call.name == "CreateJob":
        roles = _ROLE.findall(request.body)[-1:]
        found += [_pass(each.decode(), "batchoperations.s3.amazonaws.com", caller) for each in roles]
    return found


def _pass(role: str, service: str, caller: Caller) -> Need:
    return Need("iam:PassRole", role, caller.account, None, {"iam:PassedToService": service})


def _dynamodb(call: Operation, _: Request, caller: Caller) -> list[Need]:
    asked = call.params
    named = next((asked[word] for word in ("ExportArn", "ResourceArn", "TableArn", "TableName") if asked.get(word)), "")
    arn = named if named.startswith("arn:") else _arn("dynamodb", call, caller, f"table/{named}") if named else "*"
    return [Need(f"dynamodb:{call.name}", arn, _owner(arn, caller), _table_policy(arn, caller))]


def _table_policy(arn: str, caller: Caller) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    if ":table/" not in arn or arn.split(":")[4] != caller.account:
        return None
    backend = dynamodb_backends[caller.account][arn.split(":")[3]]
    policy = backend.resource_policies.get("/".join(arn.split("/")[:2]))
    return policy.policy_doc if policy is not None else None


def _iam(call: Operation, _: Request, caller: Caller) -> list[Need]:
    asked, action = call.params, f"iam:{call.name}"
    if name := asked.get("RoleName"):
        role = find_role(caller.account, name)
        arn = role.arn if role else f"arn:{PARTITION}:iam::{caller.account}:role{asked.get('Path', '/')}{name}"
    elif name := asked.get("UserName"):
        user = find_user(caller.account, name)
        arn = user.arn if user else f"arn:{PARTITION}:iam::{caller.account}:user/{name}"
    else:
        arn = asked.get("PolicyArn") or asked.get("PolicySourceArn") or "*"
    context = {"iam:PolicyARN": asked["PolicyArn"]} if "PolicyArn" in asked else {}
    return [Need(action, arn, caller.account, None, context)]


def _sts(call: Operation, _: Request, caller: Caller) -> list[Need]:
    if call.name != "AssumeRole":
        return []
    arn = call.params.get("RoleArn", "")
    role = find_role(_owner(arn, caller), arn.rpartition("/")[2])
    context = {"sts:RoleSessionName": call.params.get("RoleSessionName", "")}
    if "ExternalId" in call.params:
        context["sts:ExternalId"] = call.params["ExternalId"]
    trust = role.assume_role_policy_document if role is not None else None
    return [Need("sts:AssumeRole", arn, _owner(arn, caller), trust, context)]


def _kms(call: Operation, _: Request, caller: Caller) -> list[Need]:
    action, named = f"kms:{call.name}", call.params.get("KeyId", "")
    if not named:
        return [Need(action, "*", caller.account)]
    key = find_key(named, caller.account, call.region)
    if key is None:
        arn = named if named.startswith("arn:") else _arn("kms", call, caller, f"key/{named}")
        return [Need(action, arn, _owner(arn, caller))]
    return [Need(action, key.arn, key.account_id, key.policy, {"kms:CallerAccount": caller.account})]


def _lambda(call: Operation, _: Request, caller: Caller) -> list[Need]:
    from auditor.standin.functions import policy_of

    action, named = action_of("lambda", call.name), call.resource or call.params.get("FunctionName", "")
    if not named:
        return [Need(action, "*", caller.account)]
    arn = named if named.startswith("arn:") else _arn("lambda", call, caller, f"function:{named}")
    policy = policy_of(arn, arn.split(":")[4], arn.split(":")[3])
    found = [Need(action, arn, _owner(arn, caller), policy)]
    if role := call.params.get("Role"):
        found.append(_pass(role, "lambda.amazonaws.com", caller))
    return found


def _sqs(call: Operation, _: Request, caller: Caller) -> list[Need]:
    from moto.sqs.models import sqs_backends

    name = call.params.get("QueueName") or call.params.get("QueueUrl", "").rpartition("/")[2]
    if not name:
        return [Need(f"sqs:{call.name}", "*", caller.account)]
    account = call.params.get("QueueOwnerAWSAccountId") or (_url_account(call) or caller.account)
    queue = sqs_backends[account][call.region].queues.get(name)
    arn = f"arn:{PARTITION}:sqs:{call.region}:{account}:{name}"
    return [Need(f"sqs:{call.name}", arn, account, queue.policy if queue else None)]


def _url_account(call: Operation) -> str | None:
    found = re.search(r"/(\d{12})/", call.params.get("QueueUrl", ""))
    return found[1] if found else None


def _sns(call: Operation, _: Request, caller: Caller) -> list[Need]:
    from moto.sns.models import sns_backends

    asked = call.params
    arn = asked.get("TopicArn") or asked.get("ResourceArn") or ""
    if not arn and "Name" in asked:
        arn = _arn("sns", call, caller, asked["Name"])
    if not arn:
        return [Need(f"sns:{call.name}", "*", caller.account)]
    topic = sns_backends[_owner(arn, caller)][arn.split(":")[3]].topics.get(arn)
    return [Need(f"sns:{call.name}", arn, _owner(arn, caller), topic.policy if topic else None)]


def _events(call: Operation, _: Request, caller: Caller) -> list[Need]:
    name = call.params.get("Rule") or call.params.get("Name")
    everywhere = call.name in ("TestEventPattern", "ListEventBuses", "ListRuleNamesByTarget")
    bus = call.params.get("EventBusName", "default")
    path = f"rule/{name or '*'}" if bus == "default" else f"rule/{bus}/{name or '*'}"
    return [Need(f"events:{call.name}", "*" if everywhere else _arn("events", call, caller, path), caller.account)]


def _cloudwatch(call: Operation, _: Request, caller: Caller) -> list[Need]:
    alarms = call.name.startswith("DescribeAlarms")
    arn = _arn("cloudwatch", call, caller, "alarm:*") if alarms else "*"
    return [Need(f"cloudwatch:{call.name}", arn, caller.account)]


def _glue(call: Operation, _: Request, caller: Caller) -> list[Need]:
    database = call.params.get("DatabaseName") or call.params.get("Name")
    table = call.params.get("Name") if call.name == "GetTable" else "*"
    paths = ["catalog"]
    if database:
        paths.append(f"database/{database}")
    if call.name.startswith("GetTable"):
        paths.append(f"table/{database}/{table}")
    return [Need(f"glue:{call.name}", _arn("glue", call, caller, path), caller.account) for path in paths]


def _arn(service: str, call: Operation, caller: Caller, path: str) -> str:
    return f"arn:{PARTITION}:{service}:{call.region}:{caller.account}:{path}"


def _owner(arn: str, caller: Caller) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and parts[4] else caller.account


_SERVICES: dict[str, Callable[[Operation, Request, Caller], list[Need]]] = {
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "glue": _glue,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "s3": _s3,
    "s3control": _s3control,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _sts,
}
