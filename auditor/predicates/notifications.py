"""The entries of a notification document: whom they tell, of which events, for which objects; and separates_entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.exports import Maybe, all_of, any_of, encoded, full_export_keys, incremental_export_keys, runs
from auditor.scope import Found, Predicate, Scope, first_unread, object_to, unknown_at, walk

LISTS: Mapping[str, str] = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
MULTIPART = "s3:ObjectCreated:CompleteMultipartUpload"
CREATED = ("s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", MULTIPART)
REASONS: Mapping[str, str] = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    MULTIPART: "CompleteMultipartUpload",
}
"""What EventBridge calls them in `detail.reason` (S3UG ev-events)."""

_FILTERS = frozenset({"prefix", "suffix"})
_STRANGE = Text("a filter by {}", "{} によるフィルター")


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration of a function, queue or topic."""

    value: Json
    route: str
    arn_key: str

    @property
    def arn(self) -> Json:
        """Return the ARN that is told, perhaps unread."""
        return walk(self.value, (self.arn_key,))

    def tells(self, to: str) -> Maybe:
        """Tell whether the entry is for this destination; a function's alias or version counts as the function."""
        arn = self.arn
        if isinstance(arn, Unread):
            return arn
        return arn == to or (":function:" in to and to.count(":") == 6 and str(arn).startswith(f"{to}:"))

    def hears(self, event: str) -> Maybe:
        """Tell whether the entry is for this event, by name or by its family's `*`."""
        events = walk(self.value, ("Events",))
        if isinstance(events, Unread):
            return events
        return any_of(one if isinstance(one, Unread) else _stands_for(str(one), event) for one in listed(events))

    def filter(self, name: str) -> Found:
        """Return the value of the filter's prefix or suffix; S3 spells the names in either case."""
        route = f"{self.route}.Filter.Key.FilterRules"
        rules = walk(self.value, ("Filter", "Key", "FilterRules"))
        if isinstance(rules, Unread):
            return Found(rules, route)
        for index, rule in enumerate(listed(rules)):
            said = rule if isinstance(rule, Unread) else walk(rule, ("Name",))
            if isinstance(said, Unread):
                return Found(said, f"{route}[{index}]")
            if str(said).lower() == name:
                return Found(walk(rule, ("Value",)), f"{route}[{index}].Value")
            if str(said).lower() not in _FILTERS:
                return Found(Unread("NotEvaluated", detail=_STRANGE.fill(said)), f"{route}[{index}]")
        return Found(None, route)

    def admits(self, key: str) -> Maybe:
        """Tell whether the filter lets a key through; S3 compares filters with the URL-encoded key."""
        return self.sieve()(key)

    def sieve(self) -> Callable[[str], Maybe]:
        """Return what tells of each key whether the filter lets it through."""
        prefix, suffix = self.filter("prefix").value, self.filter("suffix").value
        head, tail = str(prefix or ""), str(suffix or "")

        def lets(key: str) -> Maybe:
            seen = encoded(key)
            return all_of(
                (
                    prefix if isinstance(prefix, Unread) else seen.startswith(head),
                    suffix if isinstance(suffix, Unread) else seen.endswith(tail),
                )
            )

        return lets

    @property
    def gap(self) -> tuple[str, Unread]:
        """Return where and why the entry is not known."""
        return first_unread(self.value, self.route) or (self.route, Unread("NotRead"))


def entries(found: Found) -> tuple[Entry, ...]:
    """Return the entries of a notification document; a list that is unread stands as one unknown entry."""
    return tuple(_entries(found))


def _entries(found: Found) -> Iterator[Entry]:
    for name, arn_key in LISTS.items():
        made = walk(found.value, (name,))
        if isinstance(made, Unread):
            yield Entry(made, f"{found.route}.{name}", arn_key)
            continue
        for index, one in enumerate(listed(made)):
            yield Entry(one, f"{found.route}.{name}[{index}]", arn_key)


def _stands_for(name: str, event: str) -> bool:
    return name == event or (name.endswith(":*") and event.startswith(name[:-1]))


def meet(event: str, other: str) -> bool:
    """Tell whether two event names share an event: `s3:ObjectCreated:*` stands for all of its family."""
    return _stands_for(event, other) or _stands_for(other, event)


