"""A file as it is being typed: what sort it is, its outline, and what its routes and documents are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING

from auditor.kinds import KINDS, kinds_at, nodes
from auditor.lsp.outline import Entry, Path, outline
from auditor.model import EMPTY, Json
from auditor.rulebook import absolute, intent_words

if TYPE_CHECKING:
    from auditor.kinds.shapes import Form

_QUANTIFIERS = frozenset({"some", "every"})
_RULE_KEYS = frozenset({"id", "subject", "check", "severity", "tests", "why"})
_PIPELINE_KEYS = frozenset({"accounts", "pipelines", "waivers"})


@dataclass(frozen=True)
class Sheet:
    """The text of a file in an editor; `words` are the words of `intent` that rules add, by their schema."""

    text: str
    file: str
    words: Mapping[str, Json] = field(default_factory=lambda: EMPTY)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Return the outline of the text."""
        return tuple(outline(self.text))

    @cached_property
    def values(self) -> Mapping[Path, str]:
        """Return the scalar at each path that has one, without quotes."""
        return {entry.path: entry.plain for entry in self.entries if entry.place == "value"}

    @cached_property
    def sort(self) -> str:
        """Return `rule`, `pipeline` or `pack`, or nothing when the file is none of them."""
        if PurePath(self.file).name == "pack.yaml":
            return "pack"
        keys = {entry.path[0] for entry in self.entries if entry.place == "key" and len(entry.path) == 1}
        if keys & _PIPELINE_KEYS:
            return "pipeline"
        return "rule" if len(keys & _RULE_KEYS) > 1 else ""

    @cached_property
    def intent(self) -> Mapping[str, Json]:
        """Return every word of `intent` that may stand here, by its schema."""
        own = {
            entry.path[1]: EMPTY for entry in self.entries if entry.path[:1] == ("parameters",) and len(entry.path) == 2
        }
        return {**intent_words(), **{str(word): schema for word, schema in own.items()}, **self.words}

    def below(self, *path: str | int) -> list[str]:
        """Return the keys that stand directly below a path, in the order of the text."""
        deeper = [e for e in self.entries if e.place == "key" and len(e.path) == len(path) + 1 and e.path[:-1] == path]
        return [str(entry.path[-1]) for entry in deeper]

    def key(self, *path: str | int) -> Entry | None:
        """Return where the last key of a path stands."""
        return next((entry for entry in self.entries if entry.place == "key" and entry.path == path), None)

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Return the nodes that a rule judges."""
        return tuple(value for path, value in self.values.items() if path[:1] == ("subject",))

    def inside(self, path: Path) -> str:
        """Return the absolute route of the item that the routes of a check begin at; empty outside every `in:`."""
        route = ""
        for index, step in enumerate(path):
            if step in _QUANTIFIERS and (name := self.values.get((*path[:index], "in"))):
                route = absolute(name, route) + "[0]"
        return route

    def kinds(self, head: str) -> tuple[str, ...]:
        """Return the kinds that may stand where an absolute route begins."""
        places = (self.subjects or nodes()) if head == "subject" else (head,)
        return tuple(dict.fromkeys(kind for node in places for kind in kinds_at(node)))

    def form(self, route: str) -> Form | None:
        """Return what may stand at an absolute route into a facet; `None` when it leads nowhere."""
        from auditor.kinds import shapes

        head, _, rest = route.partition(".")
        found = (shapes.form_at(kind, rest) for kind in self.kinds(head)) if rest else iter(())
        return next((form for form in found if form is not None), None)

    def document(self, path: Path) -> Form | None:
        """Return what may stand at a path inside a document that a test gives or an edit merges; `None` elsewhere."""
        if len(path) >= 5 and path[0] == "tests" and path[2] in {"given", "after"}:
            said = self.values.get((*path[:4], "kind"))
            kinds = (said,) if said is not None and said in KINDS else kinds_at(str(path[3]))
            return _document(kinds, str(path[4]), path[5:])
        if len(path) >= 4 and path[:2] == ("fix", "edits") and path[3] in {"merge", "raise_to"}:
            facet, node = self.values.get((*path[:3], "facet"), ""), self.values.get((*path[:3], "node"), "subject")
            return _document(self.kinds(node), facet, path[4:])
        return None

    def members(self, route: str) -> Iterator[tuple[str, str, str]]:
        """Yield what a route may go on with: the name, its type, and what is known of it."""
        from auditor.kinds import shapes

        head, _, rest = route.partition(".")
        if head == "intent":
            if not rest:
                yield from (
                    (word, "intent", str(schema.get("description", ""))) for word, schema in self.intent.items()
                )
            return
        if rest:
            form = self.form(route)
            yield from (
                (name, one.type, " | ".join(one.enum)) for name, one in (form.members().items() if form else ())
            )
            return
        for kind in (KINDS[name] for name in self.kinds(head)):
            yield from ((facet.name, kind.name, facet.doc.en) for facet in kind.facets.values())
            yield from ((name, "string", "an attribute") for name in (*kind.aliases, *shapes.attributes(kind)))


def _document(kinds: tuple[str, ...], facet: str, path: Path) -> Form | None:
    from auditor.kinds import shapes

    kind = next((name for name in kinds if facet in KINDS[name].facets), None)
    form: Form | None = shapes.form_of(KINDS[kind].facets[facet].shape) if kind else None
    for step in path:
        if form is None:
            return None
        members = form.members()
        if isinstance(step, int):
            form = form.other() if form.type == "list" and form.other else form if form.one_or_many else None
        else:
            form = members[step] if step in members else form.other() if form.other and form.type == "mapping" else None
    return form
