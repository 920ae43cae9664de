"""The functions of CloudFormation: what each gives of what it is written with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from auditor.errors import Place
from auditor.files.document import Spot
from auditor.kinds.parts import Part, plain, text
from auditor.model import Json, Text, Unread
from auditor.scope import first_unread
from auditor.sources.cloudformation_conditions import Verdict
from auditor.sources.cloudformation_written import Written

TEXT_AT_MOST = 1_000_000

_HOLE = re.compile(r"\$\{([^{}]*)\}")
_STAND_IN = re.compile(r"\([A-Za-z0-9]+[^()/:]*\)")
DYNAMIC = "{{resolve:"


class Values(Protocol):
    """What the functions ask of whoever reads a template."""

    @property
    def mappings(self) -> Written | None:
        """Return the template's mappings."""

    def resolve(self, written: Written) -> Part | None:
        """Return a written value; `None` for AWS::NoValue."""

    def reference(self, name: str) -> Json:
        """Return what Ref gives of a parameter, a pseudo parameter or a resource."""

    def answer(self, logical: str, attribute: str) -> str | Unread:
        """Return what GetAtt gives."""

    def decide(self, condition: str) -> Verdict:
        """Return whether a named condition holds."""

    def export(self, name: str) -> Part | None:
        """Return what another template exports."""


_Found = Json
"""A `Part`, `None` for no value, or plain JSON that stands where the function does."""


DYNAMIC_LATER = Text(
    "A dynamic reference is read when the stack is made.", "動的参照はスタックの作成時に読み取られます。"
)
_NAME_LATER = Text(
    "The name of a resource is made up when the stack is made.", "リソースの名前はスタックの作成時に決まります。"
)
_ANOTHER_STACK = Text(
    "Another stack exports {}: give its template as a further --source.",
    "{} は別のスタックのエクスポートです。そのテンプレートも --source で指定してください。",
)


def unresolved(detail: Text) -> Unread:
    """Return a value that is known only when the stack is made."""
    return Unread("Unresolved", detail=detail)


def _wrong(place: Place, en: str, ja: str) -> Unread:
    return Unread("Malformed", detail=Text(f"{place}: {en}", f"{place}: {ja}"))


def _ref(reading: Values, inner: Written, place: Place) -> _Found:
    name = inner.value
    if name == "AWS::NoValue":
        return None
    if not isinstance(name, str):
        return _wrong(place, "Ref takes a name.", "Ref には名前を指定します。")
    return reading.reference(name)


def _get_att(reading: Values, inner: Written, place: Place) -> _Found:
    parts = inner.value.split(".", 1) if isinstance(inner.value, str) else inner.value
    if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
        return _wrong(
            place, "Fn::GetAtt takes a logical id and an attribute.", "Fn::GetAtt には論理 ID と属性を指定します。"
        )
    attributes = [reading.resolve(one) for one in inner.each()[1:]] if isinstance(inner.value, list) else []
    words = [parts[1]] if isinstance(inner.value, str) else [plain(one) for one in attributes]
    unread = next((word for word in words if isinstance(word, Unread)), None)
    return unread or reading.answer(parts[0], ".".join(map(str, words)))


def _sub(reading: Values, inner: Written, place: Place) -> _Found:
    form, *more = inner.each() or [inner]
    if not isinstance(form.value, str) or len(more) > 1:
        return _wrong(
            place,
            "Fn::Sub takes a text, or a list of a text and a mapping.",
            "Fn::Sub には文字列、または文字列とマッピングのリストを指定します。",
        )
    if DYNAMIC in form.value:
        return unresolved(DYNAMIC_LATER)
    variables = dict(more[0].items()) if more else {}
    made, length, end = [], 0, 0
    for hole in _HOLE.finditer(form.value):
        value = f"${{{hole[1][1:]}}}" if hole[1].startswith("!") else _hole(reading, hole[1].strip(), variables, place)
        if isinstance(value, Unread):
            return value
        made += [form.value[end : hole.start()], value]
        end = hole.end()
        length += len(value)
        if length > TEXT_AT_MOST:
            return _wrong(place, "the text grows too long.", "文字列が長くなりすぎます。")
    return "".join([*made, form.value[end:]])


def _hole(reading: Values, name: str, variables: Mapping[str, Written], place: Place) -> str | Unread:
    if name in variables:
        part = reading.resolve(variables[name])
    else:
        logical, _, attribute = name.partition(".")
        reference = {"Fn::GetAtt": [logical, attribute]} if attribute else {"Ref": name}
        part = reading.resolve(Written(reference, Spot(place.line, place.column), place.file))
    found = (
        text(part).value
        if part is not None
        else _wrong(place, f"${{{name}}} has no value.", f"${{{name}}} に値がありません。")
    )
    return (
        found
        if isinstance(found, str | Unread)
        else _wrong(place, f"${{{name}}} is no text.", f"${{{name}}} が文字列ではありません。")
    )


