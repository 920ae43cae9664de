"""`auditor rules`: list, show, test and document the rules."""

from __future__ import annotations

import time
from pathlib import Path

import click

folders_option = click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Your own rules besides the shipped ones.",
)


@click.group("rules")
def rules_command() -> None:
    """List, show, test and document the rules."""


@rules_command.command("test")
@folders_option
@click.argument("ids", nargs=-1)
def test(folders: tuple[Path, ...], ids: tuple[str, ...]) -> int:
    """Run the cases beside the rules, and the three laws of every fix."""
    from auditor.cases import run
    from auditor.rulebook import load, selected

    begun = time.monotonic()
    rules = selected(load(folders), ids)
    count, bad = run(rules)
    for failure in bad:
        click.echo(str(failure))
    seconds = time.monotonic() - begun
    click.echo(f"{len(rules)} rules, {count} cases, {len(bad)} failures, {seconds:.1f} s")
    return 1 if bad else 0
