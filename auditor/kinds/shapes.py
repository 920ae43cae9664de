"""botocore's service model as a type checker: does a route exist, may a document look like this, is a call valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from auditor.files import did_you_mean
from auditor.kinds import KINDS, Call, Kind, Shape
from auditor.kinds.names import common
from auditor.model import Json, Unread

_STEP = re.compile(r"([^.\[\]]+)|\[(\d*)\]")
_LISTED = 20
# What AWS answers beside the values of its own model.
_ALSO_ANSWERED = {"FilterRuleName": ("Prefix", "Suffix")}


@dataclass(frozen=True, slots=True)
class Form:
    """What may stand at a place: its JSON type, its members (`other` for those of any other name), its values.

    A list's items are `other`. `type` is `mapping`, `list`, `string`, `integer`, `number`, `boolean`, `timestamp` or
    `any`. Members are made when they are asked for: botocore's shapes may contain themselves.
    """

    type: str
    members: Callable[[], Mapping[str, Form]] = dict
    other: Callable[[], Form] | None = None
    enum: tuple[str, ...] = ()
    one_or_many: bool = False
    """IAM's elements: the value itself, or a list of such values."""


ANYTHING = Form("any")
TEXT = Form("string")
_TEXTS = Form("string", one_or_many=True)
_PRINCIPAL = Form("any")
_CONDITION = Form("mapping", other=lambda: Form("mapping", other=lambda: ANYTHING))
_STATEMENT = Form(
    "mapping",
    lambda: {
        "Sid": TEXT,
        "Effect": Form("string", enum=("Allow", "Deny")),
        "Principal": _PRINCIPAL,
        "NotPrincipal": _PRINCIPAL,
        "Action": _TEXTS,
        "NotAction": _TEXTS,
        "Resource": _TEXTS,
        "NotResource": _TEXTS,
        "Condition": _CONDITION,
    },
    one_or_many=True,
)
POLICY = Form(
    "mapping",
    lambda: {
        "Version": Form("string", enum=("2012-10-17", "2008-10-17")),
        "Id": TEXT,
        "Statement": _STATEMENT,
    },
)


def route_problem(kind: Kind | str, route: str) -> str | None:
    """Return why a route (`Versioning.Status`, `Replication.Rules[0].Status`) leads nowhere; `None` when it exists.

    The first step is a facet, an attribute or an alias. `[0]` (or `[]`) steps into a list; a name never does.
    """
    try:
        _at(_kind(kind), route)
    except _NowhereError as nowhere:
        return nowhere.sentence
    return None


def enum_values(kind: Kind | str, route: str) -> tuple[str, ...]:
    """Return the values that AWS knows for a route; none when it is free text, or leads nowhere."""
    try:
        return _at(_kind(kind), route).enum
    except _NowhereError:
        return ()


def routes(kind: Kind | str, facet: str, depth: int = 4) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return every route into a facet down to `depth` names, with its JSON type and AWS's values for it."""
    return list(_walk(facet, form_of(_kind(kind).facets[facet].shape), depth))


def document_problem(kind: Kind | str, facet: str, document: Json) -> str | None:
    """Return the first thing in a document that AWS would never say; `None` when there is none.

    `None` (not configured) and unread parts may stand anywhere.
    """
    return next((sentence for _, sentence in document_misfits(kind, facet, document)), None)


