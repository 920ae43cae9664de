"""Calls on a bucket, always naming the account that must own it."""

from __future__ import annotations

from collections.abc import Callable

from auditor.kinds.facet import Ask, Call, Reader, Target, Writer, answer
from auditor.model import Json


def bucket_call(target: Target, operation: str, **params: Json) -> Call:
    """Return a call on the bucket; S3 refuses it (403) when another account owns a bucket of that name."""
    return Call("s3", operation, {"Bucket": target.id, "ExpectedBucketOwner": target.account.id, **params})


def bucket_arn(target: Target) -> str:
    """Return the bucket's ARN, which names neither account nor Region."""
    return f"arn:{target.account.partition}:s3:::{target.id}"


def export_prefix(target: Target) -> str:
    """Return the head of every key that exports into this bucket have: `[prefix/]AWSDynamoDB/`."""
    prefix = target.settings.get("prefix", "").rstrip("/")
    return f"{prefix}/AWSDynamoDB/" if prefix else "AWSDynamoDB/"


def whole(operation: str, *absent: str) -> Reader:
    """Return a reader of an operation's whole answer; the codes in `absent` mean that nothing is configured."""
    return lambda ask, target: answer(ask, bucket_call(target, operation), absent=absent)


def member(operation: str, name: str, *absent: str) -> Reader:
    """Return a reader of one member of an operation's answer."""

    def read(ask: Ask, target: Target) -> Json:
        found = answer(ask, bucket_call(target, operation), absent=absent)
        return None if found is None else found[name]

    return read


def put_or_delete(
    put: str, parameter: str, delete: str, body: Callable[[Json], Json] = lambda document: document
) -> Writer:
    """Return a writer that puts a document whole under `parameter`, and deletes the configuration for `None`."""

    def write(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
        if after is None:
            return (bucket_call(target, delete),)
        return (bucket_call(target, put, **{parameter: body(after)}),)

    return write


def bucket_region(ask: Ask, target: Target) -> str:
    """Return the bucket's Region. AWS answers null for us-east-1, and EU for the oldest buckets of eu-west-1."""
    constraint = ask(bucket_call(target, "GetBucketLocation")).get("LocationConstraint")
    return str({None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(constraint, constraint))
