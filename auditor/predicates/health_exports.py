"""Predicates about the exports that were made: exported_within, reaches_exports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.words import NO_LATER, NONE
from auditor.scope import Found, NotRead, Predicate, Scope, first_unread, object_to, unknown_at

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
# ExportTime and the start of the recovery window are told in whole seconds by some of AWS's tools.
_ROUNDING = timedelta(seconds=1)
# LatestRestorableDateTime trails the present by about five minutes.
_TRAILS = timedelta(minutes=10)
_LONGEST_DAYS = 35


_HOURS_AGO = Text("at most {} h ago", "{} 時間以内")
_NO_TIME = Text("no time to reckon with", "経過時間を計算するための時刻がありません")
_NO_START = Text("AWS tells no start of the window", "AWS の応答に PITR の開始時刻がありません")
_RECENT = Text("a COMPLETED export at most {} h ago", "{} 時間以内に COMPLETED となったエクスポート")
_COMPLETED = Text("a COMPLETED export", "COMPLETED のエクスポート")


def moment(value: Json) -> datetime | None:
    """Return a time as AWS's answers and files write it (ISO 8601, or seconds since 1970), `None` if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, timezone.utc)
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    fraction = int((match[7] or "0").ljust(6, "0")[:6])
    zone = match[8] or "Z"
    offset = timedelta(0)
    if zone not in "Zz":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    try:
        clock = [int(part or 0) for part in match.groups()[:6]]
        return datetime(*clock, fraction, tzinfo=timezone.utc) - offset  # type: ignore[misc,arg-type]
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Export:
    """One export of the table into the pipeline's bucket: its description and where that stands."""

    told: Mapping[str, Json]
    route: str

    def at(self, name: str) -> Found:
        return Found(self.told.get(name), f"{self.route}.{name}")

    @property
    def status(self) -> Json:
        return self.told.get("ExportStatus")

    @property
    def incremental(self) -> bool:
        return self.told.get("ExportType") == "INCREMENTAL_EXPORT"

    @property
    def window(self) -> tuple[datetime | None, datetime | None]:
        """Return the span of changes of an incremental export; of a full one, twice the moment it shows."""
        spec = self.told.get("IncrementalExportSpecification")
        if self.incremental and isinstance(spec, Mapping):
            return moment(spec.get("ExportFromTime")), moment(spec.get("ExportToTime"))
        shown = moment(self.told.get("ExportTime")) or moment(self.told.get("StartTime"))
        return shown, shown

    @property
    def finished(self) -> Found:
        """Return when the export ended, as near as its description tells."""
        for name in ("EndTime", "StartTime", "ExportTime"):
            if self.told.get(name) is not None:
                return self.at(name)
        return self.at("EndTime")


def _exports(found: Found, scope: Scope) -> list[_Export]:
    """Return the exports that went to the pipeline's bucket and prefix, newest first as AWS's ARNs order them."""
    listed = (found.value or {}).get("Exports") or [] if isinstance(found.value, Mapping) else []
    if isinstance(listed, Unread):
        raise NotRead(f"{found.route}.Exports", listed)
    kept = []
    for index, told in enumerate(listed):
        route = f"{found.route}.Exports[{index}]"
        if hit := first_unread(told, route):
            raise NotRead(*hit)
        if _belongs(told, scope):
            kept.append(_Export(told, route))
    return kept


def _belongs(told: Mapping[str, Json], scope: Scope) -> bool:
    bucket = scope.resource("source_bucket")
    name = bucket.attributes.get("Name") if bucket else None
    if not bucket or not name or not told.get("S3Bucket"):
        return True
    wanted = str(bucket.attributes.get("Prefix") or "").strip("/")
    written = str(told.get("S3Prefix") or "").strip("/")
    # A job that gives each run a prefix of its own writes below the declared one.
    return told["S3Bucket"] == name and (not wanted or written == wanted or written.startswith(f"{wanted}/"))


