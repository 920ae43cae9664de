"""What the values of a template are in one account and Region: references, functions and conditions, in three values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from auditor.errors import Place
from auditor.files.document import Spot
from auditor.kinds.parts import Part, lifted, plain, text
from auditor.model import Account, Json, Unread
from auditor.scope import first_unread
from auditor.sources.cloudformation_conditions import Verdict, decided
from auditor.sources.cloudformation_names import IDENTITIES, filled
from auditor.sources.cloudformation_template import Template, Written

TEXT_AT_MOST = 1_000_000
NAME_AT_MOST = 2048
CHAIN_AT_MOST = 40

_HOLE = re.compile(r"\$\{([^{}]*)\}")
_STAND_IN = re.compile(r"\([A-Za-z0-9]+[^()/:]*\)")
_DYNAMIC = "{{resolve:"


@dataclass(slots=True)
class Stack:
    """A template as it would be deployed in one account and Region with the parameters given.

    `mark` tells apart what has one logical id in several templates; `exports` is what other stacks there export.
    """

    template: Template
    account: Account
    region: str
    given: Mapping[str, str]
    mark: str = ""
    exports: Callable[[str], Part | None] = lambda _name: None
    decisions: dict[str, Verdict] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def condition(self, name: str) -> Verdict:
        """Return whether a condition holds, or why that cannot be told."""
        if name in self.decisions:
            return self.decisions[name]
        written = self.template.conditions.get(name)
        if written is None:
            return Unread("Malformed", detail=f"The template has no condition {name}.")
        key = f"condition {name}"
        if key in self.under_way or len(self.under_way) > CHAIN_AT_MOST:
            return Unread("Circular", detail=f"The condition {name} depends on itself.")
        self.under_way.append(key)
        try:
            verdict = decided(written, self.condition, Reading(self).resolve)
        finally:
            self.under_way.pop()
        if isinstance(verdict, Unread) and verdict.reason != "Conditional":
            verdict = Unread("Conditional", detail=f"The condition {name} is undecided: {verdict.detail}")
        self.decisions[name] = verdict
        return verdict

    def exists(self, logical: str) -> Verdict:
        """Return whether a resource of the template will be there."""
        condition = self.template.resources[logical].value.get("Condition")
        return True if condition is None else self.condition(condition)

    def type_of(self, logical: str) -> str:
        """Return the type of a resource of the template."""
        return str(self.template.resources[logical].value["Type"])

    def stand_in(self, logical: str) -> str:
        """Return the text that stands for the name of a resource until CloudFormation has made one up."""
        return f"({logical}{self.mark})"

    def pseudo(self, name: str) -> Json:
        """Return a pseudo parameter; those of the stack itself may be given like parameters."""
        known = {
            "AWS::AccountId": self.account.id,
            "AWS::Region": self.region,
            "AWS::Partition": self.account.partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.account.partition == "aws-cn" else "amazonaws.com",
        }
        if name in known:
            return known[name]
        return self.given.get(name) or _unresolved(
            f"{name} is known only when the stack is made: give it with --parameter {name}=…"
        )

    def parameter(self, name: str) -> Json:
        """Return a parameter's value: as it was given, else its default."""
        declared = self.template.parameters[name].value
        declared = declared if isinstance(declared, Mapping) else {}
        kind, value = str(declared.get("Type", "String")), self.given.get(name)
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return _unresolved(f"The parameter {name} is read from Systems Manager when the stack is made.")
        if value is None:
            value = declared.get("Default")
        if value is None:
            return _unresolved(f"The parameter {name} has no value: give it with --parameter {name}=…")
        if isinstance(value, list | Mapping):
            return Unread("Malformed", detail=f"The default of parameter {name} must be text.")
        said = text(Part(value, Place(""))).value
        listed = kind == "CommaDelimitedList" or kind.startswith("List<")
        return [one.strip() for one in said.split(",")] if listed else said


def _unresolved(detail: str) -> Unread:
    return Unread("Unresolved", detail=detail)


