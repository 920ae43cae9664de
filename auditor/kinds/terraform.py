"""How Terraform spells each kind of resource, by the kind's name."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.kinds import (
    dynamodb_terraform,
    events_terraform,
    functions_terraform,
    glue_terraform,
    kms_terraform,
    queues_terraform,
    roles_terraform,
    s3_terraform,
    topics_terraform,
)
from auditor.kinds.planned import Spelling

SPELLINGS: Mapping[str, Spelling] = {
    "dynamodb.table": dynamodb_terraform.TABLE,
    "s3.bucket": s3_terraform.BUCKET,
    "iam.role": roles_terraform.ROLE,
    "lambda.function": functions_terraform.FUNCTION,
    "sqs.queue": queues_terraform.QUEUE,
    "sns.topic": topics_terraform.TOPIC,
    "events.rule": events_terraform.RULE,
    "kms.key": kms_terraform.KEY,
    "glue.table": glue_terraform.TABLE,
}
"""Every kind, as `KINDS` has them."""

ATTACHED: Mapping[str, tuple[str, str]] = {
    type_: (kind, name) for kind, spelling in SPELLINGS.items() for type_, name in spelling.attached.items()
}
"""For each type that adds to a resource: the kind of that resource, and the attribute that names it."""

KIND_OF: Mapping[str, str] = {type_: kind for kind, spelling in SPELLINGS.items() for type_ in spelling.types}
"""The kind of each type of resource that may stand in a pipeline."""
