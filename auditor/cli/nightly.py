"""What `audit` does besides reporting: history, messages, metrics; each is asked for by an option."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli.options import language, severity

if TYPE_CHECKING:
    from auditor.fleet.nightly import Duties
    from auditor.model import Report

F = TypeVar("F", bound=Callable[..., Any])
OWN = "state-folder"
"""What `--history` without a URL stands for."""


def nightly_options(command: F) -> F:
    """Add --history, --no-history, --history-days, --notify and --metrics."""
    for option in (
        click.option(
            "--metrics",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the counts for Prometheus's textfile collector.",
        ),
        click.option(
            "--notify",
            multiple=True,
            metavar="URL",
            envvar="AUDITOR_NOTIFY",
            help="Tell what is new, returned, fixed or soon unwaived, by Apprise; repeatable.",
        ),
        click.option(
            "--history-days",
            type=click.IntRange(1),
            default=400,
            show_default=True,
            help="How long runs and what is closed are kept.",
        ),
        click.option("--no-history", is_flag=True, help="Do not record this run."),
        click.option(
            "--history",
            metavar="URL",
            envvar="AUDITOR_HISTORY",
            is_flag=False,
            flag_value=OWN,
            callback=_no_pipeline,
            help="Where runs are recorded: a file or a database's URL; without a URL a file in the state folder, as live runs"
            " are anyway.",
        ),
    ):
        command = option(command)
    return command


def _no_pipeline(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return the URL; raises `UsageError` for a pipeline file, which would be taken for a history and not be audited."""
    from auditor.errors import UsageError
    from auditor.fleet.database import shown

    if value is not None and value.lower().endswith((".yaml", ".yml", ".json")):
        raise UsageError(
            f"--history {shown(value)}: this is no history.", "Name the pipelines before it, or write --history=URL."
        )
    return value


def duties_of(choices: Mapping[str, Any]) -> Duties:
    """Return what the options ask for. Raises `UsageError` when they contradict each other."""
    from auditor.errors import UsageError
    from auditor.fleet.nightly import Duties

    if choices.get("no_history") and choices.get("history") and not os.environ.get("AUDITOR_HISTORY"):
        raise UsageError("--history and --no-history contradict each other.", "Leave out one of them.")
    history = "" if choices.get("no_history") else choices.get("history") or ""
    if history == OWN:
        from auditor.fleet.database import default_url

        history = default_url(choices.get("state_dir"))
    return Duties(
        history=history,
        history_days=choices.get("history_days") or 400,
        notify=tuple(choices.get("notify") or ()),
        metrics=choices.get("metrics"),
    )


@contextmanager
def remembered(report: Report, choices: Mapping[str, Any]) -> Iterator[Report]:
    """Record a run, yield its report with the trend to be written, and then tell of it; what fails is said, and no more."""
    from auditor.fleet.nightly import remember, tell
    from auditor.render.display import plain

    duties = duties_of(_with_default(choices, report))
    lang = language(choices["lang"])
    report, news, troubles = remember(report, duties)
    yield report
    for trouble in (*troubles, *tell(report, news, duties, lang, severity(choices["fail_on"]))):
        click.echo(plain(trouble.say(lang)), err=True)


def _with_default(choices: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
    """Give a live run the history of the state folder, where SQLAlchemy is installed."""
    from importlib.util import find_spec

    told = choices.get("history") or choices.get("no_history")
    if told or report.source != "live" or find_spec("sqlalchemy") is None:
        return choices
    from auditor.fleet.database import default_url

    return {**choices, "history": default_url(choices.get("state_dir"))}
