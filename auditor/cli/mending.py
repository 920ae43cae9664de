"""`auditor audit --fix`: plan, show, ask, apply, and judge again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import phrases
from auditor.cli.options import coloured, columns, language, severity
from auditor.cli.remedy import carry_out, confirm, remain, show, tell_unfinished
from auditor.cli.running import progress_bar, write

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline, Report, Severity
    from auditor.remedy import Plan
    from auditor.rule import Rule
    from auditor.run import Settings


def mend(
    report: Report,
    pipelines: tuple[Pipeline, ...],
    rules: tuple[Rule, ...],
    settings: Settings,
    choices: Mapping[str, Any],
    aws: Aws | None,
) -> int:
    """Plan, show, ask, apply, and audit again; return the exit code of the whole."""
    from auditor.cli.interrupts import EXIT_CODE, noticed
    from auditor.errors import UsageError
    from auditor.model import Safety
    from auditor.remedy import draft
    from auditor.render.totals import combine, exit_code
    from auditor.run import audit, judged

    lang = language(choices["lang"])
    level = severity(choices["fail_on"])
    tell_unfinished(choices["state_dir"], lang)
    judge = partial(judged, rules=rules, pipelines=pipelines, settings=settings)
    plan = draft(report.snapshots, report.findings, rules, safety=Safety(choices["fix"]), judge=judge)
    limit = choices["max_changes"]
    if limit is not None and len(plan.changes) > limit:
        raise UsageError(
            f"The plan has {len(plan.changes)} changes and --max-changes allows {limit}; nothing was changed.",
            "Raise the limit, or narrow the run with --select.",
        )
    changing = bool(plan.changes) and not choices["dry_run"]
    if not (changing and (choices["yes"] or sys.stdin.isatty())):
        # Nothing will be written: the report is final, and told once.
        write(report, choices["outputs"], dict(choices))
    elif not choices["quiet"]:
        click.echo(_table(report, lang, level), err=True)
    show(plan, lang, file=sys.stderr, ways=())
    if plan.changes:
        click.echo(phrases.WAYS.say(lang), err=True)
    if not changing:
        remain(plan, lang)
        return exit_code(report, level)
    if not confirm(plan, lang, yes=choices["yes"]):
        write(report, _unseen(choices), dict(choices))
        return exit_code(report, level)
    outcome = carry_out(plan, aws, choices["state_dir"], lang)
    click.echo(phrases.AGAIN.say(lang), err=True)
    with progress_bar(quiet=choices["quiet"], lang=choices["lang"]) as progress, noticed() as interrupted:
        settings = replace(settings, to_fix=False)
        again = audit(pipelines, rules, settings, aws=aws, progress=progress, interrupted=interrupted)
        ended = interrupted()
    write(again, choices["outputs"], dict(choices))
    remain(plan, lang)
    broken = not outcome.complete or bool(promised(report, plan) & failing(again))
    return EXIT_CODE if ended else combine([4 if broken else 0, exit_code(again, level)])


def _unseen(choices: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the outputs without the table that the person at the terminal has read already."""
    seen = not choices["quiet"] and sys.stdout.isatty()
    return [one for one in choices["outputs"] if not (seen and one == ("table", ""))]


def promised(report: Report, plan: Plan) -> frozenset[str]:
    """Return the fingerprints of the findings that a plan set out to mend."""
    left = {(one.rule, one.pipeline, one.node) for one in plan.left}
    return frozenset(
        one.fingerprint
        for one in report.findings
        if one.rule in plan.rules and one.verdict.value == "fail" and (one.rule, one.pipeline, one.node) not in left
    )


def failing(report: Report) -> frozenset[str]:
    """Return the fingerprints of what fails."""
    return frozenset(one.fingerprint for one in report.findings if one.verdict.value == "fail")


def _table(report: Report, lang: str, level: Severity) -> str:
    import io

    from auditor.render import FORMATS, Options

    stream = io.StringIO()
    FORMATS["table"].write(
        report, stream, Options(lang=lang, colour=coloured(sys.stderr), width=columns(), fail_on=level)
    )
    return stream.getvalue()
