"""DynamoDB exports as AWS runs them; moto's have broken ARNs, no manifests and no checks."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from auditor.standin.access import Need, judge
from auditor.standin.backups import window
from auditor.standin.callers import Caller, caller_of
from auditor.standin.options import OPTIONS
from auditor.standin.patch import wrap
from auditor.standin.s3.documents import find_bucket
from auditor.standin.s3.events import announce

_PAGE = 25
_MIN_WINDOW, _MAX_WINDOW = 15 * 60, 24 * 3600
_SSE = {"KMS": "aws:kms", "AES256": "AES256"}


def install() -> None:
    """Replace moto's export operations."""
    from moto.dynamodb.responses import DynamoHandler

    wrap(DynamoHandler, "export_table_to_point_in_time", lambda _: _export)
    wrap(DynamoHandler, "describe_export", lambda _: _describe)
    wrap(DynamoHandler, "list_exports", lambda _: _list)


@dataclass
class Export:
    """One export: the request it answers, the table, and how far it has come."""

    request: dict[str, Any]
    table: Any
    account: str
    start: dt.datetime
    exporter: Caller | None = None
    status: str = "IN_PROGRESS"
    end: dt.datetime | None = None
    failure: tuple[str, str] | None = None
    items: int = 0
    size: int = 0
    manifest: str | None = None
    id: str = field(init=False)
    arn: str = field(init=False)

    def __post_init__(self) -> None:
        # 14 digits of milliseconds and 8 hexadecimal digits, the last part of the ARN and a folder in the bucket.
        self.id = f"{int(self.start.timestamp() * 1000):014d}-{uuid.uuid4().hex[:8]}"
        self.arn = f"{self.table.table_arn}/export/{self.id}"

    @property
    def kind(self) -> str:
        """Return FULL_EXPORT or INCREMENTAL_EXPORT."""
        return str(self.request.get("ExportType", "FULL_EXPORT"))

    def described(self) -> dict[str, Any]:
        """Return DescribeExport's ExportDescription."""
        asked = self.request
        code, message = self.failure or (None, None)
        done = self.status == "COMPLETED"
        full = self.kind == "FULL_EXPORT"
        answer = {
            "ExportArn": self.arn,
            "ExportStatus": self.status,
            "StartTime": self.start,
            "EndTime": self.end,
            "ExportManifest": self.manifest,
            "TableArn": self.table.table_arn,
            "TableId": table_id(self.table),
            "ExportTime": asked.get("ExportTime", self.start) if full else None,
            "FailureCode": code,
            "FailureMessage": message,
            "ExportFormat": asked.get("ExportFormat", "DYNAMODB_JSON"),
            "ExportType": self.kind,
            "S3SseAlgorithm": asked.get("S3SseAlgorithm", "AES256"),
            "BilledSizeBytes": self.size if done else None,
            "ItemCount": self.items if done else None,
        }
        copied = ("ClientToken", "S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId")
        answer |= {name: asked.get(name) for name in (*copied, "IncrementalExportSpecification")}
        return {name: value for name, value in answer.items() if value is not None}

    def run(self) -> None:
        """Write the objects of the export; record why it failed where it cannot."""
        time.sleep(OPTIONS.export_seconds)
        bucket = find_bucket(self.request["S3Bucket"])
        if bucket is None:
            self.failure = ("S3NoSuchBucket", "The specified bucket does not exist")
        elif bucket.account_id != self.request.get("S3BucketOwner", self.account) or not self._may_write(bucket):
            self.failure = ("S3AccessDenied", "Access Denied")
        else:
            self._write(bucket)
        self.end = _now()
        self.status = "FAILED" if self.failure else "COMPLETED"

    def _may_write(self, bucket: Any) -> bool:
        """Return whether the exporter may: DynamoDB writes with the credentials of who asked for the export."""
        if not OPTIONS.enforce or self.exporter is None:
            return True
        objects = f"{bucket.arn}/{self._folder()}/{self.id}/manifest-summary.json"
        forwarded = {"aws:ViaAWSService": "true", "aws:CalledVia": "dynamodb.amazonaws.com"}
        wanted = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload")
        needs = [Need(action, objects, bucket.account_id, bucket.policy, forwarded) for action in wanted]
        return all(judge(self.exporter, need).effect == "allowed" for need in needs)

    def _folder(self) -> str:
        return "/".join(part for part in (self.request.get("S3Prefix", "").strip("/"), "AWSDynamoDB") if part)

    def _write(self, bucket: Any) -> None:
        from moto.s3.models import s3_backends

        backend: Any = s3_backends[bucket.account_id][bucket.partition]
        sse = {
            "encryption": _SSE.get(self.request.get("S3SseAlgorithm", "")),
            "kms_key_id": self.request.get("S3SseKmsKeyId"),
        }
        self.end = _now()
        for name, content, uploaded in self._objects(f"{self._folder()}/{self.id}/"):
            key = backend.put_object(bucket.name, name, content, disable_notification=True, **sse)
            announce(bucket, f"s3:ObjectCreated:{'CompleteMultipartUpload' if uploaded else 'Put'}", key)

    def _objects(self, base: str) -> list[tuple[str, bytes, bool]]:
        """Return name, content and whether it comes by multipart upload, which AWS documents of data files only."""
        from moto.core.utils import gzip_compress

        items = [item.to_json(root_attr_name="Item") for item in self.table.all_items()]
        lines = [json.dumps(item, default=str) for item in items]
        self.items, self.size = len(lines), sum(map(len, lines))
        content = gzip_compress("".join(line + "\n" for line in lines).encode())
        # The data files of incremental exports share one folder: [prefix/]AWSDynamoDB/data/.
        folder = base if self.kind == "FULL_EXPORT" else base.rpartition(self.id)[0]
        data = f"{folder}data/{uuid.uuid4().hex[:26]}.json.gz"
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        entry = {"itemCount": self.items, "md5Checksum": digest, "etag": f"{digest}-1", "dataFileS3Key": data}
        self.manifest = f"{base}manifest-summary.json"
        files, summary = json.dumps(entry) + "\n", json.dumps(self._summary(base))
        written = [(f"{base}_started", b"", False), (data, content, True)]
        for name, text in (("manifest-files", files), ("manifest-summary", summary)):
            checksum = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            written += [(f"{base}{name}.json", text.encode(), True), (f"{base}{name}.md5", checksum.encode(), True)]
        return written

    def _summary(self, base: str) -> dict[str, Any]:
        described = self.described()
        return {
            "version": "2020-06-30",
            "exportArn": self.arn,
            "startTime": self.start.isoformat(),
            "endTime": (self.end or self.start).isoformat(),
            "tableArn": self.table.table_arn,
            "tableId": table_id(self.table),
            "exportTime": str(described.get("ExportTime", "")),
            "s3Bucket": self.request["S3Bucket"],
            "s3Prefix": self.request.get("S3Prefix"),
            "s3SseAlgorithm": described["S3SseAlgorithm"],
            "s3SseKmsKeyId": self.request.get("S3SseKmsKeyId"),
            "manifestFilesS3Key": f"{base}manifest-files.json",
            "billedSizeBytes": self.size,
            "itemCount": self.items,
            "outputFormat": described["ExportFormat"],
            "exportType": self.kind,
        }


