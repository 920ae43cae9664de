"""What both template languages say of a change: which resource it is, and the arguments that change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.model import Json
from auditor.remedy.change import Change


@dataclass(frozen=True, slots=True)
class Block:
    """A nested block of Terraform: written `name {…}`, unlike a map, which is an argument."""

    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document, which Terraform wants as a JSON string and CloudFormation as it is."""

    document: Json


@dataclass(frozen=True, slots=True)
class Template:
    """One resource of a template with the arguments that a change sets; `partial` when it has others beside them."""

    type: str
    arguments: Mapping[str, Json]
    partial: bool = False


def label(change: Change) -> str:
    """Return a name for the resource in a template: letters and digits of the resource's own name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", change.target.id).strip("_") or "this"


def arn_or_name(change: Change) -> str:
    """Return the resource's ARN where the facet's calls name it, else its name."""
    for call in change.do:
        for name in ("TopicArn", "ResourceArn", "QueueUrl", "FunctionName", "KeyId", "RoleName"):
            if name in call.params:
                return str(call.params[name])
    return change.target.id


def recovery(document: Json) -> tuple[bool, Json]:
    """Return whether point-in-time recovery is on, and its days if they are said."""
    described = (document or {}).get("PointInTimeRecoveryDescription") or {}
    return described.get("PointInTimeRecoveryStatus") == "ENABLED", described.get("RecoveryPeriodInDays")


def changed_policies(change: Change) -> Mapping[str, Json]:
    """Return the inline policies that a change adds or alters, by name."""
    before, after = change.before or {}, change.after or {}
    return {name: document for name, document in after.items() if document != before.get(name)}


def known(arguments: Mapping[str, Json]) -> dict[str, Json]:
    """Return the arguments that have a value."""
    return {name: value for name, value in arguments.items() if value is not None}


def admitted(change: Change) -> Iterator[tuple[str, str, Json]]:
    """Yield the queues and topics whose policies a change sets: the service, the URL or ARN, and the policy."""
    for call in change.do:
        if call.operation == "SetQueueAttributes":
            yield "sqs", call.params["QueueUrl"], json.loads(call.params["Attributes"]["Policy"])
        elif call.operation == "SetTopicAttributes":
            yield "sns", call.params["TopicArn"], json.loads(call.params["AttributeValue"])
