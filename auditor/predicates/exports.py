"""The objects that a DynamoDB export writes, as keys to try filters on, and why a prefix misses them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_plus

from auditor.model import Json, Text, Unread
from auditor.scope import Scope, first_unread, walk

Maybe = bool | Unread
"""True, false, or why it cannot be told."""

_RUNS = ("01704067200000-0a1b2c3d", "01956528000000-f9e8d7c6")
"""Two export ids (14 digits of epoch milliseconds, 8 hex digits), so that a filter for one run alone is seen."""

_MANIFESTS = ("manifest-summary.json", "manifest-files.json", "manifest-summary.checksum", "manifest-files.checksum")
_DATA = ("q7ce2v5zei7ktqhyx4vjuvfpqm", "zzbqvkkmxm2avelwbkl3mz7ihq")


def full_export_keys(prefix: str, run: int = 0, data: str = ".json.gz") -> tuple[str, ...]:
    """Return the keys of one full export under an export prefix (`exports/AWSDynamoDB/`); S3DataExport.Output."""
    folder = f"{prefix}{_RUNS[run]}/"
    return (*(f"{folder}data/{name}{data}" for name in _DATA), *(folder + name for name in _MANIFESTS))


def incremental_export_keys(prefix: str, run: int = 0, data: str = ".json.gz") -> tuple[str, ...]:
    """Return the keys of one incremental export: its data lie in a folder that all runs share."""
    manifests = (f"{prefix}{_RUNS[run]}/{name}" for name in _MANIFESTS)
    return (*(f"{prefix}data/{name}{data}" for name in _DATA), *manifests)


@functools.lru_cache(maxsize=64)
def export_keys(prefix: str) -> tuple[str, ...]:
    """Return keys of several exports of both sorts: a filter that lets all of them through covers the exports."""
    runs = range(len(_RUNS))
    return tuple(
        {key: None for run in runs for key in (*full_export_keys(prefix, run), *incremental_export_keys(prefix, run))}
    )


def runs() -> range:
    """Return the numbers of the runs that there are keys of."""
    return range(len(_RUNS))


def export_prefix(scope: Scope) -> str:
    """Return the head of every export key in the pipeline's buckets; replicas keep their keys."""
    nodes = ("source_bucket", scope.subject, "destination_bucket")
    node = next(
        (one for one in nodes if (found := scope.resource(one)) and "ExportPrefix" in found.attributes), scope.subject
    )
    return str(scope.take(f"{node}.ExportPrefix") or "AWSDynamoDB/")


def all_of(verdicts: Iterable[Maybe]) -> Maybe:
    """Return false when one is, else the first unknown, else true."""
    doubt: Maybe = True
    for one in verdicts:
        if one is False:
            return False
        if doubt is True and one is not True:
            doubt = one
    return doubt


def any_of(verdicts: Iterable[Maybe]) -> Maybe:
    """Return true when one is, else the first unknown, else false."""
    doubt: Maybe = False
    for one in verdicts:
        if one is True:
            return True
        if doubt is False and one is not False:
            doubt = one
    return doubt


def same(value: Json, wanted: Json) -> Maybe:
    """Compare a value that may be unread."""
    return value if isinstance(value, Unread) else bool(value == wanted)


def rule_prefix(rule: Json) -> str | Unread:
    """Return the prefix of a replication or lifecycle rule in any of its forms; empty for the whole bucket."""
    filters = walk(rule, ("Filter",))
    if isinstance(filters, Unread):
        return filters
    if filters is None:
        found = walk(rule, ("Prefix",))
    else:
        found = walk(filters, ("And", "Prefix")) if walk(filters, ("And",)) is not None else walk(filters, ("Prefix",))
    return found if isinstance(found, Unread) else str(found or "")


def narrowed(rule: Json, *names: str) -> Maybe:
    """Tell whether a rule's filter asks for more than a prefix: `Tag`, `Tags`, and so on."""
    filters = walk(rule, ("Filter",))
    asked = (walk(filters, path) for name in names for path in ((name,), ("And", name)))
    return any_of(one if isinstance(one, Unread) else bool(one is not None and one != []) for one in asked)


def admits(rule: Json, key: str) -> Maybe:
    """Tell whether a rule applies to an export object.

    DynamoDB gives the objects no tags, so a filter by tag never lets them through.
    """
    return each_admitted(rule, (key,))[0]


