"""Predicates about buckets and their readers: blocks_public_access, denies_plain_http, logs_elsewhere, reads_data_only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from auditor.iam import Policies, Policy, PolicyError, Request, decide
from auditor.model import Evidence, Json, Resource, Text, Unread
from auditor.predicates.access_policies import guard
from auditor.predicates.exports import any_of, export_keys, export_prefix, miss, similar
from auditor.predicates.words import ANOTHER_BUCKET, DID_YOU_MEAN
from auditor.scope import Found, Predicate, Scope, first_unread, object_to, unknown_at, walk

_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:ListBucketMultipartUploads")
_OBJECT_ACTIONS = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:ReplicateObject")


def _blocks_public_access(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    own, account = scope.find("subject.PublicAccessBlock"), scope.find("subject.AccountPublicAccessBlock")
    for flag in _FLAGS:
        # The stricter of the two settings holds (S3UG access-control-block-public-access).
        here, there = walk(own.value, (flag,)), walk(account.value, (flag,))
        verdict = any_of(one if isinstance(one, Unread) else one is True for one in (here, there))
        if isinstance(verdict, Unread):
            side = own if isinstance(here, Unread) else account
            yield unknown_at(f"{side.route}.{flag}", verdict, wanted=True, scope=scope, key=flag)
        elif not verdict:
            yield object_to(Found(here, f"{own.route}.{flag}"), wanted=True, scope=scope)


def _denies_plain_http(found: Found, _wanted: Json, scope: Scope) -> Iterable[Evidence]:
    arn = str(scope.take("subject.Arn"))
    wanted = _TLS
    known, gap = _readable(found)
    policy = _parsed(known, found, scope)
    callers = ("*", *(() if _alike(known) else _callers(scope)))
    open_ones = list(_undenied(policy, arn, callers, scope)) if policy else _probes(arn)
    if not open_ones:
        return ()
    if gap is not None:
        return (unknown_at(*gap, wanted, scope),)
    return (object_to(found, wanted, scope, note=_open(open_ones, arn), shown=_denials(found.value)),)


_TLS = Text(
    "a Deny of s3:* to everyone when aws:SecureTransport is false",
    "aws:SecureTransport が false のとき、全員に対して s3:* を拒否する Deny",
)


def _readable(found: Found) -> tuple[Json, tuple[str, Unread] | None]:
    """Return the policy without the statements that are not known, and the first of those."""
    statements = walk(found.value, ("Statement",))
    listed = statements if isinstance(statements, list) else [] if statements is None else [statements]
    kept = [one for one in listed if first_unread(one) is None]
    gap = next(
        (hit for i, one in enumerate(listed) if (hit := first_unread(one, f"{found.route}.Statement[{i}]"))), None
    )
    version = walk(found.value, ("Version",))
    return {"Version": version if isinstance(version, str) else "2012-10-17", "Statement": kept}, gap


def _probes(arn: str) -> list[tuple[str, str]]:
    return [*((action, arn) for action in _BUCKET_ACTIONS), *((action, f"{arn}/any/key") for action in _OBJECT_ACTIONS)]


def _parsed(known: Mapping[str, Json], found: Found, scope: Scope) -> Policy | None:
    """Return the known part of a bucket policy made ready, `None` without any; a whole one is shared with other rules."""
    if not known["Statement"]:
        return None
    whole = guard(scope, found.route)
    if whole.found.value is found.value and whole.gap is None:
        return whole.policy("strict", principals=True)
    try:
        return Policy.parse(known, "the bucket policy")
    except PolicyError:
        return None


def _alike(policy: Mapping[str, Json]) -> bool:
    """Tell whether every Deny is for everyone alike, so that what it denies to one it denies to all."""
    return all(
        one.get("Principal") in ("*", {"AWS": "*"})
        and all(
            isinstance(keys, Mapping) and {str(key).lower() for key in keys} <= _OF_TRANSPORT
            for keys in (one.get("Condition") or {}).values()
        )
        for one in policy["Statement"]
        if isinstance(one, Mapping) and one.get("Effect") == "Deny"
    )


_OF_TRANSPORT = frozenset({"aws:securetransport", "s3:tlsversion"})


def _undenied(policy: Policy, arn: str, callers: Iterable[str], scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield the actions and resources that are open over plain HTTP to somebody."""
    denied: dict[tuple[str, tuple[int, ...]], bool] = {}
    for action, resource in _probes(arn):
        # Actions of which the same Denies speak are denied alike.
        alike = (resource, tuple([one.index for one in policy.about(action.lower()) if not one.allows]))
        if alike not in denied:
            denied[alike] = bool(alike[1]) and _denied(Policies(resource=policy), action, resource, callers, scope)
        if not denied[alike]:
            yield action, resource


