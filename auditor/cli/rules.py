"""`auditor rules`: list, show, test and document the rules, and help to write one."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import completing, phrases
from auditor.cli.options import columns, lang_option, language
from auditor.cli.rules_author import new, test

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.rule import Rule

_WIDEST = 44
"""What a column of several words may take before its words are set on lines of their own."""
_OUTPUT = click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where it goes; standard output without it."
)
_FORM = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_FOLDERS = click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Your own rules besides the shipped ones; repeatable.",
)


@click.group("rules")
def rules_command() -> None:
    """List, show, test and document the rules."""


rules_command.add_command(test)
rules_command.add_command(new)


@rules_command.command("list")
@_FOLDERS
@click.option(
    "--select", multiple=True, metavar="ID|TAG", help="Only these: an id, a tag, a pack or a severity; repeatable."
)
@click.option("--skip", multiple=True, metavar="ID|TAG", help="All but these; repeatable.")
@_FORM
@lang_option
def list_(
    folders: tuple[Path, ...], select: tuple[str, ...], skip: tuple[str, ...], form: str, lang: str | None
) -> None:
    """List the rules with their severity, nodes, fix and tags."""
    from auditor.render.json_text import dumps
    from auditor.rulebook import load, selected

    rules = selected(load(folders, vet=False), select, skip)
    if form == "json":
        click.echo(dumps([_as_json(rule) for rule in rules]))
        return
    tongue = language(lang)
    heads = tuple(head.say(tongue) for head in phrases.RULE_HEADS)
    rows = [_row(rule, tongue) for rule in rules]
    _table(heads, rows)


def _row(rule: Rule, lang: str) -> tuple[str, ...]:
    fix = rule.fix.safety.value if rule.fix else "-"
    tags = " ".join([*rule.tags, *([f"({rule.pack})"] if rule.pack else [])])
    return rule.id, rule.severity.value, " ".join(rule.subjects), fix, tags, rule.title.say(lang)


def _as_json(rule: Rule) -> Mapping[str, Any]:
    from auditor.docs.page import permissions

    reading, writing = permissions(rule)
    return {
        "id": rule.id,
        "title": {"en": rule.title.en, "ja": rule.title.ja},
        "severity": rule.severity.value,
        "subjects": list(rule.subjects),
        "tags": list(rule.tags),
        "pack": rule.pack or None,
        "fix": rule.fix.safety.value if rule.fix else None,
        "parameters": dict(rule.parameters),
        "permissions": {"read": list(reading), "write": list(writing)},
        "references": list(rule.references),
        "cases": len(rule.cases),
        "file": rule.place.file,
    }


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows in columns; a list of words breaks within its column, and the last column where the terminal ends."""
    from auditor.render.display import pad, plain, width, wrap

    lines = [tuple(heads), *(tuple(plain(cell) for cell in row) for row in rows)]
    widths = [_wide([line[index] for line in lines]) for index in range(len(lines[0]))]
    widths[-1] = max(columns() - sum(widths[:-1]) - 2 * (len(widths) - 1), 30)
    for line in lines:
        # What fits stays as it is; a route longer than any line is never broken, since it is copied.
        cells = [wrap(cell, size) if width(cell) > size else [cell] for cell, size in zip(line, widths, strict=True)]
        for part in zip_longest(*cells, fillvalue=""):
            click.echo("  ".join(pad(cell, size) for cell, size in zip(part, widths, strict=True)).rstrip())


def _wide(cells: Iterable[str]) -> int:
    """Return how wide a column is: as its widest cell, or as its widest word where lists would take the line."""
    from auditor.render.display import width

    kept = list(cells)
    words = max((width(word) for cell in kept for word in cell.split()), default=0)
    return min(max(width(cell) for cell in kept), max(words, _WIDEST))


@rules_command.command("show")
@_FOLDERS
@click.option("--source", is_flag=True, help="Print the rule's file instead of its page.")
@lang_option
@click.argument("rule", shell_complete=completing.rules)
def show(folders: tuple[Path, ...], rule: str, lang: str | None, *, source: bool) -> None:
    """Show what a rule checks, why, an example, its fix and the permissions it needs."""
    from auditor.docs import page
    from auditor.errors import UsageError
    from auditor.files import did_you_mean
    from auditor.render.display import plain
    from auditor.rulebook import load

    book = {one.id: one for one in load(folders, vet=False)}
    if rule not in book:
        raise UsageError(f"There is no rule `{rule}`.", did_you_mean(rule, book).strip())
    text = Path(book[rule].place.file).read_text(encoding="utf-8") if source else page(book[rule], language(lang))
    for line in text.splitlines():
        click.echo(plain(line))


@rules_command.command("docs")
@_FOLDERS
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a page for each rule here, in both languages; without it one page of all goes to standard output.",
)
def docs(folders: tuple[Path, ...], output: Path | None) -> None:
    """Document the rules as Markdown."""
    from auditor.docs import index, pages
    from auditor.files import write_atomic
    from auditor.rulebook import load

    rules = load(folders, vet=False)
    if output is None:
        click.echo(index(rules), nl=False)
        return
    made = pages(rules)
    for name, text in made.items():
        file = output / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, text, mode=0o644)
    click.echo(f"{output}: {phrases.counted(len(made), 'page')}.", err=True)


@rules_command.command("schema")
@click.argument("what", type=click.Choice(["rule", "pack", "pipeline"]), default="rule")
@_OUTPUT
def schema(what: str, output: Path | None) -> None:
    """Print the JSON Schema of rule, pack or pipeline files, for completion and errors in any editor."""
    from auditor.docs.schema import as_text, rule_schema
    from auditor.files import load_json, shipped, write_atomic

    made = (
        rule_schema() if what == "rule" else load_json(shipped("rules") / "schema" / f"{what}.json", places=False).value
    )
    if output is None:
        click.echo(as_text(made), nl=False)
    else:
        write_atomic(output, as_text(made), mode=0o644)


@rules_command.command("reference")
@lang_option
@click.argument("words", nargs=-1, metavar="[WORD…]")
def reference_(words: tuple[str, ...], lang: str | None) -> None:
    """Explain predicates, edits and facets: all of them, or those named."""
    from auditor.docs.reference import entry, reference
    from auditor.render.display import plain

    tongue = language(lang)
    text = "\n".join(entry(word, tongue) for word in words) if words else reference(tongue)
    for line in text.splitlines():
        click.echo(plain(line))


@rules_command.command("routes")
@click.argument("kind", required=False)
@click.argument("facet", required=False)
@click.option("--depth", type=click.IntRange(1, 12), default=4, show_default=True, help="How many names deep.")
@_FORM
@lang_option
def routes(kind: str | None, facet: str | None, depth: int, form: str, lang: str | None) -> None:
    """Browse what AWS has: kinds, the facets of a KIND (or node), and the routes into a FACET with types and values."""
    from auditor.docs.browsing import facets_of, kinds, routes_of
    from auditor.render.json_text import dumps

    heads: tuple[str, ...]
    if kind is None:
        heads, rows = ("kind", "node", "what it is"), kinds(language(lang))
    elif facet is None:
        heads, rows = ("facet", "permissions", "what it is"), facets_of(kind, language(lang))
    else:
        heads, rows = ("route", "type", "values"), routes_of(kind, facet, depth)
    if form == "json":
        click.echo(dumps([dict(zip(heads, row, strict=True)) for row in rows]))
    else:
        _table(heads, rows)
