"""Which of the alarms of a template or a plan watch a bucket."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.errors import Place
from auditor.kinds.parts import Part, lifted, plain
from auditor.kinds.s3_health import watches
from auditor.model import Unread
from auditor.scope import first_unread


def watching(alarms: Iterable[Part], bucket: str, elsewhere: Unread, place: Place) -> Part | Unread:
    """Return the alarms that watch the bucket, and `elsewhere`, since others may exist outside of what was given."""
    mine = [found for one in alarms if (found := _mine(one, bucket)) is not None]
    return Part([*mine, lifted(elsewhere, place)], place) if mine else elsewhere


def _mine(alarm: Part, bucket: str) -> Part | None:
    """Return an alarm that watches the bucket, or why that cannot be told."""
    document = plain(alarm)
    for name in ("Namespace", "MetricName", "Dimensions", "Metrics"):
        hit = first_unread(document if alarm.unread else document.get(name))
        if hit is not None:
            return Part(hit[1], alarm.place)
    return alarm if watches(document, bucket) else None
