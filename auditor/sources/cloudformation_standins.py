"""Names that nobody knows yet: what may or may not be one of them is unread, so that nothing is judged by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.model import Json, Node, Text, Unread
from auditor.sources.cloudformation_names import generated

_SERVICES = {
    "dynamodb.table": "dynamodb",
    "s3.bucket": "s3",
    "iam.role": "iam",
    "lambda.function": "lambda",
    "sqs.queue": "sqs",
    "sns.topic": "sns",
    "events.rule": "events",
    "kms.key": "kms",
    "glue.table": "glue",
}
_HEADS = re.compile(r"^(?:function:|table/|key/|rule/|role/(?:.*/)?)")
_NAMED_ALONE = frozenset({"TargetBucket", "name", "KMSMasterKeyID", "ReplicaKmsKeyID", "KmsMasterKeyId"})
_KEY_ID = re.compile(r"[0-9a-f-]{36}|mrk-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class StandIn:
    """The text that stands for a resource's name: of which kind, in which account, and where it is made.

    `unresolved`: the template gives a name that could not be resolved, so it may be any; else CloudFormation makes it up.
    """

    text: str
    kind: str
    account: str
    logical: str
    where: str
    unresolved: bool
    lower: bool = False
    made: str = ""
    """A pattern of the names that may be made up, where it is not CloudFormation that does."""
    others: frozenset[str] = frozenset()
    """The names of other resources, which this one therefore does not have."""


def cleared(value: Json, unknown: Iterable[StandIn], facet: str = "", own: str = "") -> Json:
    """Return a document in which every text that may name one of the resources (and does not say so) is unread.

    `own` stands for the name of the resource whose facet it is.
    """
    # S3 does not let a bucket replicate to itself.
    listed = tuple(one for one in unknown if not (facet == "Replication" and one.text == own))
    return _cleared(value, "", listed) if listed else value


def _cleared(value: Json, key: str, listed: tuple[StandIn, ...]) -> Json:
    if isinstance(value, str):
        return next((doubt for one in listed if (doubt := _doubt(value, key, one))), value)
    if isinstance(value, Mapping):
        return {name: _cleared(part, name, listed) for name, part in value.items()}
    if isinstance(value, list):
        return [_cleared(part, key, listed) for part in value]
    return value


def buckets(nodes: Iterable[Node]) -> frozenset[str]:
    """Return the names of the buckets that a pipeline declares: no other bucket in the world has them."""
    return frozenset(one.id for one in nodes if one.kind == "s3.bucket" and one.id)


def _doubt(said: str, key: str, one: StandIn) -> Unread | None:
    if one.text in said:
        return None
    name = _name_in(said, key, one)
    if name is None or not _may_be(name, one):
        return None
    detail = Text(
        f"{said} may name {one.logical} at {one.where}, whose name is known only after deployment.",
        f"{said} は {one.where} の {one.logical} を指す可能性がありますが、その名前はデプロイするまで確定しません。",
    )
    return Unread("Unresolved", detail=detail)


def _name_in(said: str, key: str, one: StandIn) -> str | None:
    """Return the part of a text that may be the resource's name; `None` when it speaks of something else."""
    if said.startswith("arn:"):
        parts = said.split(":", 5)
        if len(parts) < 6 or parts[2] not in {_SERVICES[one.kind], "*"}:
            return None
        if one.kind != "s3.bucket" and parts[4] != one.account and not set(parts[4]) & set("*?"):
            return None
        rest = _HEADS.sub("", parts[5])
        return rest.split("/")[0] if one.kind not in {"glue.table", "events.rule"} else rest
    if said.startswith("s3://"):
        return said[5:].split("/", maxsplit=1)[0] if one.kind == "s3.bucket" else None
    if key in _NAMED_ALONE and one.kind in {"s3.bucket", "kms.key"}:
        return said
    return None


def _may_be(name: str, one: StandIn) -> bool:
    if name in {"*", ""} or name.startswith("(") or name in one.others:
        # What stands for one resource never means another one.
        return False
    if "*" in name or "?" in name or one.unresolved:
        return True
    if one.kind == "kms.key":
        return _KEY_ID.fullmatch(name) is not None
    plain = name.split(":", maxsplit=1)[0]
    return re.fullmatch(one.made, plain) is not None if one.made else generated(plain, one.logical, lower=one.lower)
