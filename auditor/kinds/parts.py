"""Values from templates and plans with the place of every part, and how one spelling of them becomes another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.errors import Place, Refused
from auditor.kinds.documents import parsed
from auditor.model import EMPTY, Json, Text, Unread

# YAML 1.1, which CloudFormation reads, calls all of these booleans.
_TRUE, _FALSE = frozenset({"true", "yes", "on", "y"}), frozenset({"false", "no", "off", "n"})
_OPEN = Unread(
    "Unresolved",
    detail=Text(
        "Whether this is a boolean or a text depends on its quotes: write true or false.",
        "真偽値か文字列かは引用符の有無で変わります。true または false と書いてください。",
    ),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A value and where it stands: a scalar, an `Unread`, or a dict or list of further parts."""

    value: Any
    place: Place

    @property
    def unread(self) -> Unread | None:
        """Return why the value is not known, or `None` when it is (parts inside it may still be unread)."""
        return self.value if isinstance(self.value, Unread) else None

    def get(self, name: str) -> Part | None:
        """Return a member, `None` when it is absent; of a value that is no mapping, and of an unread one, an unread part."""
        if isinstance(self.value, dict):
            found = self.value.get(name)
            return found if isinstance(found, Part) else None
        return self if self.unread else malformed(self, "a mapping")

    def items(self) -> list[Part]:
        """Return the parts of a list; a value that is no list (or not known) gives itself, unread, as the only one."""
        if isinstance(self.value, list):
            return self.value
        return [self if self.unread else malformed(self, "a list")]


Spell = Callable[[Part], Part]
"""Return a part in the API's spelling."""


def at(part: Part | None, *path: str) -> Part | None:
    """Return the part at the end of a path of names; `None` where a step is absent."""
    for name in path:
        if part is None:
            return None
        part = part.get(name)
    return part


def lifted(value: Json, place: Place) -> Part:
    """Return plain JSON (which may hold `Unread`) as parts that all stand at one place."""
    if isinstance(value, Mapping):
        return Part({name: lifted(one, place) for name, one in value.items()}, place)
    if isinstance(value, list | tuple):
        return Part([lifted(one, place) for one in value], place)
    return Part(value, place)


def plain(part: Part | None) -> Json:
    """Return the JSON of a part, with `Unread` where something is not known."""
    if part is None:
        return None
    if isinstance(part.value, dict):
        return {name: plain(one) for name, one in part.value.items()}
    if isinstance(part.value, list):
        return [plain(one) for one in part.value]
    return part.value


def places(part: Part, route: str) -> Iterator[tuple[str, Place]]:
    """Yield routes below (and with) `route` and where they stand; a part that stands where its whole does is left out."""
    yield route, part.place
    yield from _inner(part, route)


def _inner(part: Part, route: str) -> Iterator[tuple[str, Place]]:
    if isinstance(part.value, dict):
        pairs = ((f"{route}.{name}", one) for name, one in part.value.items())
    elif isinstance(part.value, list):
        pairs = ((f"{route}[{index}]", one) for index, one in enumerate(part.value))
    else:
        return
    for name, one in pairs:
        if one.place is not part.place and one.place != part.place:
            yield name, one.place
        yield from _inner(one, name)


def malformed(part: Part, wanted: str) -> Part:
    """Return the part as unread because it is of another type than AWS takes there."""
    return Part(Unread("Malformed", detail=f"{part.place}: {wanted} is expected here."), part.place)


def as_it_is(part: Part) -> Part:
    """Return a part that both spell alike."""
    return part


def text(part: Part) -> Part:
    """Return a scalar as text, the way AWS passes it on."""
    if part.unread or isinstance(part.value, str):
        return part
    if isinstance(part.value, bool):
        return Part("true" if part.value else "false", part.place)
    if isinstance(part.value, int | float):
        return Part(str(part.value), part.place)
    return malformed(part, "text")