def _denied(policies: Policies, action: str, resource: str, callers: Iterable[str], scope: Scope) -> bool:
    """Tell whether a bucket policy denies an action over plain HTTP to whoever asks.

    A request without TLS has no version of it; AWS counts `NumericLessThan s3:TlsVersion` as refusing it
    (https://repost.aws/knowledge-center/s3-enforce-modern-tls).
    """
    context = {"aws:SecureTransport": "false", "s3:TlsVersion": "0"}
    decisions = (
        decide(
            Request(who, action, resource, context, unlisted="unknowable", resource_account=scope.me.node.account.id),
            policies,
        )
        for who in callers
    )
    return all(decision.effect == "explicit_deny" for decision in decisions)


def _callers(scope: Scope) -> Iterator[str]:
    for node in ("exporter", "replication_role"):
        resource = scope.resource(node)
        if resource is not None and resource.arn:
            yield resource.arn


_A_DENY, _NO_DENY = Text("a Deny", "Sid のない Deny"), Text("no Deny", "Deny なし")


def _denials(policy: Json) -> Json:
    statements = walk(policy, ("Statement",))
    listed = statements if isinstance(statements, list) else [statements]
    return [one.get("Sid", _A_DENY) for one in listed if walk(one, ("Effect",)) == "Deny"] or _NO_DENY


def _open(probes: list[tuple[str, str]], arn: str) -> Text | None:
    if len(probes) == len(_probes(arn)):
        return None
    if all(resource == arn for _, resource in probes):
        return Text(
            f"The objects are covered and the bucket itself is not: add {arn} to the resources.",
            f"オブジェクトは対象ですが、バケット自体が含まれていません。Resource に {arn} を加えてください。",
        )
    if all(resource != arn for _, resource in probes):
        return Text(
            f"The bucket itself is covered and its objects are not: add {arn}/* to the resources.",
            f"バケット自体は対象ですが、オブジェクトが含まれていません。Resource に {arn}/* を加えてください。",
        )
    action, resource = probes[0]
    return Text(f"{action} on {resource} is not denied.", f"{resource} への {action} が拒否されていません。")


def _logs_elsewhere(found: Found, _wanted: Json, scope: Scope) -> Iterable[Evidence]:
    target = Found(walk(found.value, ("LoggingEnabled", "TargetBucket")), f"{found.route}.LoggingEnabled.TargetBucket")
    if target.unread is not None:
        return (unknown_at(target.route, target.unread, ANOTHER_BUCKET, scope),)
    if target.value is None:
        return (object_to(target, ANOTHER_BUCKET, scope),)
    if target.value != scope.take("subject.Name"):
        return ()
    note = Text(
        "Each log that is delivered is an access that is logged, and so on.",
        "ログの書き込み自体もログに記録され、際限なく続きます。",
    )
    return (object_to(target, ANOTHER_BUCKET, scope, note=note),)


def _reads_data_only(found: Found, _wanted: Json, scope: Scope) -> Iterable[Evidence]:
    where = _location(found)
    if where.unread is not None:
        return (
            unknown_at(
                where.route, where.unread, Text("a folder of export data", "エクスポートのデータフォルダ"), scope
            ),
        )
    if "Symlink" in str(walk(found.value, ("StorageDescriptor", "InputFormat"))) or not isinstance(where.value, str):
        return ()
    matched = re.fullmatch(r"s3[an]?://([^/]+)/?(.*)", where.value)
    if matched is None:
        return (object_to(where, "s3://bucket/folder/data/", scope),)
    bucket, folder = matched[1], matched[2]
    names = [one.attributes["Name"] for one in _buckets(scope)]
    if bucket not in names:
        close = similar(bucket, names)
        note = DID_YOU_MEAN.fill(close)
        return (object_to(where, f"s3://{close}/", scope, note=note),) if close else ()
    return _judge_folder(where, bucket, folder if folder.endswith("/") or not folder else f"{folder}/", scope)


def _judge_folder(where: Found, bucket: str, folder: str, scope: Scope) -> tuple[Evidence, ...]:
    prefix = export_prefix(scope)
    reach = re.compile(
        "".join("[^/]+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{[^}]*\})", folder))
    )
    read = [key for key in export_keys(prefix) if reach.match(key)]
    run = re.match(re.escape(prefix) + r"\d{14}-[0-9a-f]{8}/(.*)", folder)
    if (run and not run[1].startswith("data/")) or any("/manifest-" in key for key in read):
        note = Text(
            "Athena reads every object below the location, manifests and checksums included, and cannot leave any out.",
            "Athena は場所の下にあるオブジェクトをマニフェストやチェックサムも含めてすべて読み、除外はできません。",
        )
        return (object_to(where, f"s3://{bucket}/{prefix}…/data/", scope, note=note),)
    slip = None if read or run else miss(re.sub(r"\d{14}-[0-9a-f]{8}/", "", folder), f"{prefix}data/")
    return (object_to(where, f"s3://{bucket}/{prefix}…/data/", scope, note=slip),) if slip else ()


