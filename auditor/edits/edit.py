"""The shape of an edit: a named pure function from an old document to a new one, and what it may be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from auditor.errors import Refused
from auditor.model import Json, Text, Unread
from auditor.scope import NotRead, Scope

Apply = Callable[[Json, Json, Scope], Json]
"""`apply(document, wanted, scope)`: the facet's document (`None`: not configured), the parameter with its holes filled,
and where the fix stands. Returns the new document and never changes the old one; applied twice it is as once. Raises
`Refused` with one of auditor's own reasons (`WouldOverlap`, `TooLarge`, `CannotExpress`, `Manual`) and a sentence."""


def needs_nothing(_wanted: Json, _at: str) -> tuple[str, ...]:
    """Say that an edit looks at nothing but its facet and the holes of its parameter."""
    return ()


@dataclass(frozen=True, slots=True)
class Edit:
    """A word that a fix may use.

    `schema` is the JSON Schema of the parameter before filling (a string that holds `${…}` is accepted anywhere), `doc`
    a sentence for the reference, `example` YAML; `needs(wanted, at)` names the routes that the edit reads beside its
    facet.
    """

    name: str
    apply: Apply
    schema: Json
    doc: Text
    example: str
    needs: Callable[[Json, str], Iterable[str]] = needs_nothing


_NO_MAPPING = "編集の対象がマッピングではないため、編集できません。"
_ITS_PARAMETER = Text("its parameter", "パラメーター")
_NO_VALUE = Text(
    "the fix needs a value for {}, and the pipeline has none.", "修正に必要な {} の値が、パイプラインにありません。"
)


def mapping(document: Json, what: str) -> dict[str, Json]:
    """Return a copy of a document that must be a mapping (an empty one when nothing is configured).

    Raises `NotRead` for a part that could not be read, and `Refused` for anything else.
    """
    if document is None:
        return {}
    if isinstance(document, Unread):
        raise NotRead(what, document)
    if not isinstance(document, Mapping):
        raise Refused("CannotExpress", Text(f"{what} is not a mapping, so it cannot be edited.", _NO_MAPPING))
    return dict(document)


def listed(value: Json) -> list[Json]:
    """Return AWS's "one or many" as a list: an absent value is none, a single one is a list of it."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def known(wanted: Json, route: str = "") -> Json:
    """Return the parameter when all its values are there; raises `Refused` naming the first that has none."""
    if wanted is None:
        raise Refused("CannotExpress", _NO_VALUE.fill(route or _ITS_PARAMETER))
    if isinstance(wanted, Mapping):
        return {key: known(part, f"{route}.{key}" if route else str(key)) for key, part in wanted.items()}
    if isinstance(wanted, list | tuple):
        return [known(part, f"{route}[{index}]") for index, part in enumerate(wanted)]
    return wanted