def whole(part: Part) -> Part:
    """Return a whole number, also when it is written as text (parameters are)."""
    if part.unread or (isinstance(part.value, int) and not isinstance(part.value, bool)):
        return part
    if isinstance(part.value, float) and part.value.is_integer():
        return Part(int(part.value), part.place)
    said = part.value.strip() if isinstance(part.value, str) else ""
    if said.lstrip("-").isdecimal() and said.isascii() and len(said) <= 18:
        return Part(int(said), part.place)
    return malformed(part, "a whole number")


def flag(part: Part) -> Part:
    """Return true or false, also when it is written as text."""
    if part.unread or isinstance(part.value, bool):
        return part
    said = truth(part.value)
    return malformed(part, "true or false") if said is None else Part(said, part.place)


def truth(value: Json) -> bool | None:
    """Return what a value means where true or false is expected; `None` when neither."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def policy(part: Part) -> Part:
    """Return an IAM policy document, which may be written as a mapping or as JSON text."""
    if isinstance(part.value, dict):
        return _open_words(part)
    if not isinstance(part.value, str):
        return part if part.unread else malformed(part, "a policy document")
    try:
        return lifted(parsed(part.value, "The policy"), part.place)
    except Refused as refusal:
        return Part(Unread("Malformed", detail=Text("{}: {}", "{}: {}").fill(part.place, refusal.text)), part.place)


def _open_words(part: Part, path: tuple[str, ...] = ("Statement", "Condition", "Bool")) -> Part:
    """Return a policy with the words unread that YAML 1.1 takes for true or false where no quotes stand: they are lost.

    `Bool: {aws:SecureTransport: no}` is where one meets them.
    """
    if isinstance(part.value, list):
        return Part([_open_words(one, path) for one in part.value], part.place)
    if not path and isinstance(part.value, dict):
        return Part({name: _open_words(one, path) for name, one in part.value.items()}, part.place)
    if isinstance(part.value, dict):
        inner = {name: one for name, one in part.value.items() if name.startswith(path[0])}
        return Part({**part.value, **{name: _open_words(one, path[1:]) for name, one in inner.items()}}, part.place)
    said = part.value.lower() if isinstance(part.value, str) and not path else ""
    return Part(_OPEN, part.place) if said in _TRUE | _FALSE and said not in {"true", "false"} else part


def each(spell: Spell) -> Spell:
    """Return how a list is spelled, given how its items are."""

    def spelled(part: Part) -> Part:
        if part.unread:
            return part
        if not isinstance(part.value, list):
            return malformed(part, "a list")
        return Part([one if one.unread else spell(one) for one in part.value], part.place)

    return spelled


def members(rows: Mapping[str, tuple[str, Spell]], defaults: Mapping[str, Json] = EMPTY) -> Spell:
    """Return how a mapping is spelled: the API's name and spelling of each member, and what AWS fills in.

    A member that the rows do not know stays under its own name as unread: it means something, and nobody here knows what.
    """

    def spelled(part: Part) -> Part:
        if part.unread:
            return part
        if not isinstance(part.value, dict):
            return malformed(part, "a mapping")
        made = {name: Part(value, part.place) for name, value in defaults.items()}
        for name, one in part.value.items():
            api, spell = rows.get(name, (name, unmapped))
            made[api] = one if one.unread else spell(one)
        return Part(made, part.place)

    return spelled


def unmapped(part: Part) -> Part:
    """Return a part that has no counterpart here as unread."""
    return Part(
        Unread(
            "NotMapped",
            detail=Text(
                f"{part.place}: this version does not know what this sets.",
                f"{part.place}: この設定はこのバージョンでは未対応です。",
            ),
        ),
        part.place,
    )


def same(*names: str, spell: Spell = text) -> dict[str, tuple[str, Spell]]:
    """Return rows of members that bear one name in both spellings."""
    return {name: (name, spell) for name in names}
