"""s3.bucket: the table of its facets, and those that say where it is, what it keeps, tells and deletes."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.kinds.buckets import bucket_arn, bucket_call, bucket_region, export_prefix, member, whole
from auditor.kinds.documents import canonical, sorted_by
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import common
from auditor.kinds.s3_access import ACCESS
from auditor.kinds.s3_health import HEALTH
from auditor.kinds.s3_replication import REPLICATION
from auditor.model import Json, Text

_KEY_LISTS = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")


def _read_location(ask: Ask, target: Target) -> Json:
    return {"Region": bucket_region(ask, target)}


def _write_versioning(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    was, wanted = before or {}, after or {}
    if was.get("MFADelete", "Disabled") != wanted.get("MFADelete", "Disabled"):
        raise Refused("CannotExpress", "MFA delete can be changed only by the root user with its device.")
    if was.get("Status") == wanted.get("Status"):
        return ()
    _nothing_else(wanted, {"Status", "MFADelete"})
    # A bucket that once was versioned cannot become unversioned again, only suspended.
    configuration = {"Status": wanted.get("Status", "Suspended")}
    return (bucket_call(target, "PutBucketVersioning", VersioningConfiguration=configuration),)


def _nothing_else(document: Mapping[str, Json], known: set[str]) -> None:
    """Refuse a document that says more than its request can: S3 would take the rest for switched off."""
    if more := sorted(document.keys() - known):
        raise Refused("CannotExpress", f"S3 answers {', '.join(more)}, which this version cannot write back.")


def _versioning_lost(before: Json, after: Json) -> Text | None:
    if not (before or {}).get("Status") and (after or {}).get("Status"):
        return Text(
            "A bucket cannot become unversioned again: undoing leaves versioning Suspended, and the versions stay.",
            "一度もバージョニングを使っていない状態には戻せません。取り消すと Suspended になり、バージョンは残ります。",
        )
    return None


def _normal_versioning(document: Json) -> Json:
    return {"Status": (document or {}).get("Status"), "MFADelete": (document or {}).get("MFADelete", "Disabled")}


def _write_notification(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    return (bucket_call(target, "PutBucketNotificationConfiguration", NotificationConfiguration=after or {}),)


def _normal_notification(document: Json) -> Json:
    known = document or {}
    lists = {name: sorted_by("Id")([_hearer(one) for one in known[name]]) for name in _KEY_LISTS if known.get(name)}
    return {**lists, "EventBridge": known.get("EventBridgeConfiguration") is not None}


def _hearer(configuration: Mapping[str, Json]) -> Json:
    rules = ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    # S3 answers Prefix where prefix was written; a filter with an empty value is no filter.
    pairs = sorted((str(rule.get("Name", "")).lower(), rule.get("Value", "")) for rule in rules if rule.get("Value"))
    kept = {name: value for name, value in configuration.items() if name not in {"Filter", "Events"}}
    return {**kept, "Events": sorted(configuration.get("Events") or []), "Filter": [list(pair) for pair in pairs]}


def _write_lifecycle(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    rules = (after or {}).get("Rules")
    if not rules:
        return (bucket_call(target, "DeleteBucketLifecycle"),)
    _nothing_else(after, {"Rules", "TransitionDefaultMinimumObjectSize"})
    # The answer's field is a header of the request; left out, S3 falls back to its default.
    size = after.get("TransitionDefaultMinimumObjectSize")
    header = {"TransitionDefaultMinimumObjectSize": size} if size else {}
    configuration = {"Rules": rules}
    return (bucket_call(target, "PutBucketLifecycleConfiguration", LifecycleConfiguration=configuration, **header),)


def _normal_lifecycle(document: Json) -> Json:
    if not (document or {}).get("Rules"):
        return None
    size = document.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    return {"Rules": sorted_by("ID")([_lifecycle_rule(rule) for rule in document["Rules"]]), "MinimumObjectSize": size}


def _lifecycle_rule(rule: Mapping[str, Json]) -> Json:
    kept = {name: sorted(part, key=canonical) if isinstance(part, list) else part for name, part in rule.items()}
    return {**kept, "Filter": rule["Filter"] or {"Prefix": ""}} if "Filter" in rule else kept


def _write_logging(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    return (bucket_call(target, "PutBucketLogging", BucketLoggingStatus=after or {}),)


def _read_uploads(ask: Ask, target: Target) -> Json:
    call = bucket_call(target, "ListMultipartUploads", Prefix=export_prefix(target), MaxUploads=1000)
    found = ask(call)
    uploads = [
        {"Key": one["Key"], "UploadId": one["UploadId"], "Initiated": one["Initiated"]}
        for one in found.get("Uploads") or []
    ]
    return {"Uploads": uploads, "Truncated": bool(found.get("IsTruncated"))}


def _attributes(target: Target) -> Mapping[str, Json]:
    # A bucket need not lie in its account's Region: Region is an alias of what GetBucketLocation says.
    known = {name: value for name, value in common(target, target.id, bucket_arn(target)).items() if name != "Region"}
    return {**known, "Prefix": target.settings.get("prefix", ""), "ExportPrefix": export_prefix(target)}


_STATE = facets(
    Facet(
        "Location",
        _read_location,
        ("s3:GetBucketLocation",),
        Shape("own", fields={"Region": "string"}),
        ("s3:GetBucketLocation",),
        doc=Text("The Region that the bucket lies in.", "バケットのあるリージョンです。"),
    ),
    Facet(
        "Versioning",
        whole("GetBucketVersioning"),
        ("s3:GetBucketVersioning",),
        Shape("api", "s3", "GetBucketVersioning"),
        ("s3:GetBucketVersioning",),
        _write_versioning,
        ("s3:PutBucketVersioning",),
        _versioning_lost,
        Text(
            "Versioning; an empty document means never enabled.",
            "バージョニングです。空なら一度も有効にされていません。",
        ),
        _normal_versioning,
    ),
    Facet(
        "Notification",
        whole("GetBucketNotificationConfiguration"),
        ("s3:GetBucketNotification",),
        Shape("api", "s3", "GetBucketNotificationConfiguration"),
        ("s3:GetBucketNotificationConfiguration",),
        _write_notification,
        ("s3:PutBucketNotification",),
        doc=Text("Whom the bucket tells of which events.", "どのイベントを誰に通知するかです。"),
        normal=_normal_notification,
    ),
    Facet(
        "Lifecycle",
        whole("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("s3:GetLifecycleConfiguration",),
        Shape("api", "s3", "GetBucketLifecycleConfiguration"),
        ("s3:GetBucketLifecycleConfiguration",),
        _write_lifecycle,
        ("s3:PutLifecycleConfiguration",),
        doc=Text("Lifecycle rules.", "ライフサイクルルールです。"),
        normal=_normal_lifecycle,
    ),
    Facet(
        "Logging",
        whole("GetBucketLogging"),
        ("s3:GetBucketLogging",),
        Shape("api", "s3", "GetBucketLogging"),
        ("s3:GetBucketLogging",),
        _write_logging,
        ("s3:PutBucketLogging",),
        doc=Text("Server access logging; an empty document means off.", "サーバーアクセスログです。空なら無効です。"),
    ),
    Facet(
        "RequestPayment",
        # An S3 that answers that it knows no Requester Pays has no bucket with it: the owner pays.
        whole("GetBucketRequestPayment", "NotImplemented"),
        ("s3:GetBucketRequestPayment",),
        Shape("api", "s3", "GetBucketRequestPayment"),
        ("s3:GetBucketRequestPayment",),
        doc=Text("Who pays for requests.", "リクエスト料金を誰が払うかです。"),
    ),
    Facet(
        "ObjectLock",
        member("GetObjectLockConfiguration", "ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
        ("s3:GetBucketObjectLockConfiguration",),
        Shape("api", "s3", "GetObjectLockConfiguration", "ObjectLockConfiguration"),
        ("s3:GetObjectLockConfiguration",),
        doc=Text("Object Lock.", "オブジェクトロックです。"),
    ),
    Facet(
        "MultipartUploads",
        _read_uploads,
        ("s3:ListBucketMultipartUploads",),
        Shape(
            "own",
            fields={
                "Uploads": [{"Key": "string", "UploadId": "string", "Initiated": "timestamp"}],
                "Truncated": "boolean",
            },
        ),
        ("s3:ListMultipartUploads",),
        doc=Text(
            "Multipart uploads under the export prefix that were neither completed nor aborted (at most 1,000).",
            "エクスポートのプレフィックスで完了も中止もされていないマルチパートアップロードです（最大 1,000 件）。",
        ),
    ),
)

BUCKET = Kind(
    name="s3.bucket",
    service="s3",
    attributes=_attributes,
    aliases={"Region": "Location.Region"},
    resource_arn=bucket_arn,
    gone=("NoSuchBucket",),
    doc=Text("An S3 general purpose bucket.", "S3 の汎用バケットです。"),
    facets={**_STATE, **REPLICATION, **ACCESS, **HEALTH},
)