def _exported_within(found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    exports = _exports(found, scope)
    done = [export for export in exports if export.status == "COMPLETED"]
    yield from _failed(exports, scope)
    if done:
        yield from _too_old(done[0], wanted, scope)
        yield from _other_table(done[0], scope)
        yield from _gaps(done, scope)
    elif not any(export.status == "FAILED" for export in exports):
        yield _never(found, exports, scope)


def _failed(exports: Iterable[_Export], scope: Scope) -> Iterator[Evidence]:
    """Object to a newest export that failed, with AWS's own words; one that still runs is no answer yet."""
    newest = next((export for export in exports if export.status in {"COMPLETED", "FAILED"}), None)
    if newest is None or newest.status == "COMPLETED":
        return
    code, said = newest.told.get("FailureCode") or "", newest.told.get("FailureMessage") or ""
    words = ": ".join(word for word in (code, said) if word)
    note = Text(
        f"The newest export failed. {words}" if words else "The newest export failed; AWS gives no reason.",
        f"最新のエクスポートが失敗しています。{words}"
        if words
        else "最新のエクスポートが失敗しています (AWS は理由を返していません)。",
    )
    yield object_to(newest.at("ExportStatus"), "COMPLETED", scope, note=note, key=str(code))


def _never(found: Found, exports: list[_Export], scope: Scope) -> Evidence:
    here = Found(None, f"{found.route}.Exports")
    if exports:
        note = Text("The first export still runs.", "最初のエクスポートがまだ実行中です。")
        return object_to(here, _COMPLETED, scope, note=note, shown="IN_PROGRESS")
    note = Text(
        "AWS knows of no export of this table into the bucket and prefix of the pipeline in the last 90 days.",
        "過去 90 日間に、このテーブルからパイプラインのバケットとプレフィックスへのエクスポートはありません。",
    )
    return object_to(here, _COMPLETED, scope, note=note, shown=NONE)


def _too_old(newest: _Export, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    ended, now = newest.finished, moment(scope.snapshot.taken_at)
    then = moment(ended.value)
    if then is None or now is None:
        yield unknown_at(
            ended.route,
            Unread("NotTold", detail=_NO_TIME),
            _HOURS_AGO.fill(f"{wanted:g}"),
            scope,
        )
        return
    hours = (now - then) / timedelta(hours=1)
    if hours > wanted:
        note = Text(
            f"The newest completed export ended {hours:.1f} hours before this audit.",
            f"完了した最新のエクスポートは、この監査の {hours:.1f} 時間前に終わったものです。",
        )
        yield object_to(ended, _HOURS_AGO.fill(f"{wanted:g}"), scope, note=note, key="age")


def _other_table(newest: _Export, scope: Scope) -> Iterator[Evidence]:
    """Object to an export of a former table: one created anew under the same name has another TableId."""
    if not newest.told.get("TableId"):
        return
    told = scope.find("subject.Description.TableId")
    if told.unread is not None:
        yield unknown_at(told.route, told.unread, newest.told["TableId"], scope, key="TableId")
    elif told.value is not None and told.value != newest.told["TableId"]:
        note = Text(
            "The newest completed export is one of a former table of this name: the table was deleted and created anew.",
            "完了した最新のエクスポートは、同じ名前の以前のテーブルのものです。テーブルは削除され、作り直されています。",
        )
        yield object_to(newest.at("TableId"), told.value, scope, note=note, key="TableId")


def _gaps(done: list[_Export], scope: Scope) -> Iterator[Evidence]:
    """Object to changes that no export has: a hole between incremental exports since the last full one."""
    since = next((index for index, export in enumerate(done) if not export.incremental), len(done) - 1)
    chain = sorted(
        (export for export in done[: since + 1] if None not in export.window), key=lambda export: str(export.window[0])
    )
    reached: datetime | None = None
    for export in chain:
        begins, ends = export.window
        assert begins is not None
        assert ends is not None
        if reached is not None and export.incremental and begins > reached + _ROUNDING:
            note = Text(
                f"No completed export has the changes from {_said(reached)} to {_said(begins)}.",
                f"{_said(reached)} から {_said(begins)} までの変更は、完了したどのエクスポートにも含まれていません。",
            )
            spec = Found(export.told["IncrementalExportSpecification"]["ExportFromTime"], "")
            where = Found(spec.value, f"{export.route}.IncrementalExportSpecification.ExportFromTime")
            yield object_to(where, NO_LATER.fill(_said(reached)), scope, note=note, key="gap")
        reached = ends if reached is None else max(reached, ends)


def _said(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _reaches_exports(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    listed = scope.find("subject.Exports")
    if listed.unread is not None:
        raise NotRead(listed.route, listed.unread)
    last = next((export for export in _exports(listed, scope) if _counts(export, scope)), None)
    reached = last.window[1] if last else None
    if last is None or reached is None:
        return
    begins = moment(found.value)
    wanted = NO_LATER.fill(_said(reached))
    if begins is None:
        yield unknown_at(
            found.route,
            Unread("NotTold", detail=_NO_START),
            wanted,
            scope,
        )
    elif begins > reached + _ROUNDING and not _slid(begins, last, scope) and not _overdue(last, scope):
        note = Text(
            f"Recovery begins at {_said(begins)}, after the last export's {_said(reached)}: it was switched off and on "
            "again, and the changes between can be exported no more.",
            f"PITR の開始は {_said(begins)} で、最後のエクスポートの {_said(reached)} より後です。PITR は一度無効にされており、"
            "その間の変更はもうエクスポートできません。",
        )
        yield object_to(found, wanted, scope, note=note)


def _counts(export: _Export, scope: Scope) -> bool:
    """Tell whether an export is the one to go on from; where an age is agreed, export-recent tells of former tables."""
    if export.status != "COMPLETED":
        return False
    told = scope.find("subject.Description.TableId").value
    other = isinstance(told, str) and export.told.get("TableId") not in {None, told}
    return not (other and _age_agreed(scope))


def _age_agreed(scope: Scope) -> bool:
    return scope.find("intent.export_max_age_hours").value is not None


def _overdue(last: _Export, scope: Scope) -> bool:
    """Tell whether the last export is older than agreed: then export-recent tells, and a new one is due anyway."""
    agreed = scope.find("intent.export_max_age_hours").value
    ended, now = moment(last.finished.value), moment(scope.snapshot.taken_at)
    if ended is None or now is None or not isinstance(agreed, int | float):
        return False
    return now - ended > timedelta(hours=agreed)


def _slid(begins: datetime, last: _Export, scope: Scope) -> bool:
    """Tell whether the window is as long as it can be: then it was never interrupted, the last export is just old.

    That breaks a chain of incremental exports too, and export-recent says so where an age is agreed.
    """
    recovery = scope.find("subject.ContinuousBackups.PointInTimeRecoveryDescription").value
    days = recovery.get("RecoveryPeriodInDays", _LONGEST_DAYS) if isinstance(recovery, Mapping) else _LONGEST_DAYS
    now = moment(scope.snapshot.taken_at)
    if now is None or not isinstance(days, int | float):
        return False
    return now - begins >= timedelta(days=days) - _TRAILS and (_age_agreed(scope) or not last.incremental)


HEALTH_EXPORTS = (
    Predicate(
        "exported_within",
        _exported_within,
        {"type": "number", "exclusiveMinimum": 0},
        Text(
            "The newest export into the pipeline's bucket did not fail, the newest completed one ended at most this many hours "
            "before the audit and is of this very table, and no changes are missing between incremental exports.",
            "パイプラインのバケットへの最新のエクスポートが失敗しておらず、完了した最新のものが監査時点から指定の時間以内に終わり、"
            "同じテーブルのもので、増分エクスポートの間に抜けがない。",
        ),
        lambda _wanted, _at: ("subject.Description.TableId", "?source_bucket"),
        "{at: Exports, exported_within: 26}",
        asks=_RECENT.fill,
    ),
    Predicate(
        "reaches_exports",
        _reaches_exports,
        {"const": True},
        Text(
            "The time is not after the moment up to which the newest completed export has the table's changes.",
            "この時刻が、完了した最新のエクスポートに変更が含まれる時点より後ではない。",
        ),
        lambda _wanted, _at: (
            "subject.Exports",
            "subject.Description.TableId",
            "subject.ContinuousBackups",
            "?source_bucket",
        ),
        "{at: ContinuousBackups.PointInTimeRecoveryDescription.EarliestRestorableDateTime, reaches_exports: true}",
    ),
)