def document_misfits(kind: Kind | str, facet: str, document: Json) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield all in a document that AWS would never say: the path of the part, and a sentence without a full stop."""
    yield from _misfits(form_of(_kind(kind).facets[facet].shape), document, ())


def form_at(kind: Kind | str, route: str) -> Form | None:
    """Return what may stand at a route; `None` when it leads nowhere."""
    try:
        return _at(_kind(kind), route)
    except _NowhereError:
        return None


def call_problem(call: Call) -> str | None:
    """Return why AWS has no such call or would not take its parameters, in one line; `None` when it is valid."""
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from botocore.validate import ParamValidator

    try:
        operation = _model(call.service).operation_model(call.operation)
    except (UnknownServiceError, OperationNotFoundError):
        return f"AWS has no {call.service}:{call.operation}"
    if operation.input_shape is None:
        return None if not call.params else f"{call.operation} takes no parameters"
    report = ParamValidator().validate(dict(call.params), operation.input_shape)
    if report.has_errors():
        return "; ".join(report.generate_report().splitlines())
    misfits = _misfits(_api(operation.input_shape, writing=True), dict(call.params), ())
    return next((sentence for _, sentence in misfits), None)


class _NowhereError(Exception):
    """A route that leads nowhere."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def _kind(kind: Kind | str) -> Kind:
    return KINDS[kind] if isinstance(kind, str) else kind


def _at(kind: Kind, route: str) -> Form:
    steps = [(name, index) for name, index in _STEP.findall(route)]
    if not steps:
        return ANYTHING
    form, taken = _head(kind, steps[0][0]), steps[0][0]
    for name, _ in steps[1:]:
        form = _into(form, name, taken)
        taken += f".{name}" if name else "[0]"
    return form


def _head(kind: Kind, name: str) -> Form:
    if name in kind.facets:
        return form_of(kind.facets[name].shape)
    if name in kind.aliases:
        return _at(kind, kind.aliases[name])
    if name in attributes(kind):
        return TEXT
    known = list(dict.fromkeys([*kind.facets, *kind.aliases, *attributes(kind)]))
    raise _NowhereError(_sentence(f"{kind.name} has no {name}", name, known))


@cache
def _attributes_of(name: str) -> tuple[str, ...]:
    from auditor.kinds import Target
    from auditor.model import Account

    example = Target(name, Account("a", "111122223333", "us-east-1"), "us-east-1", "a/b", {"qualifier": "c"})
    return tuple(dict.fromkeys([*KINDS[name].attributes(example), *common(example, "a", "arn")]))


def attributes(kind: Kind) -> tuple[str, ...]:
    """Return the names of the attributes of a kind that need no reading."""
    return _attributes_of(kind.name)


def _into(form: Form, name: str, taken: str) -> Form:
    if form.type == "any":
        return ANYTHING
    if not name:
        if form.type == "list" and form.other is not None:
            return form.other()
        if form.one_or_many:
            return Form(form.type, form.members, form.other, form.enum)
        raise _NowhereError(f"{taken} is {_article(form.type)}, so it has no items")
    if form.type == "list":
        raise _NowhereError(f"{taken} is a list: look into its items with `in: {taken}`, or take one with [0]")
    members = form.members()
    if name in members:
        return members[name]
    if form.type == "mapping" and form.other is not None:
        return form.other()
    if not members:
        raise _NowhereError(f"{taken} is {_article(form.type)}, so it has no {name}")
    raise _NowhereError(_sentence(f"{taken} has no {name}", name, list(members)))


def _sentence(problem: str, name: str, known: list[str]) -> str:
    near = did_you_mean(name, known).strip()
    listed = f"it has {', '.join(known[:_LISTED])}{', …' if len(known) > _LISTED else ''}. "
    return f"{problem}{'; ' + listed if near.startswith('Did') else '. '}{near}"


def _article(kind: str) -> str:
    return {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "timestamp": "a date",
        "list": "a list",
        "mapping": "a mapping",
    }.get(kind, kind)