def table_id(table: Any) -> str:
    """Return the table's TableId."""
    return str(getattr(table, "table_id", None) or uuid.uuid5(uuid.NAMESPACE_URL, table.table_arn))


def _export(self: Any) -> Any:
    from moto.core.responses import ActionResult

    backend, asked = self.dynamodb_backend, dict(self.body)
    table = next((each for each in backend.tables.values() if each.table_arn == asked["TableArn"]), None)
    if table is None:
        raise _error("TableNotFoundException", f"Table not found: {asked['TableArn'].rpartition('/')[2]}")
    recovery = table.continuous_backups["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        text = f"Point in time recovery is not enabled for table '{table.name}'"
        raise _error("PointInTimeRecoveryUnavailableException", text)
    _check_times(asked, *window(table))
    token = asked.get("ClientToken")
    same = next(
        (each for each in backend.table_exports.values() if token and each.request.get("ClientToken") == token), None
    )
    if same is not None and same.request != asked:
        raise _error("ExportConflictException", "There was a conflict when writing to the specified S3 bucket")
    export = same or Export(asked, table, backend.account_id, _now(), caller_of(self.get_access_key()))
    answer = export.described()
    if same is None:
        backend.table_exports[export.arn] = export
        threading.Thread(target=export.run, daemon=True).start()
    return ActionResult({"ExportDescription": answer})


def _check_times(asked: dict[str, Any], earliest: float, latest: float) -> None:
    at = _seconds(asked["ExportTime"]) if asked.get("ExportTime") else None
    # The request has whole seconds, the window fractions.
    if at is not None and not int(earliest) <= at <= max(latest, time.time()) + 1:
        raise _error("InvalidExportTimeException", "ExportTime is outside of the point in time recovery window")
    if asked.get("ExportType") != "INCREMENTAL_EXPORT":
        return
    window = asked.get("IncrementalExportSpecification") or {}
    if not window.get("ExportFromTime"):
        raise _error("ValidationException", "IncrementalExportSpecification is required for INCREMENTAL_EXPORT")
    until = _seconds(window.get("ExportToTime", time.time()))
    if not _MIN_WINDOW <= until - _seconds(window["ExportFromTime"]) <= _MAX_WINDOW:
        text = "Difference between ExportFromTime and ExportToTime must be between 15 minutes and 24 hours"
        raise _error("ValidationException", text)


def _describe(self: Any) -> Any:
    from moto.core.responses import ActionResult

    export = self.dynamodb_backend.table_exports.get(self.body["ExportArn"])
    if export is None:
        raise _error("ExportNotFoundException", f"Export not found: {self.body['ExportArn']}")
    return ActionResult({"ExportDescription": export.described()})


def _list(self: Any) -> Any:
    from moto.core.responses import ActionResult

    wanted = self.body.get("TableArn")
    exports = [each for each in self.dynamodb_backend.table_exports.values() if wanted in (None, each.table.table_arn)]
    first, size = int(self.body.get("NextToken") or 0), int(self.body.get("MaxResults") or _PAGE)
    answer: dict[str, Any] = {
        "ExportSummaries": [
            {"ExportArn": each.arn, "ExportStatus": each.status, "ExportType": each.kind}
            for each in exports[first : first + size]
        ]
    }
    if first + size < len(exports):
        answer["NextToken"] = str(first + size)
    return ActionResult(answer)


def _error(code: str, message: str) -> Exception:
    from moto.dynamodb.exceptions import DynamodbException

    return DynamodbException(f"com.amazonaws.dynamodb.v20120810#{code}", message=message)


def _seconds(value: Any) -> float:
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


REPAIRS = (install,)
