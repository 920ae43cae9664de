"""What the word under the cursor means: a predicate, an edit, a route with its type and values, a node, a rule, an account."""

from __future__ import annotations

import re

from auditor.docs.page import page
from auditor.docs.reference import entry as explained
from auditor.docs.words import code
from auditor.edits import EDITS
from auditor.kinds import KINDS, nodes
from auditor.lsp import schemas
from auditor.lsp.library import Library
from auditor.lsp.outline import Entry, at
from auditor.lsp.sheet import Sheet
from auditor.predicates import PREDICATES
from auditor.rulebook import absolute
from auditor.scope import steps

_HOLE = re.compile(r"\$\{([^}]*)\}")


def hover(sheet: Sheet, known: Library, line: int, column: int, lang: str = "en") -> tuple[Entry, str] | None:
    """Return the word at a position with a Markdown text about it; `None` when there is nothing to say."""
    entry, before = at(sheet.text, line, column)
    if entry.place == "nothing" or not sheet.sort:
        return None
    said = _key(sheet, entry, lang) if entry.place == "key" else _value(sheet, known, entry, len(before), lang)
    return (entry, said) if said else None


def _key(sheet: Sheet, entry: Entry, lang: str) -> str:
    word = str(entry.path[-1])
    checked = entry.path[:1] in {("check",), ("when",)}
    if sheet.sort == "rule" and (
        (checked and word in PREDICATES) or (entry.path[:2] == ("fix", "edits") and word in EDITS)
    ):
        return explained(word, lang)
    form = sheet.document(entry.path)
    if form is not None:
        return _typed(code(word), form.type, form.enum)
    return schemas.about(sheet, entry.path)


def _value(sheet: Sheet, known: Library, entry: Entry, offset: int, lang: str) -> str:
    last = next((step for step in reversed(entry.path) if isinstance(step, str)), "")
    for hole in _HOLE.finditer(entry.text):
        if hole.start() <= offset <= hole.end():
            return _route(sheet, absolute(hole[1], sheet.inside(entry.path)), lang)
    if sheet.sort == "rule" and last in {"at", "in"} and entry.path[0] in {"check", "when"}:
        return _route(sheet, absolute(entry.plain, sheet.inside(entry.path)), lang)
    if sheet.sort == "pipeline" and last == "rule" and entry.plain in known.rules:
        return page(known.rules[entry.plain], lang)
    if sheet.sort == "pipeline" and last == "account":
        about = [
            f"{word}: {code(value)}"
            for path, value in sheet.values.items()
            if path[:-1] == ("accounts", entry.plain)
            for word in path[2:]
        ]
        return ", ".join(about)
    if entry.plain in nodes():
        return _node(entry.plain, lang)
    if any(entry.plain in kind.facets for kind in KINDS.values()) and last == "facet":
        return explained(entry.plain, lang)
    return schemas.about(sheet, entry.path)


def _route(sheet: Sheet, route: str, lang: str) -> str:
    head, _, rest = route.partition(".")
    if head == "intent":
        schema = sheet.intent.get(rest, {})
        return f"{code(route)}: {schema.get('description', '')}"
    if not rest:
        return _node(head, lang) if head in nodes() else ""
    form = sheet.form(route)
    if form is None:
        return ""
    facet = str(steps(rest)[0])
    rows = [KINDS[kind].facets[facet] for kind in sheet.kinds(head) if facet in KINDS[kind].facets]
    about = [
        f"{row.name}: {row.doc.say(lang)} {', '.join(code(action) for action in row.permissions)}" for row in rows[:1]
    ]
    inside = list(form.members())
    has = [", ".join(code(name) for name in inside)] if inside else []
    return "\n\n".join([_typed(code(route), form.type, form.enum), *has, *about])


def _typed(name: str, kind: str, enum: tuple[str, ...]) -> str:
    return f"{name}: {kind}" + (f" ({' | '.join(enum)})" if enum else "")


def _node(node: str, lang: str) -> str:
    from auditor.kinds import kinds_at

    return "\n\n".join(f"{code(node)}: {code(kind)}, {KINDS[kind].doc.say(lang)}" for kind in kinds_at(node))
