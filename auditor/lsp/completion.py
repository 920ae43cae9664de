"""What may be written at the cursor: routes, predicates, edits, nodes, values, rule ids and account names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.kinds import KINDS, nodes
from auditor.lsp import schemas
from auditor.lsp.library import Library
from auditor.lsp.outline import Entry, Path, at
from auditor.lsp.sheet import Sheet
from auditor.model import NODES
from auditor.predicates import PREDICATES
from auditor.rulebook import absolute

_LITERALS = frozenset({"equals", "one_of", "default", "contains"})
_AFTER_CHECKS = frozenset({"check", "when", "some", "every", "any", "all", "not"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A text that may stand in place of what is typed from `start` (a column of the cursor's line) to the cursor."""

    text: str
    sort: str
    start: int
    detail: str = ""
    about: str = ""


def completions(sheet: Sheet, known: Library, line: int, column: int) -> list[Offer]:
    """Return what may be written at a position, each text once."""
    entry, before = at(sheet.text, line, column)
    offers: dict[str, Offer] = {}
    for offer in _offers(sheet, known, entry, before):
        offers.setdefault(offer.text, offer)
    return list(offers.values())


def _offers(sheet: Sheet, known: Library, entry: Entry, before: str) -> Iterator[Offer]:
    if entry.place == "nothing" or not sheet.sort:
        return
    quote = 1 if before[:1] in {'"', "'"} else 0
    start, typed, path = entry.column + quote, before[quote:], entry.path
    opened = typed.rfind("${")
    if opened >= 0 and "}" not in typed[opened:]:
        yield from _routes(sheet, sheet.inside(path), typed[opened + 2 :], start + opened + 2)
        return
    if entry.place != "value":
        yield from _keys(sheet, path[:-1] if entry.place == "key" else path, start)
    if entry.place != "key":
        yield from _values(sheet, known, path, typed, start)


def _keys(sheet: Sheet, path: Path, start: int) -> Iterator[Offer]:
    form = sheet.document(path)
    if form is not None:
        for name, one in form.members().items():
            yield Offer(f"{name}: ", "field", start, one.type, " | ".join(one.enum))
        return
    present = set(sheet.below(*path))
    for name, about in schemas.keys(sheet, path):
        if name not in present:
            sort = "predicate" if name in PREDICATES and path[-1:] != ("properties",) else "key"
            yield Offer(f"{name}: ", sort, start, "", about)


def _values(sheet: Sheet, known: Library, path: Path, typed: str, start: int) -> Iterator[Offer]:
    last = next((step for step in reversed(path) if isinstance(step, str)), "")
    if sheet.sort == "rule":
        yield from _rule_values(sheet, path, last, typed, start)
    elif sheet.sort == "pipeline":
        yield from _pipeline_values(sheet, known, path, last, start)
    for value, about in schemas.values(sheet, path):
        yield Offer(value, "value", start, "", about)


def _rule_values(sheet: Sheet, path: Path, last: str, typed: str, start: int) -> Iterator[Offer]:
    if last in {"at", "in"} and _in_check(path):
        yield from _routes(sheet, sheet.inside(path), typed, start)
    elif last in _LITERALS and _in_check(path):
        owner = path[: len(path) - next(i for i, step in enumerate(reversed(path)) if step == last) - 1]
        route = absolute(sheet.values.get((*owner, "at"), "."), sheet.inside(path))
        yield from _literals(sheet, route, start)
    elif last == "facet" and path[:2] == ("fix", "edits"):
        node = sheet.values.get((*path[:-1], "node"), "subject")
        for kind in (KINDS[name] for name in sheet.kinds(node)):
            writable = (row for row in kind.facets.values() if row.write is not None)
            yield from (Offer(row.name, "facet", start, kind.name, row.doc.en) for row in writable)
    elif (form := sheet.document(path)) is not None:
        choices = ("true", "false") if form.type == "boolean" else form.enum
        yield from (Offer(value, "value", start, form.type) for value in choices)


def _in_check(path: Path) -> bool:
    return any(step in _AFTER_CHECKS for step in path) and path[0] in {"check", "when"}


def _literals(sheet: Sheet, route: str, start: int) -> Iterator[Offer]:
    head, _, rest = route.partition(".")
    if head == "intent":
        schema = sheet.intent.get(rest, {})
        yield from (Offer(str(value), "value", start, route) for value in schema.get("enum", ()))
    elif rest == "Kind":
        yield from (Offer(kind, "value", start, route) for kind in sheet.kinds(head))
    elif (form := sheet.form(route)) is not None:
        choices = ("true", "false") if form.type == "boolean" else form.enum
        yield from (Offer(value, "value", start, form.type) for value in choices)


def _routes(sheet: Sheet, inside: str, typed: str, start: int) -> Iterator[Offer]:
    """Yield the routes that go on from what is typed by one name."""
    before, dot, _ = typed.rpartition(".")
    for name, kind, about in sheet.members(absolute(before or ".", inside)):
        yield Offer(f"{before}{dot}{name}", "route", start, kind, about)
    if not dot:
        for node in nodes():
            yield Offer(f"{node}.", "node", start, " | ".join(NODES.get(node, ())))
        yield Offer("intent.", "node", start, "what the owner wants")


def _pipeline_values(sheet: Sheet, known: Library, path: Path, last: str, start: int) -> Iterator[Offer]:
    if last == "account":
        for name in sheet.below("accounts"):
            yield Offer(name, "account", start, sheet.values.get(("accounts", name, "id"), ""))
    elif path[:1] == ("waivers",) and last == "rule":
        for rule in known.rules.values():
            yield Offer(rule.id, "rule", start, rule.severity.value, rule.title.en)
    elif path[:1] == ("waivers",) and last == "pipeline":
        yield from (Offer(name, "pipeline", start) for name in sheet.below("pipelines"))
