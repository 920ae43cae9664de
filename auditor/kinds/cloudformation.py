"""How CloudFormation spells each kind of resource, by the kind's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auditor.kinds import (
    dynamodb_cloudformation,
    events_cloudformation,
    functions_cloudformation,
    glue_cloudformation,
    kms_cloudformation,
    queues_cloudformation,
    roles_cloudformation,
    s3_cloudformation,
    topics_cloudformation,
)
from auditor.kinds.declared import Spelling, only_plan
from auditor.kinds.plans import PLAN

_SPELLINGS: Mapping[str, Spelling] = {
    "dynamodb.table": dynamodb_cloudformation.TABLE,
    "s3.bucket": s3_cloudformation.BUCKET,
    "iam.role": roles_cloudformation.ROLE,
    "lambda.function": functions_cloudformation.FUNCTION,
    "sqs.queue": queues_cloudformation.QUEUE,
    "sns.topic": topics_cloudformation.TOPIC,
    "events.rule": events_cloudformation.RULE,
    "kms.key": kms_cloudformation.KEY,
    "glue.table": glue_cloudformation.TABLE,
}
SPELLINGS: Mapping[str, Spelling] = {
    name: replace(spelling, facets={**spelling.facets, PLAN: only_plan}) for name, spelling in _SPELLINGS.items()
}
"""Every kind, as `KINDS` has them."""

ATTACHED: Mapping[str, tuple[str, str]] = {
    type_: (kind, name) for kind, spelling in SPELLINGS.items() for type_, name in spelling.attached.items()
}
"""For each type that adds to a resource: the kind of that resource, and the property that names it."""

KIND_OF: Mapping[str, str] = {type_: kind for kind, spelling in SPELLINGS.items() for type_ in spelling.types}
"""The kind of each type of resource that may stand in a pipeline."""
