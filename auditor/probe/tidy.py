"""Take away what a probe made: every version of its key on both sides, and an upload that was not completed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import Refused, Text
from auditor.probe.aim import Side
from auditor.probe.notes import Note

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline

_LATE_LOOKS = 3
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NoSuchBucket", "NotFound"})


@dataclass(frozen=True, slots=True)
class Tidied:
    """What clean-up came to: versions deleted by bucket, and what is left and why (nothing: all is gone)."""

    deleted: tuple[tuple[str, int], ...]
    left: tuple[Text, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether nothing is left."""
        return not self.left


def tidy(note: Note, pipeline: Pipeline, aws: Aws, *, expected: bool = False, pause: float = 1.0) -> Tidied:
    """Delete all that the note tells of, source first, and forget the note when nothing is left.

    `expected`: the replica has not been seen, and may arrive yet. Then the destination is looked at a few times more, `pause`
    seconds apart; without its source version an object cannot be replicated any more.
    """
    deleted: list[tuple[str, int]] = []
    left: list[Text] = []
    for name in note.buckets:
        side = note.side(name, pipeline)
        if side is None:
            left.append(_elsewhere(note, name))
            continue
        looks = _LATE_LOOKS if expected and name == "destination_bucket" else 1
        count, trouble = _sweep(side, note, aws, looks, pause)
        deleted.append((side.bucket, count))
        left += trouble
    if not left:
        note.forget()
    return Tidied(tuple(deleted), tuple(left))


def _sweep(side: Side, note: Note, aws: Aws, looks: int, pause: float) -> tuple[int, list[Text]]:
    count, trouble = 0, list[Text]()
    if side.node == "source_bucket" and note.upload and not note.version:
        trouble += _attempt(side, aws, note, "AbortMultipartUpload", UploadId=note.upload)
    for look in range(looks):
        if look:
            time.sleep(pause)
        for version in _versions(side, note, aws):
            failed = _attempt(side, aws, note, "DeleteObject", VersionId=version)
            count += not failed
            trouble += failed
    return count, trouble


def _versions(side: Side, note: Note, aws: Aws) -> Iterator[str]:
    """Yield the versions of the key, delete markers included; where they may not be listed, the one that was noted."""
    try:
        found = aws.ask(side.account, side.region)(side.call("ListObjectVersions", Prefix=note.key))
    except Refused as refusal:
        if refusal.reason not in _GONE and note.version:
            yield note.version
        return
    for one in [*(found.get("Versions") or []), *(found.get("DeleteMarkers") or [])]:
        if one.get("Key") == note.key:
            yield str(one.get("VersionId") or "null")


def _attempt(side: Side, aws: Aws, note: Note, operation: str, **params: str) -> list[Text]:
    try:
        aws.tell(side.account, side.region)(side.call(operation, Key=note.key, **params))
    except Refused as refusal:
        if refusal.reason in _GONE:
            return []
        where, why = f"s3://{side.bucket}/{note.key}", f"{operation}: {refusal.reason}"
        return [
            Text(
                f"{where} is still there ({why}). Delete it: auditor probe --clean",
                f"{where} が残っています（{why}）。auditor probe --clean で削除してください。",
            )
        ]
    return []


def _elsewhere(note: Note, name: str) -> Text:
    known = note.buckets[name]
    where = f"s3://{known['bucket']}/{note.key}"
    return Text(
        f"{where} (account {known['account']}) may still be there: the pipeline file no longer declares this bucket.",
        f"{where}（アカウント {known['account']}）が残っている可能性があります。このバケットはパイプラインファイルにありません。",
    )
