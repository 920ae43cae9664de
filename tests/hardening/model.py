"""Answers that AWS might give, made from botocore's service model: members there or not, values known and new."""

from __future__ import annotations

import json
import random
from functools import cache

from botocore.loaders import create_loader
from botocore.model import ServiceModel

from tests.faults.matrix import GOLDEN

NEW = "ValueThatAwsAddedLater"
_POLICIES = {"Policy", "PolicyDocument", "AssumeRolePolicyDocument", "Content", "EventPattern"}
_PAGED = {"NextToken", "NextMarker", "Marker", "NextContinuationToken"}
_ATTRIBUTES = {
    "SNSAttribute": ("TopicArn", "Owner", "Policy", "KmsMasterKeyId", "FifoTopic", "DisplayName"),
}


def _texts(value):
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


def _documents(value):
    """Yield the policies of the golden pipeline."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        for part in value.values():
            yield from _documents(part)


_KNOWN = (GOLDEN["base"], *GOLDEN["variants"].values())
TEXTS = tuple(sorted({text for one in _KNOWN for text in _texts(one)}))
POLICIES = tuple(json.dumps(one) for whole in _KNOWN for one in _documents(whole))
ODD = (*POLICIES, "", "{}", "[]", "null", "{", '{"Statement": {}}', '{"Statement": [{"Effect": "Deny"}]}', '{"Id": 1}')


@cache
def service(name):
    return ServiceModel(create_loader().load_service_model(name, "service-2"), service_name=name)


class Answers:
    """Answers as auditor's door gives them, drawn from a seed; `there` is the chance that an optional member is present."""

    def __init__(self, seed: int, there: float) -> None:
        self._chance = random.Random(seed)
        self._there = there

    def ask(self, account, region):
        return self.to

    def leave(self, account):
        pass

    def to(self, call):
        shape = service(call.service).operation_model(call.operation).output_shape
        return {} if shape is None else self._of(shape, "", 0)

    def _of(self, shape, name, depth):
        chance = self._chance
        if shape.type_name == "structure":
            required = set(shape.required_members)
            return {
                member: self._of(form, member, depth + 1)
                for member, form in shape.members.items()
                if member in required or (depth < 8 and chance.random() < (0.1 if member in _PAGED else self._there))
            }
        if shape.type_name == "list":
            return [self._of(shape.member, name, depth + 1) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
        if shape.type_name == "map":
            return self._map(shape, depth)
        if shape.type_name in {"string", "character", "blob"}:
            return self._text(shape, name)
        if shape.type_name == "boolean":
            return chance.random() < 0.5
        if shape.type_name == "timestamp":
            return chance.choice(("2026-01-14T01:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.123456Z"))
        return chance.choice((0, 1, 7, 15, 35, 100, -1, 2**63))

    def _map(self, shape, depth):
        names = tuple(getattr(shape.key, "enum", ())) or _ATTRIBUTES.get(shape.name, ()) or ("Policy", "KmsMasterKeyId")
        chosen = [one for one in (*names, "NewAttribute") if self._chance.random() < self._there]
        return {one: self._of(shape.value, one, depth + 1) for one in chosen}

    def _text(self, shape, name):
        chance = self._chance
        if name in _POLICIES:
            return chance.choice(ODD)
        known = tuple(getattr(shape, "enum", ()))
        if known:
            return chance.choice((*known, *known, NEW))
        if chance.random() < 0.1:
            return chance.choice(("", "*", "x" * 300, "\x00\x1b[2J", "${aws:x}", "arn:aws:s3:::", "日本"))
        return chance.choice(TEXTS)
