"""`auditor audit` and `auditor fix`: read, judge, report, and with --fix mend and judge again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from auditor.cli.completing import formats
from auditor.cli.nightly import duties_of, nightly_options
from auditor.cli.options import (
    SEVERITIES,
    lang_option,
    language,
    pipelines_argument,
    rule_options,
    severity,
    source_options,
)
from auditor.cli.running import executor_option, lean, load_all, progress_bar, readers, settings_of, write
from auditor.cli.sealing import tell, wanted

OUTPUTS = "auditor.outputs"


class PairedCommand(click.Command):
    """A command whose --format and --output belong together in the order in which they are typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember the order of --format and --output before click sorts them by name."""
        ctx.meta[OUTPUTS] = list(_typed(args))
        return super().parse_args(ctx, args)


def _typed(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(args):
        if word == "--":
            return
        name, equals, value = word.partition("=")
        if name in {"--format", "--output"}:
            yield name[2:], value if equals else args[index + 1] if index + 1 < len(args) else ""


def pairs(typed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (format, file) pairs; an empty file is standard output, and an output alone names its format by its ending.

    Raises `UsageError` for two formats on standard output, an unknown format, or an output of no known ending.
    """
    from auditor.errors import UsageError
    from auditor.files import did_you_mean
    from auditor.render import FORMATS

    made: list[tuple[str, str]] = []
    for what, value in typed:
        if what == "format":
            if value not in FORMATS:
                raise UsageError(f"There is no format `{value}`.", did_you_mean(value, FORMATS).strip())
            made.append((value, ""))
        elif made and not made[-1][1]:
            made[-1] = (made[-1][0], value)
        else:
            ending = value.rpartition(".")[2]
            name = next((name for name, row in FORMATS.items() if ending in {name, row.media}), None)
            if name is None:
                raise UsageError(f"--output {value}: the ending names no format.", "Put --format before it.")
            made.append((name, value))
    if sum(not file for _, file in made) > 1:
        raise UsageError("Only one format fits on standard output.", "Give each --format an --output FILE behind it.")
    return made or [("table", "")]


def audit_options(command: Any) -> Any:
    """Add every option of `audit` to a command."""
    for option in reversed(
        (
            pipelines_argument,
            source_options,
            executor_option,
            rule_options,
            click.option(
                "--fail-on",
                type=click.Choice(SEVERITIES),
                default="low",
                show_default=True,
                help="The lowest severity that gates.",
            ),
            click.option(
                "--format",
                "_formats",
                multiple=True,
                metavar="F",
                shell_complete=formats,
                help="table, json, sarif, …; repeatable, each with its --output.",
            ),
            click.option(
                "--output",
                "_outputs",
                multiple=True,
                metavar="FILE",
                help="Where the format before it goes; standard output without.",
            ),
            click.option(
                "--fix",
                is_flag=False,
                flag_value="safe",
                default=None,
                type=click.Choice(["safe", "review"]),
                help="Mend what failed: safe fixes, or those to review too.",
            ),
            nightly_options,
            click.option("--yes", is_flag=True, help="Apply without asking."),
            click.option("--dry-run", is_flag=True, help="Show what --fix would do, and change nothing."),
            click.option(
                "--max-changes", type=click.IntRange(1), metavar="N", help="Refuse a plan with more changes than this."
            ),
            click.option(
                "--state-dir",
                type=click.Path(path_type=Path),
                metavar="DIR",
                help="Where journals and history are kept.",
            ),
            click.option(
                "--baseline",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Gate only what this file does not know.",
            ),
            click.option(
                "--seal",
                is_flag=True,
                help="Add the digests that `auditor verify` compares; a run on a snapshot has them anyway.",
            ),
            lang_option,
            click.option(
                "--quiet", is_flag=True, help="No progress and no notes; nothing but the last line when clean."
            ),
        )
    ):
        command = option(command)
    return command


@click.command("audit", cls=PairedCommand)
@audit_options
@click.pass_context
def audit_command(ctx: click.Context, /, **choices: Any) -> int:
    """Read what AWS (or a plan, a template, a snapshot) says, judge it, and report."""
    return run(ctx, choices)


@click.command("fix", cls=PairedCommand)
@audit_options
@click.pass_context
def fix_command(ctx: click.Context, /, **choices: Any) -> int:
    """Audit and mend what failed; the same as audit --fix."""
    return run(ctx, {**choices, "fix": choices["fix"] or "safe"})


def run(ctx: click.Context, choices: dict[str, Any]) -> int:
    """Carry out an audit as the options say and return its exit code."""
    from auditor.cli.interrupts import EXIT_CODE, noticed
    from auditor.render.totals import exit_code
    from auditor.run import audit

    outputs = pairs(ctx.meta[OUTPUTS])
    duties_of(choices).check()
    pipelines, rules = load_all(choices)
    settings = settings_of({**choices, "seal": wanted(choices, choices["sources"], [name for name, _ in outputs])})
    with readers(settings, choices["executor"]) as (aws, reader):
        with progress_bar(quiet=choices["quiet"], lang=choices["lang"]) as progress, noticed() as interrupted:
            report = audit(
                pipelines,
                rules,
                settings,
                aws=aws,
                reader=reader,
                progress=progress,
                interrupted=interrupted,
                lean=lean(outputs) and not choices["fix"],
            )
            ended = interrupted()
        if not choices["quiet"]:
            tell(settings.sources, report.seal, language(choices["lang"]))
        if choices["fix"] and not ended:
            from auditor.cli.mending import mend

            return mend(report, pipelines, rules, settings, {**choices, "outputs": outputs}, aws)
        write(report, outputs, choices)
    return EXIT_CODE if ended else exit_code(report, severity(choices["fail_on"]))
