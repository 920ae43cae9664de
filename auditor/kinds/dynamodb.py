"""dynamodb.table: continuous backups, description, resource policy, and the exports of the last 90 days."""

from __future__ import annotations

import re
from collections.abc import Mapping

from auditor.kinds.documents import encoded, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, answer, facets
from auditor.kinds.names import arn, common, is_arn, resource_of
from auditor.kinds.paging import pages
from auditor.model import Json, Text

DESCRIBED_EXPORTS = 10
_EXPORT_TIME = re.compile(r"/export/(\d+)-")


def _name(target: Target) -> str:
    return resource_of(target.id).removeprefix("table/")


def _arn(target: Target) -> str:
    return target.id if is_arn(target.id) else arn(target, "dynamodb", f"table/{target.id}")


def _table(target: Target, operation: str, **params: Json) -> Call:
    return Call("dynamodb", operation, {"TableName": _name(target), **params})


def _read_backups(ask: Ask, target: Target) -> Json:
    return ask(_table(target, "DescribeContinuousBackups"))["ContinuousBackupsDescription"]


def _recovery(document: Json) -> tuple[bool, Json]:
    described = (document or {}).get("PointInTimeRecoveryDescription") or {}
    on = described.get("PointInTimeRecoveryStatus") == "ENABLED"
    # UpdateContinuousBackups falls back to 35 days when the period is left out.
    return on, described.get("RecoveryPeriodInDays", 35) if on else None


def _write_backups(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    on, days = _recovery(after)
    if on and "RecoveryPeriodInDays" not in (after.get("PointInTimeRecoveryDescription") or {}):
        days = _recovery(before)[1] or days
    specification = {"PointInTimeRecoveryEnabled": on} | ({"RecoveryPeriodInDays": days} if on else {})
    return (_table(target, "UpdateContinuousBackups", PointInTimeRecoverySpecification=specification),)


def _backups_lost(before: Json, after: Json) -> Text | None:
    (was_on, old), (on, new) = _recovery(before), _recovery(after)
    if was_on and (not on or new < old):
        return Text(
            "The history outside the new recovery window is gone for good; switched on again, the window starts anew.",
            "新しい復旧期間に入らない履歴は完全に失われます。再度有効にしても、復旧期間はその時点から始まります。",
        )
    return None


def _normal_backups(document: Json) -> Json:
    return dict(zip(("On", "Days"), _recovery(document), strict=True))


def _read_description(ask: Ask, target: Target) -> Json:
    return ask(_table(target, "DescribeTable"))["Table"]


def _protection(document: Json) -> bool:
    return bool((document or {}).get("DeletionProtectionEnabled", False))


def _write_description(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    if _protection(before) == _protection(after):
        return ()
    return (_table(target, "UpdateTable", DeletionProtectionEnabled=_protection(after)),)


def _normal_description(document: Json) -> Json:
    return {"DeletionProtectionEnabled": _protection(document)}


def _read_policy(ask: Ask, target: Target) -> Json:
    call = Call("dynamodb", "GetResourcePolicy", {"ResourceArn": _arn(target)})
    found = answer(ask, call, absent=("PolicyNotFoundException",))
    return None if found is None else parsed(found["Policy"], f"The resource policy of table {_name(target)}")


def _write_policy(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    if after is None:
        return (Call("dynamodb", "DeleteResourcePolicy", {"ResourceArn": _arn(target)}),)
    return (Call("dynamodb", "PutResourcePolicy", {"ResourceArn": _arn(target), "Policy": encoded(after)}),)


def _read_exports(ask: Ask, target: Target) -> Json:
    listing = Call("dynamodb", "ListExports", {"TableArn": _arn(target), "MaxResults": 25})
    # One export every 15 minutes for 90 days fills 346 pages; AWS does not document an order.
    summaries = pages(ask, listing, "ExportSummaries", bound=400)
    arns = sorted((one["ExportArn"] for one in summaries), key=_started, reverse=True)[:DESCRIBED_EXPORTS]
    return {"Exports": [found for one in arns if (found := _describe_export(ask, one)) is not None]}


def _describe_export(ask: Ask, export_arn: str) -> Json:
    # AWS forgets an export after 90 days, which may be between the two calls.
    found = answer(
        ask, Call("dynamodb", "DescribeExport", {"ExportArn": export_arn}), absent=("ExportNotFoundException",)
    )
    return None if found is None else found["ExportDescription"]


def _started(export_arn: str) -> tuple[int, str]:
    """Return the sort key of an export ARN, whose id begins with the milliseconds since 1970."""
    match = _EXPORT_TIME.search(export_arn)
    return (int(match[1]) if match else 0, export_arn)


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, _name(target), _arn(target))


TABLE = Kind(
    name="dynamodb.table",
    service="dynamodb",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("ResourceNotFoundException", "TableNotFoundException"),
    doc=Text("A DynamoDB table.", "DynamoDB テーブルです。"),
    facets=facets(
        Facet(
            "ContinuousBackups",
            _read_backups,
            ("dynamodb:DescribeContinuousBackups",),
            Shape("api", "dynamodb", "DescribeContinuousBackups", "ContinuousBackupsDescription"),
            ("dynamodb:DescribeContinuousBackups",),
            _write_backups,
            ("dynamodb:UpdateContinuousBackups",),
            _backups_lost,
            Text(
                "Point-in-time recovery: on or off, and how far back.", "ポイントインタイムリカバリの状態と期間です。"
            ),
            _normal_backups,
        ),
        Facet(
            "Description",
            _read_description,
            ("dynamodb:DescribeTable",),
            Shape("api", "dynamodb", "DescribeTable", "Table"),
            ("dynamodb:DescribeTable",),
            _write_description,
            ("dynamodb:UpdateTable",),
            doc=Text(
                "The table itself: status, encryption, replicas, deletion protection. Only the last can be written.",
                "テーブル本体（状態、暗号化、レプリカ、削除保護）です。書き込めるのは削除保護だけです。",
            ),
            normal=_normal_description,
        ),
        Facet(
            "Policy",
            _read_policy,
            ("dynamodb:GetResourcePolicy",),
            Shape("policy"),
            ("dynamodb:GetResourcePolicy",),
            _write_policy,
            ("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"),
            doc=Text("The table's resource policy.", "テーブルのリソースポリシーです。"),
            normal=normal_policy,
        ),
        Facet(
            "Exports",
            _read_exports,
            ("dynamodb:ListExports", "dynamodb:DescribeExport"),
            Shape("own", fields={"Exports": [Shape("api", "dynamodb", "DescribeExport", "ExportDescription")]}),
            ("dynamodb:ListExports", "dynamodb:DescribeExport"),
            doc=Text(
                f"The newest {DESCRIBED_EXPORTS} exports to S3 of the last 90 days, newest first.",
                f"過去 90 日間の S3 エクスポートのうち新しい {DESCRIBED_EXPORTS} 件です（新しい順）。",
            ),
        ),
    ),
)
