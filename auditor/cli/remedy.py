"""`plan`, `apply`, `rollback` and `runs`, and what `--fix` shares with them: show what would change, ask, change it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import completing, phrases
from auditor.cli.options import (
    coloured,
    columns,
    lang_option,
    language,
    pipelines_argument,
    rule_options,
    source_options,
)
from auditor.cli.running import load_all, progress_bar, settings_of

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.remedy import Outcome, Plan
    from auditor.remedy.journal import Journal

state_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where journals are kept; the user's state folder without it.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
pipeline_option = click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where external ids are declared, if not in the file that the plan was made from; repeatable.",
)


def show(plan: Plan, lang: str, *, file: Any = None, ways: Sequence[str] | None = None) -> None:
    """Print what a plan would change, and what it leaves; `ways` are those of `remedy.show.WAYS` to show too (all without it)."""
    from auditor.remedy.show import WAYS, shown
    from auditor.render.display import wrap

    colour = coloured(file or sys.stdout)
    click.echo(
        shown(plan, lang=lang, colour=colour, width=columns(), ways=WAYS if ways is None else ways, wrap=wrap),
        file=file,
    )


def confirm(plan: Plan, lang: str, *, yes: bool) -> bool:
    """Ask whether to go on, and say so when the answer is no; raises `UsageError` when nobody can be asked."""
    from auditor.errors import UsageError

    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("Nothing was changed: there is no terminal to ask on.", "Say --yes to apply without asking.")
    count = len(plan.changes)
    question = phrases.MAKE_IT if count == 1 else phrases.MAKE_THEM.fill(count)
    agreed = click.confirm(question.say(lang), err=True)
    if not agreed:
        click.echo(phrases.DECLINED.say(lang), err=True)
    return agreed


def carry_out(plan: Plan, aws: Aws | None, state_dir: Path | None, lang: str) -> Outcome:
    """Apply a plan with a journal, telling each change on standard error."""
    from auditor.aws import Aws as Door
    from auditor.remedy import apply
    from auditor.remedy.journal import begin

    with begin(plan, state_dir) as journal, _interrupts_told(journal.id, lang):
        if aws is not None:
            outcome = apply(plan, aws, journal, on_event=_teller(lang))
        else:
            with Door() as way:
                outcome = apply(plan, way, journal, on_event=_teller(lang))
        _tell(outcome, journal, lang)
    return outcome


@contextmanager
def _interrupts_told(run: str, lang: str) -> Iterator[None]:
    """Say how to go on with a run that Ctrl-C stops; its journal is then what a killed run leaves, and stays true."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(phrases.HALF_WAY.fill(run).say(lang), err=True)
        raise


def _teller(lang: str) -> Callable[[Any], None]:
    from auditor.remedy import Result
    from auditor.render.display import plain

    def tell(event: Any) -> None:
        if isinstance(event, Result):
            word = event.state.text.say(lang)
            if coloured(sys.stderr):
                word = click.style(word, fg="green" if event.state.complete else "red")
            said = event.said(lang)
            click.echo(f"  {plain(event.change.title)}: {word}{plain(f': {said}' if said else '')}", err=True)

    return tell


def _tell(outcome: Outcome, journal: Journal, lang: str) -> None:
    click.echo(phrases.ENDED.fill(journal.id, _counted(outcome, lang)).say(lang), err=True)


def _counted(outcome: Outcome, lang: str) -> str:
    """Return how many changes came to which end."""
    from auditor.remedy import State

    counts = (f"{State(state).text.say(lang)} {count}" for state, count in outcome.counts.items())
    return ("、" if lang == "ja" else ", ").join(counts) or "0"


def remain(plan: Plan, lang: str) -> None:
    """Say how many fixes of a higher class remain, and the command for them."""
    counts = plan.counts
    for reason, sentence in (("left_review", phrases.LEFT_REVIEW), ("left_manual", phrases.LEFT_MANUAL)):
        if counts.get(reason):
            click.echo(sentence.fill(counts[reason]).say(lang), err=True)


def tell_unfinished(state_dir: Path | None, lang: str) -> None:
    """Say which runs stopped half-way, and how to finish or undo them."""
    from auditor.remedy.journal import unfinished

    for run in unfinished(state_dir):
        click.echo(phrases.HALF_WAY.fill(run.id).say(lang), err=True)


