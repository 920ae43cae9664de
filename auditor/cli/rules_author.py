"""`auditor rules new` and `auditor rules test`: begin a rule of one's own, and run its tests, again after every change."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.completing import selectors
from auditor.cli.options import lang_option, language
from auditor.cli.phrases import counted

if TYPE_CHECKING:
    from auditor.rule import Rule

_LOOK_EVERY = 0.3
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@click.command("new")
@click.argument("name", metavar="ID")
@click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    default=Path(),
    help="The folder of your rules; the current one without it.",
)
@click.option("--node", default="source_bucket", show_default=True, help="The node that the rule judges.")
@lang_option
def new(name: str, folder: Path, node: str, lang: str | None) -> None:
    """Begin a rule of your own: a commented file with tests that pass."""
    from auditor.docs.starting import first_text
    from auditor.errors import UsageError
    from auditor.files import write_atomic
    from auditor.rulebook import load

    if not _NAME.fullmatch(name) or len(name) > 80:
        raise UsageError(f"`{name}` is no id.", "Write lower-case words joined by `-`, such as `bucket-is-tagged`.")
    taken = {rule.id for rule in load(vet=False)}
    file = folder / f"{name}.yaml"
    if name in taken or file.exists():
        raise UsageError(f"A rule `{name}` exists already.", "Choose another id.")
    text = first_text(name, node, language(lang))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(file, text, mode=0o644)
    click.echo(f"{file}: edit it, then run: auditor rules test --rules {folder}", err=True)


@click.command("test")
@click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Your own rules: they are tested instead of the shipped ones; repeatable.",
)
@click.option(
    "--mutate/--no-mutate",
    default=None,
    help="Whether to look for changes that no case notices; your own rules without it.",
)
@click.option("--strict", is_flag=True, help="Exit 1 also when a change is noticed by no case.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until interrupted.")
@click.argument("ids", nargs=-1, metavar="[ID|TAG…]", shell_complete=selectors)
def test(folders: tuple[Path, ...], ids: tuple[str, ...], *, mutate: bool | None, strict: bool, watch: bool) -> int:
    """Run the cases beside the rules, the three laws of every fix, and what no case would notice.

    With --rules the rules of those folders are tested; name an id or a tag to choose. Exit 1: something does not hold.
    """
    mutated = bool(folders) if mutate is None else mutate
    if not watch:
        return _tested(folders, ids, mutated=mutated, strict=strict)
    return _watched(folders, ids, mutated=mutated, strict=strict)


def _tested(folders: tuple[Path, ...], ids: tuple[str, ...], *, mutated: bool, strict: bool) -> int:
    from auditor.cases import coverage, run
    from auditor.errors import UsageError
    from auditor.render.display import plain
    from auditor.rulebook import load, selected

    begun = time.monotonic()
    rules = selected(_own(load(folders, vet=not folders), folders), ids)
    if not rules:
        raise UsageError("There is no rule to test.", "Begin one: auditor rules new ID --rules DIR")
    count, bad = run(rules)
    for failure in bad:
        click.echo(plain(failure))
    found = coverage(rules) if mutated and not bad else None
    for mutant in found.unnoticed if found else ():
        click.echo(plain(mutant))
    noticed = f", {found.tried - len(found.unnoticed)} of {found.tried} mutants noticed" if found else ""
    seconds = time.monotonic() - begun
    click.echo(
        f"{counted(len(rules), 'rule')}, {counted(count, 'case')}, {counted(len(bad), 'failure')}{noticed}, {seconds:.1f} s"
    )
    return 1 if bad or (strict and found and found.unnoticed) else 0


def _own(rules: Iterable[Rule], folders: tuple[Path, ...]) -> list[Rule]:
    """Return the rules that lie in the folders; all when there are none."""
    inside = [folder.resolve() for folder in folders]
    return [rule for rule in rules if not inside or any(_lies_in(rule, folder) for folder in inside)]


def _lies_in(rule: Rule, folder: Path) -> bool:
    return folder in Path(rule.place.file).resolve().parents


def _watched(folders: tuple[Path, ...], ids: tuple[str, ...], *, mutated: bool, strict: bool) -> int:
    from auditor.errors import AuditorError, UsageError
    from auditor.render.display import plain

    if not folders:
        raise UsageError("--watch needs --rules DIR: the shipped rules do not change.")
    for _ in _changes(folders):
        try:
            _tested(folders, ids, mutated=mutated, strict=strict)
        except AuditorError as error:
            for line in str(error).splitlines():
                click.echo(plain(line))
        click.echo("Watching; Ctrl-C ends it.", err=True)
    return 0


def _changes(folders: Iterable[Path]) -> Iterator[None]:
    """Yield at once, and again whenever a file below the folders appeared, changed or went."""
    seen = None
    while True:
        now = _state(folders)
        if now != seen:
            seen = now
            yield
        else:
            time.sleep(_LOOK_EVERY)


def _state(folders: Iterable[Path]) -> dict[str, tuple[int, int]]:
    state = {}
    for folder in folders:
        for file in folder.rglob("*.y*ml"):
            try:
                seen = file.stat()
            except FileNotFoundError:
                continue
            state[str(file)] = (seen.st_mtime_ns, seen.st_size)
    return state
