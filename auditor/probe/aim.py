"""What a probe will write and where, told before anything is written, and the permissions that it needs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import Refused, Text, UsageError
from auditor.kinds import KINDS, Ask, Call, Target, target_of
from auditor.kinds.buckets import bucket_arn, bucket_region, export_prefix
from auditor.model import Account, Json, Node, Pipeline
from auditor.scope import walk

if TYPE_CHECKING:
    from auditor.aws import Aws

FOLDER = "_auditor-probe/"
"""Beside the folders of exports and never below `data/`, so that neither Athena nor a reader of manifests takes it for data."""

_BODY = "auditor probe {id}: one object to see whether exports would arrive; it is deleted when that is known.\n"


@dataclass(frozen=True, slots=True)
class Side:
    """A bucket that the probe's object lies in, or is to arrive in; `region` is where the bucket itself says it is."""

    node: str
    account: Account
    bucket: str
    region: str

    def call(self, operation: str, **params: Json) -> Call:
        """Return a call on the bucket; S3 refuses it when another account owns a bucket of that name."""
        return Call("s3", operation, {"Bucket": self.bucket, "ExpectedBucketOwner": self.account.id, **params})


@dataclass(frozen=True, slots=True)
class Aim:
    """One probe of one pipeline: the key it writes, the encryption it asks for (as exports do), and where it looks."""

    id: str
    pipeline: Pipeline
    key: str
    source: Side
    destination: Side | None
    encryption: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        """Return the content of the object."""
        return _BODY.format(id=self.id).encode()

    @property
    def consumer(self) -> Node | None:
        """Return who is woken, if the pipeline declares it."""
        return self.pipeline.nodes.get("consumer")

    def announced(self) -> Iterator[Text]:
        """Yield what will be done, before it is done."""
        size, source = len(self.body), self.source
        yield Text(
            f"A probe of pipeline {self.pipeline.name} writes one object of {size} bytes, as a multipart upload like an export: "
            f"s3://{source.bucket}/{self.key} (account {source.account.name}).",
            f"パイプライン {self.pipeline.name} のプローブは、エクスポートと同じマルチパートアップロードで {size} バイトの"
            f"オブジェクトを 1 つ書き込みます: s3://{source.bucket}/{self.key}（アカウント {source.account.name}）。",
        )
        if self.destination is not None:
            there = self.destination
            yield Text(
                f"S3 replicates it to {there.bucket} (account {there.account.name}); the usual charges for an object apply.",
                f"S3 が {there.bucket}（アカウント {there.account.name}）へレプリケートします。"
                "料金は通常のオブジェクト 1 つ分です。",
            )
        if self.consumer is not None:
            yield Text(
                f"{self.consumer.id} may be woken by it, as by an export: the notification decides. The event is not taken back.",
                f"通知の設定によっては、エクスポートと同様に {self.consumer.id} が起動されます。届いたイベントは取り消されません。",
            )
        yield Text(
            "Every version that the probe made is deleted afterwards, on both sides.",
            "プローブが作ったバージョンは、終了時に両側ですべて削除されます。",
        )


def aim(pipeline: Pipeline, aws: Aws, name: str | None = None) -> Aim:
    """Return the probe of a pipeline, drawn up by reading only; raises `UsageError` where there is nothing to write into."""
    node = pipeline.nodes.get("source_bucket")
    if node is None or not node.id:
        raise UsageError(f"Pipeline {pipeline.name} declares no source bucket, so there is nothing to probe.")
    known = name or uuid.uuid4().hex
    target = target_of(node, pipeline)
    key = f"{export_prefix(target)}{FOLDER}{known}"
    there = pipeline.nodes.get("destination_bucket")
    destination = _side(there, pipeline, aws) if there is not None and there.id else None
    return Aim(known, pipeline, key, _side(node, pipeline, aws), destination, _encryption(pipeline, aws))


def _side(node: Node, pipeline: Pipeline, aws: Aws) -> Side:
    target = target_of(node, pipeline)
    try:
        region = bucket_region(aws.ask(node.account, target.region), target)
    except Refused as refusal:
        if refusal.reason in KINDS[node.kind].gone:
            raise UsageError(f"There is no bucket {node.id} in account {node.account.name}.") from None
        region = target.region
    return Side(node.name, node.account, node.id, region)


def _encryption(pipeline: Pipeline, aws: Aws) -> tuple[tuple[str, str], ...]:
    """Return the encryption that the newest export asked for; without one, the bucket's default is left to decide."""
    node = pipeline.nodes.get("table")
    if node is None or not node.id:
        return ()
    target: Target = target_of(node, pipeline)
    ask: Ask = aws.ask(node.account, target.region)
    try:
        newest = walk(KINDS[node.kind].facets["Exports"].read(ask, target), ("Exports", 0))
    except Refused:
        return ()
    if walk(newest, ("S3SseAlgorithm",)) != "KMS":
        return ()
    key = walk(newest, ("S3SseKmsKeyId",))
    return (("ServerSideEncryption", "aws:kms"), *((("SSEKMSKeyId", str(key)),) if key else ()))


def needs(pipeline: Pipeline) -> Iterator[tuple[str, str, str]]:
    """Yield the (account id, action, resource) that a probe of a pipeline needs."""
    for name in ("source_bucket", "destination_bucket"):
        node = pipeline.nodes.get(name)
        if node is None:
            continue
        target = target_of(node, pipeline)
        arn, account = bucket_arn(target), node.account.id
        objects = f"{arn}/{export_prefix(target)}{FOLDER}*"
        yield account, "s3:GetBucketLocation", arn
        yield account, "s3:ListBucketVersions", arn
        for action in ("s3:GetObjectVersion", "s3:DeleteObjectVersion"):
            yield account, action, objects
        if name == "source_bucket":
            yield account, "s3:GetBucketNotification", arn
            for action in ("s3:PutObject", "s3:AbortMultipartUpload"):
                yield account, action, objects
    yield from _messages(pipeline)


def _messages(pipeline: Pipeline) -> Iterator[tuple[str, str, str]]:
    consumer, table = pipeline.nodes.get("consumer"), pipeline.nodes.get("table")
    if consumer is not None and consumer.kind == "sqs.queue":
        arn = KINDS[consumer.kind].resource_arn(target_of(consumer, pipeline))
        for action in ("sqs:GetQueueAttributes", "sqs:ReceiveMessage"):
            yield consumer.account.id, action, arn
    if table is not None:
        arn = KINDS[table.kind].resource_arn(target_of(table, pipeline))
        yield table.account.id, "dynamodb:ListExports", arn
        yield table.account.id, "dynamodb:DescribeExport", f"{arn}/export/*"