@click.command("plan")
@pipelines_argument
@source_options
@rule_options
@click.option(
    "--fix",
    type=click.Choice(["safe", "review"]),
    default="review",
    show_default=True,
    help="How bold the plan may be.",
)
@click.option("--max-changes", type=click.IntRange(1), metavar="N", help="Refuse a plan with more changes than this.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the plan goes; only shown without it.",
)
@lang_option
def plan_command(output: Path | None, fix: str, max_changes: int | None, lang: str | None, **choices: Any) -> int:
    """Draw up the fixes and write them to a file. Exit 0: nothing to change; 1: something is."""
    from auditor.errors import UsageError
    from auditor.model import Safety
    from auditor.remedy import draft, save
    from auditor.run import audit, judged

    pipelines, rules = load_all(choices)
    with progress_bar(quiet=False) as progress:
        settings = settings_of({**choices, "fix": fix})
        report = audit(pipelines, rules, settings, progress=progress)
    judge = partial(judged, rules=rules, pipelines=pipelines, settings=settings)
    plan = draft(report.snapshots, report.findings, rules, safety=Safety(fix), judge=judge)
    if max_changes is not None and len(plan.changes) > max_changes:
        raise UsageError(f"The plan has {len(plan.changes)} changes and --max-changes allows {max_changes}.")
    show(plan, language(lang))
    if output is not None:
        save(plan, output)
        click.echo(phrases.PLANNED.fill(output, phrases.changes(len(plan.changes))).say(language(lang)), err=True)
    return 1 if plan.changes else 0


@click.command("apply")
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option("--resume", metavar="RUN", shell_complete=completing.runs, help="Finish a run that stopped half-way.")
@pipeline_option
@yes_option
@state_option
@lang_option
def apply_command(
    file: Path | None,
    resume: str | None,
    pipelines: tuple[Path, ...],
    yes: bool,
    state_dir: Path | None,
    lang: str | None,
) -> int:
    """Apply exactly the changes of a plan file, or refuse. Exit 4 when something was not done."""
    from auditor.errors import UsageError
    from auditor.remedy import entered, load

    if (file is None) is (resume is None):
        both = "" if file is None else "--resume goes on with a run's own plan; a plan file does not belong to it. "
        raise UsageError(f"{both}Name a plan file, or a run with --resume.")
    if resume is not None:
        return _again(resume, state_dir, language(lang), pipelines, undo=False, yes=yes)
    assert file is not None
    plan = entered(load(file), pipelines)
    tell_unfinished(state_dir, language(lang))
    show(plan, language(lang), file=sys.stderr, ways=())
    if not plan.changes:
        return 0
    if not confirm(plan, language(lang), yes=yes):
        return 4
    return 0 if carry_out(plan, None, state_dir, language(lang)).complete else 4


@click.command("rollback")
@click.argument("run", shell_complete=completing.runs)
@pipeline_option
@yes_option
@state_option
@lang_option
def rollback_command(run: str, pipelines: tuple[Path, ...], yes: bool, state_dir: Path | None, lang: str | None) -> int:
    """Walk a run's journal backwards and undo it; `last` is the newest run. Exit 4 when something was left."""
    return _again(run, state_dir, language(lang), pipelines, undo=True, yes=yes)


def _again(name: str, state_dir: Path | None, lang: str, pipelines: tuple[Path, ...], *, undo: bool, yes: bool) -> int:
    from auditor.aws import Aws
    from auditor.remedy import entered, inspect, resume, rollback
    from auditor.remedy.journal import find, reopen
    from auditor.render.display import plain

    run = find(name, state_dir)
    run = replace(run, plan=entered(run.plan, pipelines))
    with Aws() as aws:
        for change, where in inspect(run, aws):
            lossy = f" ({change.lossy.say(lang)})" if undo and change.lossy else ""
            stands = phrases.STANDS[where].say(lang) if where in phrases.STANDS else where
            click.echo(f"  {plain(change.title)}: {stands}{lossy}", err=True)
        if not confirm(run.plan, lang, yes=yes):
            return 4
        with reopen(run) as journal, _interrupts_told(run.id, lang):
            step = rollback if undo else resume
            outcome = step(run, aws, journal, on_event=_teller(lang))
    click.echo(phrases.CAME_TO.fill(run.id, _counted(outcome, lang)).say(lang), err=True)
    return 0 if outcome.complete else 4


@click.command("runs")
@state_option
@lang_option
def runs_command(state_dir: Path | None, lang: str | None) -> None:
    """List the runs that changed something, newest first."""
    from auditor.remedy.journal import runs
    from auditor.render.display import plain

    listed = runs(state_dir)
    if not listed:
        click.echo(phrases.NO_RUN.say(language(lang)))
    for run in reversed(listed):
        rules = ", ".join(run.plan.rules)
        click.echo(
            plain(f"{run.id}  {run.state:20}  {phrases.changes(len(run.plan.changes)).say(language(lang))}  {rules}")
        )