@dataclass(slots=True)
class Reading:
    """One reading of a stack's values, with the names that its resources have for whom reads (`named`)."""

    stack: Stack
    named: Mapping[str, str | Unread] = field(default_factory=dict)
    names: dict[str, str | Unread | None] = field(default_factory=dict)

    def property(self, logical: str, name: str) -> Part | None:
        """Return a property of a resource by a path of names with dots; `None` when it is absent."""
        written = self.stack.template.resources[logical].get("Properties")
        if written is None:
            return None
        first, *rest = name.split(".")
        if any(key.startswith("Fn::") for key in written.value):
            return Part(Unread("Macro", detail="A transform makes these properties."), written.place)
        found = written.get(first)
        part = None if found is None else self.resolve(found)
        for step in rest:
            part = None if part is None else part.get(step)
        return part

    def given_name(self, logical: str) -> str | Unread | None:
        """Return the name that the template gives a resource; `None` when CloudFormation makes one up."""
        if logical in self.names:
            return self.names[logical]
        stack = self.stack
        if logical in stack.under_way or len(stack.under_way) > CHAIN_AT_MOST:
            return Unread("Circular", detail=f"The name of {logical} depends on itself.")
        stack.under_way.append(logical)
        try:
            identity = IDENTITIES[stack.type_of(logical)]
            found = identity.naming(lambda name: self.property(logical, name), stack.stand_in(logical))
        finally:
            stack.under_way.pop()
        if isinstance(found, str) and len(found) > NAME_AT_MOST:
            found = Unread("Malformed", detail=f"The name of {logical} is too long.")
        self.names[logical] = found
        return found

    def name(self, logical: str) -> str | Unread:
        """Return a resource's name: as its reader knows it, as the template gives it, or what stands for it."""
        known = self.named.get(logical)
        if known is not None:
            return known
        given = self.given_name(logical)
        return given if isinstance(given, str) else self.stack.stand_in(logical)

    def answer(self, logical: str, attribute: str = "") -> str | Unread:
        """Return what Ref (or GetAtt of an attribute) answers of a resource."""
        stack = self.stack
        written = stack.template.resources.get(logical)
        if written is None:
            return Unread("Malformed", detail=f"The template has no {logical}.")
        if stack.exists(logical) is False:
            return Unread("Malformed", detail=f"{logical} is not made, for its condition is false.")
        identity = IDENTITIES.get(stack.type_of(logical))
        form = None if identity is None else identity.attributes.get(attribute) if attribute else identity.ref
        if form is None:
            what = f"{attribute} of {logical}" if attribute else f"The id of {logical}"
            return _unresolved(f"{what} ({stack.type_of(logical)}) is known only after deployment.")
        name = self.name(logical)
        path = self._path(logical) if "{path}" in form else ""
        if isinstance(name, Unread) or isinstance(path, Unread):
            return name if isinstance(name, Unread) else path
        return filled(form, name, path, stack.account.id, stack.region, stack.account.partition)

    def _path(self, logical: str) -> str | Unread:
        known = self.named.get(f"{logical} path")
        part = self.property(logical, "Path")
        found = known if known is not None else "/" if part is None else text(part).value
        return found if isinstance(found, str | Unread) else "/"

    def resolve(self, written: Written) -> Part | None:
        """Return a written value with its references and functions resolved; `None` for AWS::NoValue."""
        value, place = written.value, written.place
        if isinstance(value, str):
            if _DYNAMIC in value:
                return Part(_unresolved("A dynamic reference is read when the stack is made."), place)
            return Part(value, place)
        if isinstance(value, list):
            items = (self.resolve(one) for one in written.each())
            return Part([one for one in items if one is not None], place)
        if isinstance(value, Mapping):
            return self._mapping(written)
        if value is None:
            return Part(Unread("Malformed", detail=f"{place}: CloudFormation takes no null."), place)
        return Part(value, place)

    def _mapping(self, written: Written) -> Part | None:
        name = next(iter(written.value), "") if len(written.value) == 1 else ""
        if name == "Ref" or name.startswith("Fn::"):
            inner = written.get(name)
            assert inner is not None
            return self._call(name, inner, written.place)
        if any(key.startswith("Fn::") for key in written.value):
            return Part(Unread("Macro", detail=f"{written.place}: a function among other keys."), written.place)
        parts = {key: self.resolve(one) for key, one in written.items()}
        return Part({key: one for key, one in parts.items() if one is not None}, written.place)

    def _call(self, name: str, inner: Written, place: Place) -> Part | None:
        function = _FUNCTIONS.get(name)
        if function is None:
            detail = f"{place}: what {name} gives is not known here."
            return Part(Unread("Macro" if "Transform" in name else "NotEvaluated", detail=detail), place)
        found = function(self, inner, place)
        if isinstance(found, Part) or found is None:
            return found
        return Part(found, place) if isinstance(found, str | Unread) else lifted(found, place)


_Found = Json
"""A `Part`, `None` for no value, or plain JSON that stands where the function does."""


def _wrong(place: Place, wanted: str) -> Unread:
    return Unread("Malformed", detail=f"{place}: {wanted}")


def _ref(reading: Reading, inner: Written, place: Place) -> _Found:
    name = inner.value
    if name == "AWS::NoValue":
        return None
    if not isinstance(name, str):
        return _wrong(place, "Ref takes a name.")
    stack = reading.stack
    if name.startswith("AWS::"):
        return stack.pseudo(name)
    if name in stack.template.parameters:
        return stack.parameter(name)
    return reading.answer(name)


def _get_att(reading: Reading, inner: Written, place: Place) -> _Found:
    parts = inner.value.split(".", 1) if isinstance(inner.value, str) else inner.value
    if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
        return _wrong(place, "Fn::GetAtt takes a logical id and an attribute.")
    attributes = [reading.resolve(one) for one in inner.each()[1:]] if isinstance(inner.value, list) else []
    words = [parts[1]] if isinstance(inner.value, str) else [plain(one) for one in attributes]
    unread = next((word for word in words if isinstance(word, Unread)), None)
    return unread or reading.answer(parts[0], ".".join(map(str, words)))


