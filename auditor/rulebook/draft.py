"""A rule file that is being vetted: its document, its nodes, and what each of them may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auditor.errors import Mistake
from auditor.files import Document, closest, did_you_mean, schema_mistakes, shown
from auditor.kinds import KINDS, kinds_at, nodes
from auditor.model import EMPTY, Json
from auditor.scope import steps

Path = tuple["str | int", ...]
_SCALARS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_SCALARS |= {"timestamp": "a date"}
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule's document with the nodes that it judges, and the words of `intent` by the schema of their values."""

    document: Document
    subjects: tuple[str, ...]
    words: Mapping[str, Json] = field(default_factory=lambda: EMPTY)

    def kinds(self, head: str) -> tuple[str, ...]:
        """Return the kinds that may stand where an absolute route begins."""
        heads = self.subjects if head == "subject" else (head,)
        return tuple(dict.fromkeys(kind for node in heads for kind in kinds_at(node)))

    def mistake(self, path: Path, sentence: str, hint: str = "") -> Mistake:
        """Return a mistake at the value of a path."""
        return Mistake(self.document.place_of(path), sentence, hint.strip())

    def at_key(self, path: Path, sentence: str, hint: str = "") -> Mistake:
        """Return a mistake at the last key of a path."""
        return Mistake(self.document.key_place(path), sentence, hint.strip())

    def parameter(self, path: Path, schema: Json, whole: str) -> list[Mistake]:
        """Return what a schema objects to in the value of a path; a text with `${…}` may stand for anything."""
        return schema_mistakes(self.document.part(path), schema, whole=whole, open_to=has_hole)

    def route(self, route: str, path: Path) -> Iterator[Mistake]:
        """Yield why an absolute route leads nowhere; `path` is where it stands in the file."""
        from auditor.kinds import shapes

        head, _, rest = route.partition(".")
        if head == "intent":
            yield from self._word(rest, path)
            return
        problems = [shapes.route_problem(kind, rest) for kind in self.kinds(head)] if rest else [None]
        if None in problems:
            return
        start = str(steps(rest)[0])
        near = closest(start, nodes()) if head == "subject" and start.islower() else None
        if near:
            yield self.mistake(path, f"There is no node {shown(start)}.", f"Did you mean {shown(near)}?")
        elif problems and problems[0]:
            sentence, _, hint = problems[0].partition(". ")
            yield self.mistake(path, f"{sentence.removesuffix('.')}.", hint)
        elif head != "subject":
            yield self.mistake(path, f"There is no node {shown(head)}.", did_you_mean(head, nodes()))

    def _word(self, rest: str, path: Path) -> Iterator[Mistake]:
        word = str(steps(rest)[0]) if rest else ""
        if word and word not in self.words:
            near = closest(word, self.words)
            hint = f"Did you mean {shown(near)}?" if near else "Declare it under `parameters` with its JSON Schema."
            yield self.mistake(path, f"`intent` has no word {shown(word)}.", hint)

    def literal(self, route: str, path: Path) -> Iterator[Mistake]:
        """Yield why the value at `path` can never stand at a route: no value that AWS knows, or of another type."""
        value = self.document.part(path).value
        if has_hole(value):
            return
        head, _, rest = route.partition(".")
        if head == "intent":
            word = str(steps(rest)[0]) if rest else ""
            if word in self.words and rest == word:
                yield from self.parameter(path, self.words[word], f"`intent.{word}`")
            return
        kinds = self.kinds(head)
        if rest == "Kind" and value not in kinds:
            yield self.mistake(path, f"{shown(value)} is no kind of {shown(head)}.", did_you_mean(str(value), kinds))
            return
        problems = [problem for kind in kinds if (problem := _misfit(kind, rest, value)) is not None]
        if problems and all(sentence for sentence, _ in problems):
            yield self.mistake(path, *problems[0])

    def facets(self, node: str) -> tuple[str, ...]:
        """Return the facets of whatever may stand at a node (`subject`: the rule's own)."""
        return tuple(dict.fromkeys(facet for kind in self.kinds(node) for facet in KINDS[kind].facets))


def has_hole(value: Json) -> bool:
    """Tell whether a value is a text with `${…}` in it, of which nothing is known before the rule runs."""
    return isinstance(value, str) and "${" in value


def _misfit(kind: str, route: str, value: Json) -> tuple[str, str] | None:
    """Return why a literal never stands at a route (empty when it may), or `None` when the route leads nowhere."""
    from auditor.kinds import shapes

    form = shapes.form_at(kind, route) if route else None
    if form is None:
        return None
    if isinstance(value, str) and form.enum and value not in form.enum:
        return f"{shown(value)} is no value of {route}.", did_you_mean(value, form.enum)
    if value is None or isinstance(value, list | dict) or form.one_or_many or _fits(form.type, value):
        return "", ""
    if form.type == "mapping":
        inside = list(form.members())[:_LISTED]
        return f"{route} is a mapping, so it never is {shown(value)}.", f"It has {', '.join(inside)}." if inside else ""
    if form.type == "list":
        return f"{route} is a list, so it never is {shown(value)}.", f"Look into its items with `in: {route}`."
    return f"{route} is {_SCALARS.get(form.type, form.type)}, so it never is {_kind(value)}.", ""


def _fits(kind: str, value: Json) -> bool:
    if kind == "any":
        return True
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    if isinstance(value, str):
        return kind in {"string", "timestamp"}
    return kind == "number" or (kind == "integer" and float(value).is_integer())


def _kind(value: Json) -> str:
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)
