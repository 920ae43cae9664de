"""`auditor probe`: send one small object through a pipeline, watch it arrive, and take it away again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.options import lang_option, language, load_pipelines, pipelines_argument

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline
    from auditor.probe import Hop, Outcome, Tidied

_QUARTER_OF_AN_HOUR = 900.0


@click.command("probe")
@pipelines_argument
@click.option("--pipeline", "names", multiple=True, metavar="NAME", help="Only this pipeline of the files; repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=_QUARTER_OF_AN_HOUR,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for each object to arrive.",
)
@click.option("--clean", is_flag=True, help="Only delete what probes that were killed have left behind.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where notes are kept; the user's state folder without it.",
)
@lang_option
def probe_command(
    pipelines: tuple[Path, ...],
    names: tuple[str, ...],
    yes: bool,
    timeout: float,
    clean: bool,
    state_dir: Path | None,
    lang: str | None,
) -> int:
    """Write one small object under a probe key, watch it travel, and delete it on both sides.

    It says what it will write and asks. Exit 0: arrived; 1: not arrived; 3: that could not be seen; 4: something is left
    behind (auditor probe --clean takes it away).
    """
    from auditor.aws import Aws as Door
    from auditor.cli.interrupts import raising
    from auditor.render.totals import combine

    chosen = _chosen(load_pipelines(pipelines), names)
    say = language(lang)
    with raising(), Door() as aws:
        if clean:
            return _clean(chosen, aws, state_dir, say)
        return combine([_probe(one, aws, timeout, state_dir, say, yes=yes) for one in chosen])


def _chosen(declared: tuple[Pipeline, ...], names: tuple[str, ...]) -> tuple[Pipeline, ...]:
    from auditor.errors import UsageError
    from auditor.files import did_you_mean

    known = {one.name: one for one in declared}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no pipeline `{name}`.", did_you_mean(name, known).strip())
    return tuple(one for one in declared if not names or one.name in names)


def _probe(pipeline: Pipeline, aws: Aws, timeout: float, state_dir: Path | None, lang: str, *, yes: bool) -> int:
    from auditor.probe import aim, drawn, probe
    from auditor.render.display import plain

    target = aim(pipeline, aws)
    for sentence in target.announced():
        click.echo(plain(sentence.say(lang)), err=True)
    _confirm(lang, yes=yes)
    outcome: Outcome = probe(target, aws, timeout=timeout, state_dir=state_dir, on_hop=_teller(lang))
    for line in drawn(target, outcome.hops, outcome.seconds, lang).splitlines():
        click.echo(plain(line))
    _tell(outcome.tidied, lang)
    return outcome.code


def _confirm(lang: str, *, yes: bool) -> None:
    from auditor.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nothing was written: there is no terminal to ask on.", "Say --yes to write without asking.")
    click.confirm("書き込みますか?" if lang == "ja" else "Write it?", abort=True, err=True)


def _teller(lang: str) -> Callable[[Hop], None]:
    def tell(hop: Hop) -> None:
        why = f": {hop.why.say(lang)}" if hop.why else ""
        click.echo(plain(f"  {hop.name}: {hop.state.value} ({hop.seconds:.1f} s){why}"), err=True)

    from auditor.render.display import plain

    return tell


def _tell(outcome: Tidied, lang: str) -> None:
    from auditor.probe import tidied
    from auditor.render.display import plain

    for line in tidied(outcome, lang):
        click.echo(plain(line), err=True)


def _clean(pipelines: tuple[Pipeline, ...], aws: Aws, state_dir: Path | None, lang: str) -> int:
    from auditor.probe import clean

    done = clean(pipelines, aws, state_dir)
    for _, outcome in done:
        _tell(outcome, lang)
    if not done:
        click.echo(
            "残っているプローブはありません。" if lang == "ja" else "No probe has left anything behind.", err=True
        )
    return 0 if all(outcome.complete for _, outcome in done) else 4
