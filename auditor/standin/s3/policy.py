"""PutBucketPolicy as AWS checks it; moto takes any bytes."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from auditor.standin.actions import on_objects
from auditor.standin.callers import find_role, find_user
from auditor.standin.options import OPTIONS
from auditor.standin.patch import memory
from auditor.standin.wire import Refusal

MAX_BYTES = 20 * 1024
_VERSIONS = ("2008-10-17", "2012-10-17")
_PRINCIPAL = re.compile(r"^arn:aws[\w-]*:(?:iam|sts)::(\d{12}):(root|user|role|assumed-role|federated-user)/?(.*)$")
_ACCOUNT_OR_ID = re.compile(r"^(?:\d{12}|A[A-Z0-9]{15,})$")
# An Allow for everybody is not public when one of these has a fixed value:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
_NARROWING = frozenset(
    [
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceowner",
        "aws:sourceaccount",
        "aws:sourceip",
        "aws:userid",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalarn",
        "aws:principalaccount",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    ]
)
_POSITIVE = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress")
_WIDE_IPV4, _WIDE_IPV6 = 8, 32


def check(bucket: Any, body: bytes, *, blocked: bool) -> None:
    """Refuse a policy that AWS refuses; remember which principals stand behind its ARNs.

    blocked: Block Public Access forbids public policies for the bucket.
    """
    if len(body) > MAX_BYTES:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    policy = document(body)
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    statements = _many(policy.get("Statement"))
    if not statements:
        raise _malformed("Could not parse the policy: Statement is empty!")
    for statement in statements:
        _check_statement(bucket, statement)
    if blocked and is_public(policy):
        text = "Access Denied: public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access"
        raise Refusal("AccessDenied", text, 403)
    memory(bucket)["principals"] = _identities(statements)


def document(body: bytes) -> dict[str, Any]:
    """Return the parsed policy; raise MalformedPolicy when it is no JSON object."""
    try:
        policy = json.loads(body)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    return policy


def is_public(policy: dict[str, Any]) -> bool:
    """Return whether AWS calls the policy public: an Allow for everybody that no fixed condition value narrows."""
    return any(
        statement.get("Effect") == "Allow" and _everybody(statement) and not _narrowed(statement)
        for statement in _many(policy.get("Statement"))
    )


def as_answered(bucket: Any, body: bytes) -> bytes:
    """Return the policy as GetBucketPolicy answers it: a deleted or re-created principal shows as its unique id."""
    changed = body.decode()
    for arn, identity in memory(bucket).get("principals", {}).items():
        if _identity(arn) != identity:
            changed = changed.replace(json.dumps(arn), json.dumps(identity))
    return changed.encode()


def _check_statement(bucket: Any, statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement.get('Effect') if isinstance(statement, dict) else statement}")
    for one, other in (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in statement) == (other in statement):
            raise _malformed(f"Missing required field {one}")
    resources = _many(statement.get("Resource", statement.get("NotResource")))
    if not all(_mine(bucket, resource) for resource in resources):
        raise _malformed("Policy has invalid resource")
    actions = _many(statement.get("Action", statement.get("NotAction")))
    if not all(isinstance(action, str) and (action == "*" or action.lower().startswith("s3:")) for action in actions):
        raise _malformed("Policy has invalid action")
    if "Action" in statement and "Resource" in statement:
        _check_applies(actions, resources)
    _check_principals(statement.get("Principal", statement.get("NotPrincipal")))


def _check_applies(actions: list[str], resources: list[str]) -> None:
    objects = any("/" in resource or resource.endswith("*") for resource in resources)
    bare = any("/" not in resource for resource in resources)
    for action in actions:
        plain = not set("*?") & set(action)
        if plain and not (objects if on_objects(action) else bare):
            raise _malformed("Action does not apply to any resource(s) in statement")


def _check_principals(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal:
        raise _malformed("Invalid policy syntax.")
    for name in _many(principal.get("AWS", [])):
        matched = _PRINCIPAL.match(str(name))
        valid = name == "*" or _ACCOUNT_OR_ID.match(str(name)) or matched
        if not valid or ("*" in str(name) and name != "*"):
            raise _malformed("Invalid principal in policy")
        if OPTIONS.strict_destinations and matched and matched[2] in ("role", "user") and _identity(name) is None:
            raise _malformed("Invalid principal in policy")
    for name in _many(principal.get("Service", [])):
        if not re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?", str(name)):
            raise _malformed("Invalid principal in policy")


def _identity(arn: str) -> str | None:
    """Return the unique id of the role or user with that ARN, None when there is none."""
    matched = _PRINCIPAL.match(arn)
    if not matched or matched[2] not in ("role", "user"):
        return None
    name = matched[3].rpartition("/")[2]
    found = find_role(matched[1], name) if matched[2] == "role" else find_user(matched[1], name)
    return str(found.id) if found is not None and found.arn == arn else None


def _identities(statements: list[dict[str, Any]]) -> dict[str, str]:
    named = [
        name
        for statement in statements
        for principal in (statement.get("Principal"), statement.get("NotPrincipal"))
        if isinstance(principal, dict)
        for name in _many(principal.get("AWS", []))
    ]
    return {name: identity for name in named if (identity := _identity(name)) is not None}


def _mine(bucket: Any, resource: Any) -> bool:
    if not isinstance(resource, str) or not resource.startswith("arn:"):
        return False
    named = resource.split(":::")[-1].partition("/")[0]
    pattern = re.escape(named).replace(r"\*", ".*").replace(r"\?", ".")
    return ":::" in resource and re.fullmatch(pattern, bucket.name) is not None


def _everybody(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    return principal == "*" or (isinstance(principal, dict) and "*" in _many(principal.get("AWS", [])))


def _narrowed(statement: dict[str, Any]) -> bool:
    return any(
        operator.lower().split(":")[-1] in _POSITIVE and key.lower() in _NARROWING and all(map(_fixed, _many(wanted)))
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, wanted in keys.items()
    )


def _fixed(value: Any) -> bool:
    text = str(value)
    if "${" in text or "?" in text or ("*" in text and not text.startswith("arn:")) or text.endswith(":*"):
        return False
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return True
    return network.prefixlen >= (_WIDE_IPV4 if network.version == 4 else _WIDE_IPV6)


def _malformed(message: str) -> Refusal:
    return Refusal("MalformedPolicy", message)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
