"""Predicates about what becomes of the copies: uses_kms, encrypts_replicas, owns_replicas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.exports import Maybe, any_of, export_prefix, options, same
from auditor.predicates.replication import Standing, winners
from auditor.predicates.words import WINNER
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at, walk

_KMS = ("aws:kms", "aws:kms:dsse")
_SELECTED = "SourceSelectionCriteria.SseKmsEncryptedObjects.Status"
_KEY = "Destination.EncryptionConfiguration.ReplicaKmsKeyID"
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:key/.+")


_SOMEWHERE = Text("SSE-KMS somewhere", "いずれかの箇所での SSE-KMS の使用")
_SSE_KMS = Text("a rule that replicates SSE-KMS objects", "SSE-KMS のオブジェクトをレプリケートするルール")
_KEY_IN = Text("the ARN of a KMS key in {}", "{} にある KMS キーの ARN")
_ANY_KEY = Text("the ARN of a KMS key", "KMS キーの ARN")


def _uses_kms(_found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, prefix = options(wanted, "to", "prefix")
    drawn = winners(scope.find("subject.Replication"), to, prefix, scope)
    asked = [any_of((_asks(one, _SELECTED), _asks(one, _KEY))) for one in (*drawn.winners, *drawn.doubts)]
    encryption = scope.find("subject.Encryption")
    verdict = any_of((_exports_encrypted(scope), _encrypted_by_default(encryption), *asked))
    if verdict is True:
        return ()
    if isinstance(verdict, Unread):
        return (unknown_at(encryption.route, verdict, _SOMEWHERE, scope),)
    return (object_to(encryption, _SOMEWHERE, scope),)


def _asks(one: Standing, route: str) -> Maybe:
    found = one.at(route)
    return found.unread if found.unread is not None else found.value not in (None, "Disabled")


def _encrypted_by_default(encryption: Found) -> Maybe:
    if encryption.unread is not None:
        return encryption.unread
    rules = walk(encryption.value, ("Rules",))
    if isinstance(rules, Unread):
        return rules
    found = [walk(rule, ("ApplyServerSideEncryptionByDefault", "SSEAlgorithm")) for rule in rules or []]
    return any_of(one if isinstance(one, Unread) else one in _KMS for one in found)


def _exports_encrypted(scope: Scope) -> bool:
    """Tell whether the table's newest export is known to have asked for SSE-KMS by itself."""
    made = walk(scope.find("table.Exports").value, ("Exports",))
    newest = made[0] if isinstance(made, list) and made else None
    return bool(walk(newest, ("S3SseAlgorithm",)) == "KMS")