def listed(value: Json) -> list[Json]:
    """Return AWS's "one or many" as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


SORTS: tuple[tuple[str, str], ...] = (
    ("FULL_EXPORT", "DYNAMODB_JSON"),
    ("INCREMENTAL_EXPORT", "DYNAMODB_JSON"),
    ("FULL_EXPORT", "ION"),
    ("INCREMENTAL_EXPORT", "ION"),
)
"""The sorts of exports, whose objects lie in different folders and end differently; the first is AWS's default."""


@lru_cache(maxsize=256)
def keys_of(sort: tuple[str, str], prefix: str) -> tuple[tuple[str, ...], ...]:
    """Return the keys of several exports of one sort, export by export."""
    kind, form = sort
    make = full_export_keys if kind == "FULL_EXPORT" else incremental_export_keys
    return tuple(make(prefix, run, ".ion.gz" if form == "ION" else ".json.gz") for run in runs())


def other_keys(prefix: str) -> tuple[str, ...]:
    """Return keys of objects that are no exports but lie under the pipeline's prefix."""
    return (f"{prefix}orders.csv", f"{prefix}2024/01/01/part-00000.parquet", f"{prefix}.keep")


def some_of_each(exports: Iterable[Iterable[str]], heard: Mapping[str, Maybe]) -> Maybe:
    """Tell whether at least one object of every export is heard."""
    return all_of(any_of(heard[key] for key in keys) for keys in exports)


_APART = Text("no event and object in common with {}", "{} とイベント・オブジェクトが重複しないこと")


def _separates_entries(found: Found, _wanted: Json, scope: Scope) -> Iterable[Evidence]:
    return tuple(evidence for one, other in combinations(entries(found), 2) for evidence in _clash(one, other, scope))


def _clash(one: Entry, other: Entry, scope: Scope) -> Iterator[Evidence]:
    """Yield the objection to two entries that S3 would call ambiguous (S3UG notification-how-to-filtering)."""
    pairs = [(a, b) for a in listed(walk(one.value, ("Events",))) for b in listed(walk(other.value, ("Events",)))]
    events = [a if isinstance(a, Unread) else b if isinstance(b, Unread) else meet(str(a), str(b)) for a, b in pairs]
    unread = next((part.value for part in (one, other) if isinstance(part.value, Unread)), None)
    verdict = all_of(
        (unread if unread is not None else any_of(events), _meet(one, other, "prefix"), _meet(one, other, "suffix"))
    )
    wanted = _APART.fill(one.route)
    if isinstance(verdict, Unread):
        yield unknown_at(*(other.gap if first_gap(other) else one.gap), wanted, scope)
    elif verdict:
        shared = next(str(a) for a, b in pairs if meet(str(a), str(b)))
        note = Text(
            f"Both take {shared} for the same objects, and S3 refuses a configuration with such a pair. Fan out "
            f"through SNS or "
            "EventBridge, or part them by prefix or suffix.",
            f"どちらも同じオブジェクトの {shared} を受け取ります。S3 はこのような設定を受け付けません。SNS か "
            f"EventBridge で分配するか、"
            "プレフィックスかサフィックスで分けてください。",
        )
        yield object_to(Found(other.arn, other.route), wanted, scope, note=note)


def first_gap(entry: Entry) -> bool:
    """Tell whether a part of an entry is not known."""
    return entry.gap[0] != entry.route or isinstance(entry.value, Unread)


def _meet(one: Entry, other: Entry, name: str) -> Maybe:
    here, there = one.filter(name).value, other.filter(name).value
    for value in (here, there):
        if isinstance(value, Unread):
            return value
    a, b = str(here or ""), str(there or "")
    return a.startswith(b) or b.startswith(a) if name == "prefix" else a.endswith(b) or b.endswith(a)


NOTIFICATIONS = (
    Predicate(
        "separates_entries",
        _separates_entries,
        {"const": True},
        Text(
            "No two entries share an event and an object: S3 would refuse them.",
            "同じイベントとオブジェクトを取り合う設定がない（あれば S3 に拒否される）。",
        ),
        example="{at: Notification, separates_entries: true}",
    ),
)
