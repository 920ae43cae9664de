"""The KMS keys at work in a pipeline: which key encrypts the exports, and which the replicas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.model import Json, Unread
from auditor.predicates.exports import Maybe
from auditor.scope import Found, Scope, walk

_BY_DEFAULT = ("ApplyServerSideEncryptionByDefault",)


@dataclass(frozen=True, slots=True)
class Key:
    """A customer managed key.

    `node` is the node that stands for it (empty: none), `used` whether it is used at all, `bucket_key` whether the bucket
    has a Bucket Key under it.
    """

    arn: str
    node: str
    used: Maybe
    bucket_key: Maybe

    @property
    def guard(self) -> str:
        """Return the route of the key policy, empty where the pipeline declares no such key."""
        return f"{self.node}.Policy" if self.node else ""


def newest_export(scope: Scope) -> Found:
    """Return the description of the newest export into the pipeline's bucket; absent when there is none."""
    found = scope.find("table.Exports") if scope.resource("table") else Found(None, "table.Exports")
    if found.unread is not None:
        return found
    listed = walk(found.value, ("Exports",))
    if isinstance(listed, Unread):
        return Found(listed, f"{found.route}.Exports")
    bucket = scope.find("source_bucket.Name").value if scope.resource("source_bucket") else None
    for index, told in enumerate(listed or []):
        route = f"{found.route}.Exports[{index}]"
        if isinstance(told, Unread) or bucket is None or told.get("S3Bucket") in {None, bucket}:
            return Found(told, route)
    return Found(None, found.route)


def export_encryption(scope: Scope) -> tuple[tuple[str, str], ...]:
    """Return the (S3SseAlgorithm, key) pairs with which an export may write, several where nobody can tell.

    DescribeExport says AES256 of exports that asked for nothing as well; that the last one was completed says that
    whichever it sends is accepted.
    """
    told = newest_export(scope)
    if told.value is None or told.unread is not None:
        return ("", ""), ("AES256", ""), ("KMS", "")
    sse, key = str(walk(told.value, ("S3SseAlgorithm",)) or ""), walk(told.value, ("S3SseKmsKeyId",))
    if sse == "KMS":
        return (("KMS", key if isinstance(key, str) else ""),)
    if sse == "AES256":
        done = walk(told.value, ("ExportStatus",)) == "COMPLETED"
        return (("AES256", ""),) if done else (("", ""), ("AES256", ""))
    return (("", ""),)


def exports_encrypted(scope: Scope) -> Maybe:
    """Tell whether exports are encrypted under a KMS key of any sort: the newest one says so, or the bucket's default."""
    if newest_export(scope).unread is None and walk(newest_export(scope).value, ("S3SseAlgorithm",)) == "KMS":
        return True
    found = scope.find("source_bucket.Encryption.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm").value
    return found if isinstance(found, Unread) else str(found or "").startswith("aws:kms")


def source_keys(scope: Scope) -> Iterator[Key]:
    """Yield the keys that encrypt the exports: the one an export names, and the bucket's default.

    The AWS managed key needs no permission of its own in the bucket's account, and is left out. Where the bucket's
    default is unread, the declared key may be it.
    """
    if not scope.resource("source_bucket"):
        return
    seen: set[str] = set()
    for named, bucket_key in _named(scope):
        key = _key(scope, named, "source_bucket", ("source_key",), bucket_key)
        if key is not None and key.arn not in seen:
            seen.add(key.arn)
            yield key