def _encrypts_replicas(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, prefix = options(wanted, "to", "prefix")
    drawn = winners(found, to, prefix, scope)
    if not drawn.winners or drawn.doubts:
        doubt = drawn.doubts[0].gap if drawn.doubts else (found.route, Unread("NotApplicable"))
        return (unknown_at(*doubt, WINNER, scope),)
    return tuple(objection for one in drawn.winners for objection in _encrypts(one, scope))


def _encrypts(one: Standing, scope: Scope) -> Iterator[Evidence]:
    selected, key = one.at(_SELECTED), one.at(_KEY)
    if selected.unread is not None:
        yield unknown_at(selected.route, selected.unread, "Enabled", scope)
    elif selected.value != "Enabled":
        note = Text(
            "Objects encrypted with SSE-KMS are skipped without this: they get no replication status and raise no "
            "metric.",
            "これがないと SSE-KMS で暗号化されたオブジェクトは飛ばされます。"
            "レプリケーション状態もメトリクスも残りません。",
        )
        yield object_to(selected, "Enabled", scope, note=note)
    region = scope.find("destination_bucket.Region")
    wanted = _KEY_IN.fill(region.value) if region.unread is None else _ANY_KEY
    if key.unread is not None:
        yield unknown_at(key.route, key.unread, wanted, scope)
    elif key.value is None:
        note = Text(
            "S3 wants the key for the replicas together with SseKmsEncryptedObjects; the bucket's default does not "
            "stand in for it.",
            "SseKmsEncryptedObjects にはレプリカ用のキーの指定が必要です。"
            "バケットのデフォルト暗号化では代わりになりません。",
        )
        yield object_to(key, wanted, scope, note=note)
    else:
        yield from _right_key(key, region, wanted, scope)


def _right_key(key: Found, region: Found, wanted: Text, scope: Scope) -> Iterator[Evidence]:
    matched = _KEY_ARN.fullmatch(str(key.value))
    if matched is None:
        note = Text(
            "An alias or a bare id is looked up in the source's account, and S3 does not check it: replication fails "
            "later. "
            "Give the key's full ARN.",
            "エイリアスや ID だけの指定は送信元アカウントで解決されます。S3 は設定時に検証せず、"
            "後でレプリケーションが失敗します。"
            "キーの ARN を指定してください。",
        )
        yield object_to(key, wanted, scope, note=note)
    elif region.unread is not None:
        yield unknown_at(region.route, region.unread, matched[1], scope)
    elif region.value is not None and matched[1] != region.value:
        note = Text(
            "The key must lie in the destination bucket's Region; S3 treats a multi-Region key as one of its own "
            "Region.",
            "キーは送信先バケットと同じリージョンに必要です。マルチリージョンキーも、"
            "そのリージョンのキーとして扱われます。",
        )
        yield object_to(key, wanted, scope, note=note)
    elif scope.resource("destination_key") is not None:
        yield from _usable(key, scope)


def _usable(key: Found, scope: Scope) -> Iterator[Evidence]:
    """Judge the declared destination key, which has to be the one that the rule names."""
    described = scope.find("destination_key.Description")
    arn = walk(described.value, ("Arn",))
    if isinstance(arn, Unread) or described.unread is not None:
        yield unknown_at(
            described.route, described.unread or arn, Text("an enabled symmetric key", "有効な対称キー"), scope
        )
        return
    if isinstance(arn, str) and arn != key.value:
        note = Text(
            "The rule names another key than the pipeline's destination_key, whose policy and state are looked after.",
            "ルールが指定しているのは、パイプラインで宣言した destination_key とは別のキーです。",
        )
        yield object_to(key, arn, scope, note=note)
        return
    for name, wanted in (("KeyState", "Enabled"), ("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyManager", "CUSTOMER")):
        found = Found(walk(described.value, (name,)), f"{described.route}.{name}")
        if found.unread is not None:
            yield unknown_at(found.route, found.unread, wanted, scope)
        elif found.value is not None and found.value != wanted:
            yield object_to(found, wanted, scope)


def _owns_replicas(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    account, to = str(scope.take("subject.Account")), scope.take("subject.Arn")
    controls = scope.find("subject.OwnershipControls")
    drawn = winners(scope.find("source_bucket.Replication"), to, export_prefix(scope), scope)
    if drawn.doubts:
        yield unknown_at(*drawn.doubts[0].gap, WINNER, scope)
        return
    for one in drawn.winners:
        override = _overrides(one)
        right = any_of((_enforced(controls), override))
        if isinstance(right, Unread):
            yield unknown_at(f"{controls.route}.Rules[0].ObjectOwnership", right, "BucketOwnerEnforced", scope)
        elif not right:
            yield _foreign(controls, scope)
        yield from _right_account(one, account, override, scope)


def _overrides(one: Standing) -> Maybe:
    return same(one.at("Destination.AccessControlTranslation.Owner").value, "Destination")


def _enforced(controls: Found) -> Maybe:
    if controls.unread is not None:
        return controls.unread
    rules = walk(controls.value, ("Rules",))
    if isinstance(rules, Unread):
        return rules
    return any_of(same(walk(rule, ("ObjectOwnership",)), "BucketOwnerEnforced") for rule in rules or [])


def _foreign(controls: Found, scope: Scope) -> Evidence:
    shown = walk(controls.value, ("Rules", 0, "ObjectOwnership"))
    note = Text(
        "The replicas belong to the source account, and readers in this account get AccessDenied. The rule could "
        "instead hand them "
        "over (AccessControlTranslation), with s3:ObjectOwnerOverrideToBucketOwner for its role.",
        "レプリカは送信元アカウントの所有となり、このアカウントの利用者が読むと AccessDenied になります。"
        "ルール側で所有者を変える方法"
        "（AccessControlTranslation と、ロールへの s3:ObjectOwnerOverrideToBucketOwner）もあります。",
    )
    route = f"{controls.route}.Rules[0].ObjectOwnership"
    return object_to(Found(shown, route), "BucketOwnerEnforced", scope, note=note)


def _right_account(one: Standing, account: str, override: Maybe, scope: Scope) -> Iterator[Evidence]:
    found = one.at("Destination.Account")
    if found.unread is not None:
        yield unknown_at(found.route, found.unread, account, scope)
    elif (found.value is not None or override is True) and str(found.value) != account:
        note = Text(
            "S3 replicates nothing when another account than this one owns the destination bucket.",
            "送信先バケットの所有者がこのアカウントと異なると、レプリケーションは行われません。",
        )
        yield object_to(found, account, scope, note=note)


_TEXT: Json = {"type": "string"}
_WHERE: Json = {
    "type": "object",
    "properties": {"to": _TEXT, "prefix": _TEXT},
    "required": ["to", "prefix"],
    "additionalProperties": False,
}


def _kms_facets(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("subject.Replication", "subject.Encryption", "?table.Exports")


def _key_facets(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("destination_bucket.Region", "?destination_key.Description")


REPLICAS = (
    Predicate(
        "uses_kms",
        _uses_kms,
        _WHERE,
        Text(
            "SSE-KMS is in play: as the bucket's default, in the newest export's request, or in the rule that wins "
            "the exports.",
            "SSE-KMS が関わっている（バケットのデフォルト、最新のエクスポートの指定、"
            "またはエクスポートに効くルールの設定）。",
        ),
        needs=_kms_facets,
        example='{uses_kms: {to: "${destination_bucket.Arn}", prefix: "${subject.ExportPrefix}"}}',
        asks=lambda _wanted: _SOMEWHERE,
    ),
    Predicate(
        "encrypts_replicas",
        _encrypts_replicas,
        _WHERE,
        Text(
            "The rule that wins the exports replicates SSE-KMS objects, with the ARN of a usable key in the "
            "destination's Region.",
            "エクスポートに効くルールが SSE-KMS のオブジェクトをレプリケートし、送信先リージョンの使えるキーの ARN "
            "を指定している。",
        ),
        needs=_key_facets,
        example='{at: Replication, encrypts_replicas: {to: "${destination_bucket.Arn}", prefix: exports/AWSDynamoDB/}}',
        asks=lambda _wanted: _SSE_KMS,
    ),
    Predicate(
        "owns_replicas",
        _owns_replicas,
        {"const": True},
        Text(
            "The replicas belong to this bucket's account: by BucketOwnerEnforced here, or because the rule hands "
            "them over.",
            "レプリカがこのバケットのアカウントの所有になる（BucketOwnerEnforced、またはルールによる所有者の変更）。",
        ),
        needs=lambda _wanted, _at: ("subject.OwnershipControls", "source_bucket.Replication"),
        example="{owns_replicas: true}",
    ),
)