def _join(reading: Values, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2:
        return _wrong(place, "Fn::Join takes a delimiter and a list.", "Fn::Join には区切り文字とリストを指定します。")
    listed = reading.resolve(inner.each()[1])
    if listed is None or listed.unread:
        return listed.unread if listed else _wrong(place, "Fn::Join takes a list.", "Fn::Join にはリストを指定します。")
    words = [text(one).value for one in listed.items()]
    return _or_unread(words, lambda: _joined(str(inner.value[0]), words, place))


def _joined(delimiter: str, words: list[str], place: Place) -> Json:
    if sum(map(len, words)) + len(delimiter) * len(words) > TEXT_AT_MOST:
        return _wrong(place, "the text grows too long.", "文字列が長くなりすぎます。")
    return delimiter.join(words)


def _or_unread(values: Iterable[Json], make: Callable[[], Json]) -> Json:
    """Return why the first unread value is so, else what is made of all."""
    return next((one for one in values if isinstance(one, Unread)), None) or make()


def _select(reading: Values, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2:
        return _wrong(
            place, "Fn::Select takes an index and a list.", "Fn::Select にはインデックスとリストを指定します。"
        )
    index, listed = (reading.resolve(one) for one in inner.each())
    if index is None or listed is None:
        return _wrong(
            place, "Fn::Select takes an index and a list.", "Fn::Select にはインデックスとリストを指定します。"
        )
    if unread := index.unread or listed.unread:
        return unread
    number, items = str(index.value), listed.value
    if not number.isdecimal() or not isinstance(items, list) or int(number) >= len(items):
        return _wrong(place, f"Fn::Select finds no item {number}.", f"Fn::Select の {number} 番目の項目がありません。")
    return items[int(number)]


def _split(reading: Values, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2 or not isinstance(inner.value[0], str):
        return _wrong(
            place, "Fn::Split takes a delimiter and a text.", "Fn::Split には区切り文字と文字列を指定します。"
        )
    delimiter, part = inner.value[0], reading.resolve(inner.each()[1])
    if part is None or not isinstance(part.value, str) or not delimiter:
        return (part and part.unread) or _wrong(
            place, "Fn::Split takes a delimiter and a text.", "Fn::Split には区切り文字と文字列を指定します。"
        )
    # No name that CloudFormation makes up has `:` or `/`; of other delimiters nobody knows how many it has.
    if delimiter not in {":", "/"} and _STAND_IN.search(part.value):
        return unresolved(_NAME_LATER)
    return part.value.split(delimiter)


def _find_in_map(reading: Values, inner: Written, place: Place) -> _Found:
    written = inner.each()
    if not isinstance(inner.value, list) or len(written) < 3:
        return _wrong(
            place,
            "Fn::FindInMap takes the names of a map and of two keys.",
            "Fn::FindInMap にはマップ名と 2 つのキー名を指定します。",
        )
    default = written[3].get("DefaultValue") if len(written) == 4 else None
    found = reading.mappings
    for one in written[:3]:
        key = reading.resolve(one)
        word = text(key).value if key is not None else None
        if isinstance(word, Unread):
            return word
        found = found.get(word) if found is not None and isinstance(word, str) else None
    if found is None:
        return (
            _wrong(place, "Fn::FindInMap finds nothing.", "Fn::FindInMap に該当する値がありません。")
            if default is None
            else reading.resolve(default)
        )
    part = reading.resolve(found)
    return None if part is None else Part(part.value, place)


def _if(reading: Values, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 3 or not isinstance(inner.value[0], str):
        return _wrong(
            place, "Fn::If takes the name of a condition and two values.", "Fn::If には条件名と 2 つの値を指定します。"
        )
    verdict = reading.decide(inner.value[0])
    _, yes, no = inner.each()
    if isinstance(verdict, Unread):
        return _merged(reading.resolve(yes), reading.resolve(no), verdict, place)
    return reading.resolve(yes if verdict else no)


def _merged(one: Part | None, other: Part | None, why: Unread, place: Place) -> Part | None:
    """Return what both branches of an undecided condition agree on; what differs is unread."""
    if one is None and other is None:
        return None
    if one is None or other is None:
        return Part(why, place)
    if isinstance(one.value, dict) and isinstance(other.value, dict):
        names = dict.fromkeys((*one.value, *other.value))
        made = {name: _merged(one.value.get(name), other.value.get(name), why, place) for name in names}
        return Part({name: part for name, part in made.items() if part is not None}, place)
    if isinstance(one.value, list) and isinstance(other.value, list) and len(one.value) == len(other.value):
        pairs = zip(one.value, other.value, strict=True)
        return Part([_merged(a, b, why, place) for a, b in pairs], place)
    if isinstance(one.value, dict | list) or isinstance(other.value, dict | list):
        return Part(why, place)
    return one if text(one).value == text(other).value else Part(why, place)


def _import_value(reading: Values, inner: Written, place: Place) -> _Found:
    name = reading.resolve(inner)
    if name is None or not isinstance(name.value, str):
        return (name and name.unread) or _wrong(
            place, "Fn::ImportValue takes the name of an export.", "Fn::ImportValue にはエクスポート名を指定します。"
        )
    known, said = reading.export(name.value), name.value
    if known is not None:
        return Part(known.value, place)
    return unresolved(_ANOTHER_STACK.fill(said))


def _to_json(reading: Values, inner: Written, _place: Place) -> _Found:
    value = plain(reading.resolve(inner))
    hit = first_unread(value)
    return hit[1] if hit else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _length(reading: Values, inner: Written, place: Place) -> _Found:
    part = reading.resolve(inner)
    if part is None or not isinstance(part.value, list):
        return (part and part.unread) or _wrong(
            place, "Fn::Length takes a list.", "Fn::Length にはリストを指定します。"
        )
    return len(part.value)


FUNCTIONS: Mapping[str, Callable[[Values, Written, Place], _Found]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::ToJsonString": _to_json,
    "Fn::Length": _length,
}