def _sub(reading: Reading, inner: Written, place: Place) -> _Found:
    form, *more = inner.each()
    if not isinstance(form.value, str) or len(more) > 1:
        return _wrong(place, "Fn::Sub takes a text, or a list of a text and a mapping.")
    if _DYNAMIC in form.value:
        return _unresolved("A dynamic reference is read when the stack is made.")
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
            return _wrong(place, "the text grows too long.")
    return "".join([*made, form.value[end:]])


def _hole(reading: Reading, name: str, variables: Mapping[str, Written], place: Place) -> str | Unread:
    if name in variables:
        part = reading.resolve(variables[name])
    else:
        logical, _, attribute = name.partition(".")
        reference = {"Fn::GetAtt": [logical, attribute]} if attribute else {"Ref": name}
        part = reading.resolve(Written(reference, Spot(place.line, place.column), place.file))
    found = text(part).value if part is not None else _wrong(place, f"${{{name}}} has no value.")
    return found if isinstance(found, str | Unread) else _wrong(place, f"${{{name}}} is no text.")


def _join(reading: Reading, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2:
        return _wrong(place, "Fn::Join takes a delimiter and a list.")
    listed = reading.resolve(inner.each()[1])
    if listed is None or listed.unread:
        return listed.unread if listed else _wrong(place, "Fn::Join takes a list.")
    words = [text(one).value for one in listed.items()]
    return _or_unread(words, lambda: _bounded(str(inner.value[0]).join(words), place))


def _bounded(made: str, place: Place) -> _Found:
    return made if len(made) <= TEXT_AT_MOST else _wrong(place, "the text grows too long.")


def _or_unread(values: Iterable[Json], make: Callable[[], Json]) -> Json:
    """Return why the first unread value is so, else what is made of all."""
    return next((one for one in values if isinstance(one, Unread)), None) or make()


def _select(reading: Reading, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2:
        return _wrong(place, "Fn::Select takes an index and a list.")
    index, listed = (reading.resolve(one) for one in inner.each())
    if index is None or listed is None:
        return _wrong(place, "Fn::Select takes an index and a list.")
    if unread := index.unread or listed.unread:
        return unread
    number, items = str(index.value), listed.value
    if not number.isdecimal() or not isinstance(items, list) or int(number) >= len(items):
        return _wrong(place, f"Fn::Select finds no item {number}.")
    return items[int(number)]


def _split(reading: Reading, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 2 or not isinstance(inner.value[0], str):
        return _wrong(place, "Fn::Split takes a delimiter and a text.")
    delimiter, part = inner.value[0], reading.resolve(inner.each()[1])
    if part is None or not isinstance(part.value, str) or not delimiter:
        return (part and part.unread) or _wrong(place, "Fn::Split takes a delimiter and a text.")
    # No name that CloudFormation makes up has `:` or `/`; of other delimiters nobody knows how many it has.
    if delimiter not in {":", "/"} and _STAND_IN.search(part.value):
        return _unresolved("The name of a resource is made up when the stack is made.")
    return part.value.split(delimiter)


def _find_in_map(reading: Reading, inner: Written, place: Place) -> _Found:
    written = inner.each()
    if not isinstance(inner.value, list) or len(written) < 3:
        return _wrong(place, "Fn::FindInMap takes the names of a map and of two keys.")
    default = written[3].get("DefaultValue") if len(written) == 4 else None
    found = reading.stack.template.mappings
    for one in written[:3]:
        key = reading.resolve(one)
        word = text(key).value if key is not None else None
        if isinstance(word, Unread):
            return word
        found = found.get(word) if found is not None and isinstance(word, str) else None
    if found is None:
        return _wrong(place, "Fn::FindInMap finds nothing.") if default is None else reading.resolve(default)
    part = reading.resolve(found)
    return None if part is None else Part(part.value, place)


def _if(reading: Reading, inner: Written, place: Place) -> _Found:
    if not isinstance(inner.value, list) or len(inner.value) != 3 or not isinstance(inner.value[0], str):
        return _wrong(place, "Fn::If takes the name of a condition and two values.")
    verdict = reading.stack.condition(inner.value[0])
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


def _import_value(reading: Reading, inner: Written, _place: Place) -> _Found:
    name = reading.resolve(inner)
    if name is not None and isinstance(name.value, str) and (known := reading.stack.exports(name.value)) is not None:
        return plain(known)
    said = name.value if name is not None and isinstance(name.value, str) else "a value"
    return _unresolved(f"Another stack exports {said}: give its template as a further --source.")


def _to_json(reading: Reading, inner: Written, _place: Place) -> _Found:
    value = plain(reading.resolve(inner))
    hit = first_unread(value)
    return hit[1] if hit else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _length(reading: Reading, inner: Written, place: Place) -> _Found:
    part = reading.resolve(inner)
    if part is None or not isinstance(part.value, list):
        return (part and part.unread) or _wrong(place, "Fn::Length takes a list.")
    return len(part.value)


_FUNCTIONS: Mapping[str, Callable[[Reading, Written, Place], _Found]] = {
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
