"""A predicate about places in S3."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model import Evidence, Json, Text
from auditor.scope import Found, Predicate, Scope, object_to


def _lies_below(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    place = f"{str(wanted).rstrip('/')}/"
    if isinstance(found.value, str) and found.value.startswith(place):
        return ()
    note = Text(f"{found.value} does not begin with {place}.", f"{found.value} は {place} で始まっていません。")
    return (object_to(found, f"below {place}", scope, note=note),)


LIES_BELOW = Predicate(
    "lies_below",
    _lies_below,
    {"type": "string", "pattern": "^s3://"},
    Text("The place in S3 lies below this one.", "S3 上の場所がこの場所の配下にある。"),
    example="{at: WorkGroup.Configuration.ResultConfiguration.OutputLocation, lies_below: 's3://results/'}",
)