def _named(scope: Scope) -> Iterator[tuple[Json, Maybe]]:
    """Yield key names as the newest export and the bucket's default encryption give them, unread ones too."""
    default = scope.find("source_bucket.Encryption.Rules[0]")
    held = default.value if isinstance(default.value, Unread) else walk(default.value, ("BucketKeyEnabled",))
    bucket_key: Maybe = held if isinstance(held, Unread) else bool(held)
    told = newest_export(scope)
    if told.unread is None and walk(told.value, ("S3SseAlgorithm",)) == "KMS":
        yield walk(told.value, ("S3SseKmsKeyId",)) or "alias/aws/s3", bucket_key
    if isinstance(default.value, Unread):
        if scope.resource("source_key"):
            yield default.value, bucket_key
        return
    algorithm = walk(default.value, (*_BY_DEFAULT, "SSEAlgorithm"))
    if isinstance(algorithm, Unread):
        yield algorithm, bucket_key
    elif str(algorithm or "").startswith("aws:kms"):
        yield walk(default.value, (*_BY_DEFAULT, "KMSMasterKeyID")) or "alias/aws/s3", bucket_key


def managed_key(scope: Scope) -> bool:
    """Tell whether the bucket (or the newest export) uses the AWS managed key aws/s3."""
    return any(isinstance(named, str) and _is_managed(named) for named, _ in _named(scope))


def _is_managed(name: str) -> bool:
    return name.rpartition(":")[2] == "alias/aws/s3"


def replica_key(scope: Scope, named: Iterable[Found]) -> Key | None:
    """Return the key that the winning rule names for the replicas; `None` where it names none or an alias."""
    default = scope.find("destination_bucket.Encryption.Rules[0].BucketKeyEnabled")
    bucket_key: Maybe = default.value if isinstance(default.value, Unread) else bool(default.value)
    for found in named:
        if found.value is not None:
            return _key(scope, found.value, "destination_bucket", ("destination_key", "source_key"), bucket_key)
    return None


def _key(scope: Scope, named: Json, bucket: str, nodes: tuple[str, ...], bucket_key: Maybe) -> Key | None:
    """Return the key of a name: an ARN, an id of the bucket's own account, or an alias that a node stands for."""
    declared = [node for node in nodes if scope.resource(node)]
    if isinstance(named, Unread):
        arn = scope.find(f"{declared[0]}.Arn").value if declared else None
        return Key(arn, declared[0], named, bucket_key) if isinstance(arn, str) else None
    name = str(named)
    if _is_managed(name):
        return None
    for node in declared:
        key = _declared(scope, node, name, bucket, bucket_key)
        if key is not None:
            return key
    if _is_alias(name):
        return None
    return Key(_whole(scope, name, bucket), "", used=True, bucket_key=bucket_key)


def _declared(scope: Scope, node: str, name: str, bucket: str, bucket_key: Maybe) -> Key | None:
    """Return the key of a node if the name means it; where the node's ARN is unread, an alias may mean any key."""
    known, arn = scope.resource(node), scope.find(f"{node}.Arn")
    declared = known.node.id if known else ""
    same_end = name.rpartition("/")[2] == declared.rpartition("/")[2]
    if isinstance(arn.value, str):
        # The id of a multi-Region key is the same in every Region, so a whole ARN is compared whole.
        short = _is_alias(name) or not name.startswith("arn:")
        ends = {arn.value.rpartition("/")[2]} | ({declared.rpartition("/")[2]} if _is_alias(declared) else set())
        meant = name == arn.value or (short and name.rpartition("/")[2] in ends)
        return Key(arn.value, node, used=True, bucket_key=bucket_key) if meant else None
    if arn.unread is None or _is_alias(name):
        return None
    if same_end:
        return Key(_whole(scope, name, bucket), node, used=True, bucket_key=bucket_key)
    return Key(_whole(scope, name, bucket), node, arn.unread, bucket_key) if _is_alias(declared) else None


def _is_alias(name: str) -> bool:
    return name.startswith("alias/") or ":alias/" in name


def _whole(scope: Scope, name: str, bucket: str) -> str:
    return name if name.startswith("arn:") else _own(scope, name, bucket)


def _own(scope: Scope, key: str, bucket: str) -> str:
    known = scope.resource(bucket)
    region = scope.find(f"{bucket}.Region").value
    assert known is not None
    account = known.node.account
    return f"arn:{account.partition}:kms:{region}:{account.id}:key/{key}"