def each_admitted(rule: Json, keys: Iterable[str]) -> list[Maybe]:
    """Tell of each of several export objects whether a rule applies to it."""
    tagged = narrowed(rule, "Tag", "Tags")
    prefix = rule_prefix(rule)
    plain = tagged if isinstance(tagged, Unread) else not tagged
    if isinstance(prefix, Unread):
        return [all_of((prefix, plain)) for _ in keys]
    listed = list(keys)
    if plain is False:
        return [False] * len(listed)
    return [plain if key.startswith(prefix) else False for key in listed]


def covers(rule: Json, prefix: str) -> Maybe:
    """Tell whether a rule applies to every object of every export."""
    return all_of(each_admitted(rule, export_keys(prefix)))


def gap(rule: Json, route: str, *parts: str) -> tuple[str, Unread]:
    """Return where and why a rule is not known, looking at the named parts of it first."""
    for part in (*parts, ""):
        value = walk(rule, tuple(part.split("."))) if part else rule
        if hit := first_unread(value, f"{route}.{part}" if part else route):
            return hit
    return route, Unread("NotRead")


@functools.lru_cache(maxsize=4096)
def encoded(key: str) -> str:
    """Return a key as S3 compares it with notification filters: special characters URL-encoded, a space as `+`."""
    return quote(key, safe="/!-_.*'()").replace("%20", "+")


def miss(prefix: str, wanted: str, *, url: bool = False) -> Text | None:
    """Say why a prefix does not lead to the wanted one when it nearly does, or when it can match nothing.

    `url`: the prefix is one of a notification filter, which S3 compares URL-encoded.
    """
    if url and prefix != encoded(unquote_plus(prefix)) and wanted.startswith(unquote_plus(prefix)):
        return _said(
            prefix,
            encoded(unquote_plus(prefix)),
            "special characters are URL-encoded here",
            "特殊文字は URL エンコードして書きます",
        )
    if prefix.startswith("/"):
        return _said(prefix, prefix.lstrip("/"), "no key begins with a slash", "キーは / で始まりません")
    if "*" in prefix:
        return _said(
            prefix, prefix.split("*", maxsplit=1)[0], "a star is no wildcard here", "* はワイルドカードになりません"
        )
    if prefix.startswith(wanted):
        return _narrow(prefix, wanted)
    head = wanted[: len(prefix)]
    if prefix.lower() == head.lower():
        return _said(prefix, head, "upper and lower case differ", "大文字と小文字が異なります")
    heads = [wanted[:length] for length in range(max(len(prefix) - 1, 3), len(prefix) + 2)]
    for head in sorted(heads, key=lambda head: head[-1:] != prefix[-1:]):
        if distance(prefix, head) == 1:
            return _said(prefix, head, "one character differs", "1 文字だけ異なります")
    return None


def _said(found: str, better: str, en: str, ja: str) -> Text:
    return Text(
        f"“{found}” matches no export object: {en}. Did you mean “{better}”?",
        f"「{found}」はエクスポートのどのオブジェクトにも一致しません（{ja}）。「{better}」の間違いではありませんか。",
    )


def _narrow(prefix: str, wanted: str) -> Text:
    if re.match(r"\d{14}-[0-9a-f]{8}", prefix[len(wanted) :]):
        return Text(
            f"“{prefix}” is the folder of one export: the next run writes to another one. Use “{wanted}”.",
            f"「{prefix}」は 1 回分のエクスポートのフォルダです。次回は別のフォルダに書かれます。"
            f"「{wanted}」にしてください。",
        )
    return Text(
        f"“{prefix}” lets only a part of the export objects through; all of them begin with “{wanted}”.",
        f"「{prefix}」に一致するのはエクスポートの一部だけです。すべてのオブジェクトは「{wanted}」で始まります。",
    )


def distance(one: str, other: str) -> int:
    """Return 0 for equal texts, 1 when one insertion, deletion, replacement or swap makes them equal, else 2."""
    if one == other:
        return 0
    if abs(len(one) - len(other)) > 1:
        return 2
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, more = one[start:], other[start:]
    swapped = rest[:2] == more[:2][::-1] and rest[2:] == more[2:]
    return 1 if rest[1:] == more[1:] or rest == more[1:] or rest[1:] == more or swapped else 2


def similar(name: str, others: Iterable[str]) -> str | None:
    """Return the other name that this one is nearly equal to, case apart."""
    return next((other for other in others if name != other and distance(name.lower(), other.lower()) <= 1), None)


def options(mapping: Json, *names: str) -> tuple[Json, ...]:
    """Return named members of a parameter, `None` for those that it leaves out."""
    told = mapping if isinstance(mapping, Mapping) else {}
    return tuple([told.get(name) for name in names])
