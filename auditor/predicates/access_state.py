"""Predicates about keys and public access that no policy decides: usable_keys, open_across_accounts."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.iam import public_statements
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.access_keys import Key, managed_key, source_keys
from auditor.predicates.access_policies import guard
from auditor.predicates.access_principals import narrowed_to_somebody
from auditor.predicates.words import NOT_PUBLIC
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at

_INACCESSIBLE = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


_WORKING, _CUSTOMERS = (
    Text("a key that works", "使用可能な KMS キー"),
    Text("a customer managed key", "カスタマーマネージドキー"),
)
_BUCKET_IN, _KEY_IN = Text("a bucket in {}", "{} のバケット"), Text("a key in {}", "{} のキー")


def _usable_keys(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    if scope.resource("table"):
        yield from _table_key(scope)
    if not scope.resource("source_bucket"):
        return
    encryption = scope.find("source_bucket.Encryption")
    if encryption.unread is not None:
        yield unknown_at(encryption.route, encryption.unread, _WORKING, scope)
        return
    yield from _foreign_use(scope)
    for key in source_keys(scope):
        yield from _key_state(key, scope)


_TABLE_KEY = Text("a table key that DynamoDB can use", "DynamoDB が使用できるテーブルの KMS キー")


def _table_key(scope: Scope) -> Iterator[Evidence]:
    gone = scope.find("table.Description.SSEDescription.InaccessibleEncryptionDateTime")
    status = scope.find("table.Description.TableStatus")
    unread = gone.unread or status.unread
    if (gone.value is not None and gone.unread is None) or status.value == _INACCESSIBLE:
        note = Text(
            "DynamoDB cannot use the table's own KMS key any more: enable it, cancel its deletion, or give back its grants.",
            "DynamoDB がテーブル自体の KMS キーを使えなくなっています。キーの有効化、削除のキャンセル、許可の復旧が必要です。",
        )
        where = gone if gone.value is not None else status
        yield object_to(where, _TABLE_KEY, scope, note=note, key="table-key")
    elif unread is not None:
        yield unknown_at(gone.route, unread, _TABLE_KEY, scope)


def _foreign_use(scope: Scope) -> Iterator[Evidence]:
    """Object to the AWS managed key where the exporter is of another account: nobody can open that key's policy."""
    caller, owner = scope.find("subject.Account").value, scope.find("source_bucket.Account").value
    if caller != owner and managed_key(scope):
        note = Text(
            "The AWS managed key aws/s3 serves its own account only: a bucket that others export into needs a customer managed "
            "key, or SSE-S3.",
            "AWS マネージドキー aws/s3 を使えるのは同じアカウントだけです。別アカウントからエクスポートするバケットには、"
            "カスタマーマネージドキーか SSE-S3 が必要です。",
        )
        route = "source_bucket.Encryption.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID"
        yield object_to(
            scope.find(route),
            _CUSTOMERS,
            scope,
            note=note,
            shown="alias/aws/s3",
        )


def _key_state(key: Key, scope: Scope) -> Iterator[Evidence]:
    region, home = key.arn.split(":")[3], scope.find("source_bucket.Region").value
    if isinstance(home, Unread):
        yield unknown_at("source_bucket.Region", home, _BUCKET_IN.fill(region), scope, key="region")
    elif isinstance(home, str) and region != home:
        note = Text(
            "A bucket is encrypted with keys of its own Region only.",
            "バケットの暗号化に使えるのは同じリージョンのキーだけです。",
        )
        where = Found(key.arn, "source_bucket.Encryption.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID")
        yield object_to(where, _KEY_IN.fill(home), scope, note=note, key="region")
    if not key.node:
        return
    for field, wanted in (("KeyState", "Enabled"), ("KeySpec", "SYMMETRIC_DEFAULT")):
        found = scope.find(f"{key.node}.Description.{field}")
        if isinstance(key.used, Unread) or found.unread is not None:
            yield unknown_at(found.route, found.unread or _why(key), wanted, scope)
        elif found.value is not None and found.value != wanted:
            yield object_to(found, wanted, scope)


def _why(key: Key) -> Unread:
    return key.used if isinstance(key.used, Unread) else Unread("NotRead")


def _open_across_accounts(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    """Object where S3 calls the policy public and a setting then cuts every other account off.

    An Allow to everybody that nothing narrows is known-principals' finding. Whether a policy is public follows from its
    text, so GetBucketPolicyStatus is not needed.
    """
    here, there = scope.find("subject.Account").value, scope.find("source_bucket.Account").value
    if here == there or not scope.resource("source_bucket"):
        return
    source = guard(scope, "subject.Policy")
    known = source.policy("strict", principals=True)
    loose = public_statements(known) if known is not None else ()
    if not loose or not all(map(narrowed_to_somebody, loose)):
        return
    note = Text(
        "S3 calls this policy public, for no condition of it narrows everybody to fixed principals, and RestrictPublicBuckets "
        "then refuses all other accounts, replication included.",
        "条件が固定のプリンシパルに絞り込まれていないため、S3 はこのポリシーを公開とみなします。その場合 RestrictPublicBuckets "
        "により、レプリケーションを含む他アカウントのアクセスはすべて拒否されます。",
    )
    flags = [
        scope.find(f"subject.{facet}.RestrictPublicBuckets")
        for facet in ("PublicAccessBlock", "AccountPublicAccessBlock")
    ]
    on = next((flag for flag in flags if flag.value is True), None)
    unread = next((flag for flag in flags if flag.unread is not None), None)
    if on is not None:
        yield object_to(on, NOT_PUBLIC, scope, note=note)
    elif unread is not None and unread.unread is not None:
        yield unknown_at(unread.route, unread.unread, NOT_PUBLIC, scope, note=note)


STATE = (
    Predicate(
        "usable_keys",
        _usable_keys,
        {"enum": ["exports"]},
        Text(
            "The keys that exports use work: the table's own is accessible, the bucket's is in its Region, enabled and symmetric, "
            "and not the AWS managed one when the exporter is of another account.",
            "エクスポートで使うキーが有効である。テーブル自体のキーにアクセスでき、バケットのキーが同じリージョンの有効な対称キーで、"
            "別アカウントからのエクスポートなら AWS マネージドキーではない。",
        ),
        lambda _wanted, _at: (
            "?table.Description",
            "?table.Exports",
            "?source_bucket.Encryption",
            "?source_bucket.Region",
            "?source_key.Description",
            "subject.Account",
        ),
        "{usable_keys: exports}",
        asks=lambda _wanted: _WORKING,
    ),
    Predicate(
        "open_across_accounts",
        _open_across_accounts,
        {"const": True},
        Text(
            "The bucket policy is not one that S3 calls public while RestrictPublicBuckets shuts other accounts out.",
            "S3 がバケットポリシーを公開とみなし、RestrictPublicBuckets が他アカウントを締め出す、という状態ではない。",
        ),
        lambda _wanted, _at: (
            "subject.Policy",
            "subject.PublicAccessBlock",
            "subject.AccountPublicAccessBlock",
            "subject.Account",
            "?source_bucket",
        ),
        "{open_across_accounts: true}",
    ),
)