def _location(found: Found) -> Found:
    """Return where the table's data lie: by partition projection's template, else by the table's location."""
    template = walk(found.value, ("Parameters", "storage.location.template"))
    if template is not None and str(walk(found.value, ("Parameters", "projection.enabled"))).lower() == "true":
        return Found(template, f"{found.route}.Parameters.storage.location.template")
    return Found(walk(found.value, ("StorageDescriptor", "Location")), f"{found.route}.StorageDescriptor.Location")


def _buckets(scope: Scope) -> Iterator[Resource]:
    for node in ("destination_bucket", "source_bucket"):
        resource = scope.resource(node)
        if resource is not None and "Name" in resource.attributes:
            yield resource


def _both_blocks(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("subject.PublicAccessBlock", "subject.AccountPublicAccessBlock")


_TRUE: Json = {"const": True}

_OWNER_PAYS = Text("BucketOwner, for replicas of another account", "別アカウントのレプリカを受け取るには BucketOwner")
_LOCK_TOO = Text("Enabled, as at the source", "送信元と同じく Enabled")


def _takes_replicas(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    """Object to a destination that S3 replicates nothing into, whatever its policy says (S3UG replication, DDB-09, REP-19, 20)."""
    payer = scope.find("subject.RequestPayment.Payer")
    foreign = scope.find("subject.Account").value != scope.find("source_bucket.Account").value
    if foreign and payer.unread is not None:
        yield unknown_at(payer.route, payer.unread, _OWNER_PAYS, scope)
    elif foreign and payer.value == "Requester":
        note = Text(
            "S3 does not replicate into a Requester Pays bucket of another account.",
            "リクエスタ支払いのバケットには、別アカウントからレプリケートできません。",
        )
        yield object_to(payer, _OWNER_PAYS, scope, note=note)
    locked = scope.find("source_bucket.ObjectLock.ObjectLockEnabled")
    here = scope.find("subject.ObjectLock.ObjectLockEnabled")
    if locked.unread is not None or (locked.value == "Enabled" and here.unread is not None):
        if here.value != "Enabled":
            unread = locked if locked.unread is not None else here
            yield unknown_at(unread.route, unread.unread or Unread("NotRead"), _LOCK_TOO, scope)
    elif locked.value == "Enabled" and here.value != "Enabled":
        note = Text(
            "Objects of a bucket with Object Lock fail to replicate into one without it (DstBucketObjectLockConfigMissing).",
            "オブジェクトロックが有効なバケットのオブジェクトは、無効なバケットへのレプリケーションに失敗します"
            "（DstBucketObjectLockConfigMissing）。",
        )
        yield object_to(here, _LOCK_TOO, scope, note=note)


BUCKETS = (
    Predicate(
        "takes_replicas",
        _takes_replicas,
        {"const": True},
        Text(
            "The bucket is of a kind that S3 replicates into: its owner pays for requests of other accounts, and it has Object "
            "Lock where the source has.",
            "S3 がレプリケートできるバケットである。別アカウントからのリクエスト料金を所有者が払い、送信元にオブジェクトロックが"
            "あればこちらにもある。",
        ),
        needs=lambda _wanted, _at: (
            "subject.RequestPayment",
            "subject.ObjectLock",
            "subject.Account",
            "?source_bucket.ObjectLock",
        ),
        example="{takes_replicas: true}",
    ),
    Predicate(
        "blocks_public_access",
        _blocks_public_access,
        _TRUE,
        Text(
            "Each of the four flags of Block Public Access is on, at the bucket or at its account.",
            "ブロックパブリックアクセスの 4 つのフラグが、バケットかアカウントのどちらかですべて有効である。",
        ),
        needs=_both_blocks,
        example="{blocks_public_access: true}",
    ),
    Predicate(
        "denies_plain_http",
        _denies_plain_http,
        _TRUE,
        Text(
            "The bucket policy denies everyone every action on the bucket and its objects without TLS.",
            "バケットポリシーが、TLS を使わないリクエストを、"
            "バケットとオブジェクトの全アクションについて全員に拒否する。",
        ),
        example="{at: Policy, denies_plain_http: true}",
    ),
    Predicate(
        "logs_elsewhere",
        _logs_elsewhere,
        _TRUE,
        Text(
            "Server access logging is on, and the logs go to another bucket.",
            "サーバーアクセスログが有効で、記録先が別のバケットである。",
        ),
        example="{at: Logging, logs_elsewhere: true}",
    ),
    Predicate(
        "reads_data_only",
        _reads_data_only,
        _TRUE,
        Text(
            "The table's location holds exported data files and none of the manifests beside them.",
            "テーブルの場所にあるのはエクスポートのデータファイルだけで、マニフェストは含まれない。",
        ),
        needs=lambda _wanted, _at: ("?source_bucket.ExportPrefix", "?destination_bucket.Name"),
        example="{at: Table, reads_data_only: true}",
    ),
)
