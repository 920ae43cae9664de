"""Edits that fit any document: merge mappings, raise numbers, and put, set or drop the items of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from auditor.edits.edit import Edit, known, mapping
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope, steps, walk

Combine = Callable[[Json, Json, str], Json]


def merged(document: Json, wanted: Mapping[str, Json], leaf: Combine | None = None, route: str = "") -> dict[str, Json]:
    """Return a document with `wanted` merged into its mappings, everything else as it was and in its order.

    A list of the document is never replaced by another one: `Refused` (`CannotExpress`) says so.
    """
    result = mapping(document, route or "the document")
    for key, value in wanted.items():
        here = f"{route}.{key}" if route else str(key)
        if isinstance(value, Mapping):
            result[key] = merged(result.get(key), value, leaf, here)
        else:
            result[key] = (leaf or _set)(result.get(key), value, here)
    return result


_HOLDS_MORE = Text(
    "{} holds more than the fix knows of, so it is not replaced.", "{} には想定外の内容が含まれるため、置き換えません。"
)
_NO_NUMBER = Text("{} is not a number that can be raised.", "{} は数値でないため、引き上げられません。")
_ALIKE = Text("{} has {} items that {} cannot tell apart.", "{0} に、{2} では区別できない項目が {1} 件あります。")
_NO_LIST = Text("{} is not a list, so its items cannot be edited.", "{} はリストではないため、項目を編集できません。")


def _set(current: Json, value: Json, route: str) -> Json:
    if isinstance(current, Mapping) or (isinstance(current, list) and current and current != value):
        raise Refused("CannotExpress", _HOLDS_MORE.fill(route))
    return value


def _raise(current: Json, value: Json, route: str) -> Json:
    if not _is_number(value) or not (current is None or _is_number(current)):
        raise Refused("CannotExpress", _NO_NUMBER.fill(route))
    return value if current is None else max(current, value)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _merge(document: Json, wanted: Json, _scope: Scope) -> Json:
    return merged(document, known(wanted))


def _raise_to(document: Json, wanted: Json, _scope: Scope) -> Json:
    return merged(document, known(wanted), _raise)


def _put_item(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    keys = [param["key"]] if isinstance(param["key"], str) else param["key"]
    item = param["item"]
    items = items_at(document, param["list"])
    found = [index for index, one in enumerate(items) if all(_at(one, key) == _at(item, key) for key in keys)]
    if len(found) > 1:
        raise Refused("CannotExpress", _ALIKE.fill(param["list"], len(found), ", ".join(keys) or "-"))
    if found:
        items[found[0]] = merged(items[found[0]], item)
    else:
        items.append(item)
    return with_items(document, param["list"], items)


def _set_in(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    items = items_at(document, param["list"])
    changed = [merged(one, param["set"]) if _fits(one, param["where"]) else one for one in items]
    return document if changed == items else with_items(document, param["list"], changed)


def _drop_item(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    items = items_at(document, param["list"])
    kept = [one for one in items if not _fits(one, param["where"])]
    return document if len(kept) == len(items) else with_items(document, param["list"], kept)


def _fits(item: Json, where: Mapping[str, Json]) -> bool:
    return all(_at(item, route) == value for route, value in where.items())


def _at(item: Json, route: str) -> Json:
    return walk(item, steps(route))


def items_at(document: Json, route: str) -> list[Json]:
    """Return a copy of the list at a route; an absent list is empty."""
    value = _at(document, route)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise Refused("CannotExpress", _NO_LIST.fill(route))
    return list(value)


def with_items(document: Json, route: str, items: list[Json]) -> Json:
    """Return a document with another list at a route; without items the list goes, and an empty document is `None`."""
    head, _, rest = route.partition(".")
    result = mapping(document, "the document")
    value = with_items(result.get(head), rest, items) if rest else items or None
    if value is None:
        result.pop(head, None)
    else:
        result[head] = value
    return result or None


_ROUTE = {"type": "string", "minLength": 1}
_MAPPING = {"type": "object", "minProperties": 1}
_LIST_AND_WHERE = {"list": _ROUTE, "where": {"type": "object"}}

DOCUMENTS: tuple[Edit, ...] = (
    Edit(
        "merge",
        _merge,
        _MAPPING,
        Text(
            "Sets the given fields, deep inside mappings, and leaves every other field as it is.",
            "指定したフィールドだけを（入れ子の中も含めて）設定し、ほかのフィールドはそのまま残します。",
        ),
        "{facet: Versioning, merge: {Status: Enabled}}",
    ),
    Edit(
        "raise_to",
        _raise_to,
        _MAPPING,
        Text(
            "Raises the given numbers to at least these values and never lowers one.",
            "指定した数値を少なくともこの値まで引き上げます。下げることはありません。",
        ),
        "{facet: ContinuousBackups, raise_to: {PointInTimeRecoveryDescription: {RecoveryPeriodInDays: 35}}}",
    ),
    Edit(
        "put_item",
        _put_item,
        {
            "type": "object",
            "properties": {
                "list": _ROUTE,
                "key": {"anyOf": [_ROUTE, {"type": "array", "items": _ROUTE}]},
                "item": _MAPPING,
            },
            "required": ["list", "key", "item"],
            "additionalProperties": False,
        },
        Text(
            "Adds an item to a list, or merges it into the item with the same key fields; with no key the list holds "
            "one item.",
            "リストに項目を追加します。キーが同じ項目があればそこへマージします。キーが空のときは、項目が 1 "
            "つだけのリストとみなします。",
        ),
        "{facet: OwnershipControls, put_item: {list: Rules, key: [], item: {ObjectOwnership: BucketOwnerEnforced}}}",
    ),
    Edit(
        "set_in",
        _set_in,
        {
            "type": "object",
            "properties": {**_LIST_AND_WHERE, "set": _MAPPING},
            "required": ["list", "where", "set"],
            "additionalProperties": False,
        },
        Text(
            "Sets fields in every item of a list whose routes have the given values.",
            "リストのうち、指定したルートの値が一致する項目すべてにフィールドを設定します。",
        ),
        "{facet: Replication, set_in: {list: Rules, where: {ID: exports}, set: {Status: Enabled}}}",
    ),
    Edit(
        "drop_item",
        _drop_item,
        {
            "type": "object",
            "properties": {**_LIST_AND_WHERE, "where": _MAPPING},
            "required": ["list", "where"],
            "additionalProperties": False,
        },
        Text(
            "Removes the items of a list whose routes have the given values.",
            "リストから、指定したルートの値が一致する項目を取り除きます。",
        ),
        "{facet: Lifecycle, drop_item: {list: Rules, where: {ID: auditor-abort-incomplete-uploads}}}",
    ),
)
