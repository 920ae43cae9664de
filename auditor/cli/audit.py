"""`auditor audit` and `auditor fix`: read, judge, report, and with --fix mend and judge again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.options import (
    SEVERITIES,
    coloured,
    columns,
    lang_option,
    language,
    pipelines_argument,
    rule_options,
    severity,
    source_options,
)

if TYPE_CHECKING:
    from auditor.audit import Progress, Settings
    from auditor.model import Pipeline, Report
    from auditor.rule import Rule

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
    from auditor.audit import audit, door
    from auditor.render.totals import exit_code

    outputs = pairs(ctx.meta[OUTPUTS])
    pipelines, rules = load_all(choices)
    settings = settings_of(choices)
    with door(settings) as aws:
        with progress_bar(quiet=choices["quiet"]) as progress:
            report = audit(pipelines, rules, settings, aws=aws, progress=progress)
        if choices["fix"]:
            from auditor.cli.remedy import mend

            return mend(report, pipelines, rules, settings, {**choices, "outputs": outputs}, aws)
        write(report, outputs, choices)
    return exit_code(report, severity(choices["fail_on"]))


def load_all(choices: dict[str, Any]) -> tuple[tuple[Pipeline, ...], tuple[Rule, ...]]:
    """Return the pipelines and the rules that judge them; all mistakes of all files are raised together."""
    from auditor.errors import InputError, Mistake, PipelineError, UsageError
    from auditor.model import Severity
    from auditor.pipeline import load as load_pipelines
    from auditor.pipeline import unknown_rules
    from auditor.rulebook import load, selected

    mistakes: list[Mistake] = []
    everything: tuple[Rule, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    try:
        everything = load(choices["folders"], vet=False)
    except InputError as error:
        mistakes.extend(error.mistakes)
    try:
        words = {name: schema for rule in everything for name, schema in rule.parameters.items()}
        pipelines = load_pipelines(choices["pipelines"], intent=words)
    except InputError as error:
        mistakes.extend(error.mistakes)
    if everything and pipelines:
        mistakes.extend(unknown_rules(pipelines, [rule.id for rule in everything]))
    if mistakes:
        raise PipelineError(mistakes)
    rules = selected(everything, choices["select"], choices["skip"], Severity(choices["min_severity"]))
    if not rules:
        raise UsageError("No rule is left to judge by.", "Loosen --select, --skip or --min-severity.")
    return pipelines, rules


def settings_of(choices: dict[str, Any]) -> Settings:
    """Return how to read, from the options."""
    from auditor.audit import Settings
    from auditor.errors import UsageError
    from auditor.waivers import Baseline

    parameters = {}
    for word in choices["parameters"]:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--parameter {word}: a parameter is KEY=VALUE.")
        parameters[key] = value
    sources = tuple(choices["sources"]) or ("live",)
    if choices.get("fix") and sources != ("live",):
        raise UsageError("--fix mends what runs, so it needs --source live.", "Leave out --source, or leave out --fix.")
    return Settings(
        sources=sources,
        concurrency=choices["concurrency"],
        timeout=choices["timeout"],
        to_fix=bool(choices.get("fix")),
        parameters=parameters,
        parameter_files=tuple(choices["parameter_files"]),
        terraform_dir=choices["terraform_dir"],
        baseline=Baseline.load(choices["baseline"]) if choices.get("baseline") else None,
    )


def write(report: Report, outputs: Sequence[tuple[str, str]], choices: dict[str, Any]) -> None:
    """Write the report in every format asked for; the last line always counts, on standard error when stdout is not a table."""
    import io

    from auditor.files import write_atomic
    from auditor.render import FORMATS
    from auditor.render.totals import closing_line, exit_code

    lang = language(choices["lang"])
    silent = choices["quiet"] and exit_code(report, severity(choices["fail_on"])) == 0
    for name, file in outputs:
        if name == "table" and not file and silent:
            click.echo(closing_line(report, lang))
        elif file:
            stream = io.StringIO()
            FORMATS[name].write(report, stream, _options(choices, lang, to_file=True))
            write_atomic(Path(file), stream.getvalue(), mode=0o644)
        else:
            FORMATS[name].write(report, sys.stdout, _options(choices, lang, to_file=False))
    if ("table", "") not in outputs:
        click.echo(closing_line(report, lang), err=True)


def _options(choices: dict[str, Any], lang: str, *, to_file: bool) -> Any:
    from auditor.render import Options

    return Options(
        lang=lang,
        colour=not to_file and coloured(),
        width=100 if to_file else columns(),
        fail_on=severity(choices["fail_on"]),
        base=str(Path.cwd()),
    )


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress | None]:
    """Show how many reads are done, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label="Reading", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show