def _walk(route: str, form: Form, depth: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    yield route, form.type, form.enum
    if form.type == "list" and form.other is not None:
        item = form.other()
        # An item is no deeper than its list.
        yield from _walk(f"{route}[0]", item, depth)
    elif depth > 0:
        for name, member in form.members().items():
            yield from _walk(f"{route}.{name}", member, depth - 1)


_Misfit = tuple[tuple["str | int", ...], str]


def _misfits(form: Form, value: Json, path: tuple[str | int, ...]) -> Iterator[_Misfit]:
    if value is None or isinstance(value, Unread) or form.type == "any":
        return
    if form.one_or_many and isinstance(value, list | tuple):
        single = Form(form.type, form.members, form.other, form.enum)
        for index, part in enumerate(value):
            yield from _misfits(single, part, (*path, index))
        return
    if not _fits(form.type, value):
        yield path, f"{_route(path)} must be {_article(form.type)}, not {value!r}"
    elif isinstance(value, Mapping):
        yield from _member_misfits(form, value, path)
    elif isinstance(value, list | tuple) and form.other is not None:
        for index, part in enumerate(value):
            yield from _misfits(form.other(), part, (*path, index))
    elif form.enum and value not in form.enum:
        yield path, _sentence(f"{_route(path)} has no value {value!r}", str(value), list(form.enum))


def _member_misfits(form: Form, value: Mapping[str, Json], path: tuple[str | int, ...]) -> Iterator[_Misfit]:
    members = form.members()
    for name, part in value.items():
        here = (*path, name)
        if name in members:
            yield from _misfits(members[name], part, here)
        elif form.other is not None:
            yield from _misfits(form.other(), part, here)
        else:
            yield here, _sentence(f"{_route(path)} has no {name}", str(name), list(members))


def _route(path: tuple[str | int, ...]) -> str:
    joined = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return joined.removeprefix(".") or "the document"


def _fits(kind: str, value: Json) -> bool:
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float)
    types: dict[str, Any] = {"mapping": Mapping, "list": list | tuple, "integer": int, "string": str, "timestamp": str}
    return isinstance(value, types[kind])


def form_of(shape: Shape) -> Form:
    """Return the form of a facet's documents."""
    if shape.form == "policy":
        return POLICY
    if shape.form == "policies":
        return Form("mapping", other=lambda: POLICY)
    if shape.form == "own":
        return _own(dict(shape.fields))
    return _answer(shape.service, shape.operation, shape.member, tuple(shape.fields.items()))


def _own(said: Any) -> Form:
    if isinstance(said, Shape):
        return form_of(said)
    if isinstance(said, str):
        return Form(said)
    if isinstance(said, list):
        return Form("list", other=lambda: _own(said[0]))
    if not said:
        return ANYTHING
    return Form("mapping", lambda: {name: _own(part) for name, part in said.items()})


def _answer(service: str, operation: str, member: str, replaced: tuple[tuple[str, Any], ...]) -> Form:
    whole = _api(_model(service).operation_model(operation).output_shape)
    form = whole.members()[member] if member else whole
    if not replaced:
        return form

    def members() -> Mapping[str, Form]:
        kept = {name: one for name, one in form.members().items() if name not in dict(replaced)}
        return {**kept, **{name: _own(said) for name, said in replaced if said is not None}}

    if form.members():
        return Form(form.type, members, form.other, form.enum)
    return form


def _api(shape: Any, *, writing: bool = False) -> Form:
    """Return the form of a botocore shape."""
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return ANYTHING
        return Form("mapping", lambda: {name: _api(one, writing=writing) for name, one in shape.members.items()})
    if shape.type_name == "list":
        return Form("list", other=lambda: _api(shape.member, writing=writing))
    if shape.type_name == "map":
        names = tuple(getattr(shape.key, "enum", ()) or ())
        if names and not writing:
            return Form("mapping", lambda: {name: _api(shape.value) for name in names})
        return Form("mapping", other=lambda: _api(shape.value, writing=writing))
    types = {"long": "integer", "float": "number", "double": "number", "character": "string", "blob": "string"}
    enum = tuple(getattr(shape, "enum", ()) or ())
    enum += _ALSO_ANSWERED.get(shape.name, ())
    return Form(types.get(shape.type_name, shape.type_name), enum=enum)


@cache
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


@cache
def _model(service: str) -> Any:
    """Return botocore's model of a service, from its data files alone."""
    from botocore.model import ServiceModel

    return ServiceModel(_loader().load_service_model(service, "service-2"), service_name=service)
