"""Options that several verbs share, and what they turn into."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.cli.completing import selectors

if TYPE_CHECKING:
    from auditor.model import Pipeline, Severity
    from auditor.rule import Rule

F = TypeVar("F", bound=Callable[..., Any])
SEVERITIES = ("critical", "high", "medium", "low", "info")

pipelines_argument = click.argument(
    "pipelines", nargs=-1, required=True, metavar="PIPELINE…", type=click.Path(path_type=Path)
)


def rule_options(command: F) -> F:
    """Add --rules, --select, --skip and --min-severity."""
    for option in (
        click.option(
            "--min-severity",
            type=click.Choice(SEVERITIES),
            default="info",
            show_default=True,
            help="Leave out rules below it.",
        ),
        click.option(
            "--skip",
            multiple=True,
            metavar="ID|TAG",
            shell_complete=selectors,
            help="Leave out these rules; repeatable.",
        ),
        click.option(
            "--select",
            multiple=True,
            metavar="ID|TAG",
            shell_complete=selectors,
            help="Use only these rules; repeatable.",
        ),
        click.option(
            "--rules",
            "folders",
            multiple=True,
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Your own rules besides the shipped ones; repeatable.",
        ),
    ):
        command = option(command)
    return command


def source_options(command: F) -> F:
    """Add --source and what belongs to it, --timeout and --concurrency."""
    for option in (
        click.option(
            "--concurrency", type=click.IntRange(1, 256), default=32, show_default=True, help="Calls at once."
        ),
        click.option(
            "--timeout", type=click.FloatRange(min=0.1), metavar="SECONDS", help="After this, the rest is unknown."
        ),
        click.option(
            "--source",
            "sources",
            multiple=True,
            metavar="SOURCE",
            help="live (default), snapshot:FILE, terraform:PLAN.json or cloudformation:TEMPLATE; repeatable.",
        ),
    ):
        command = option(command)
    return template_options(command)


def template_options(command: F) -> F:
    """Add --parameter, --parameters and --terraform-dir: what plans and templates do not tell themselves."""
    for option in (
        click.option(
            "--terraform-dir",
            metavar="DIR",
            default="",
            help="The configuration of a Terraform plan, for file and line.",
        ),
        click.option(
            "--parameters",
            "--parameter-file",
            "parameter_files",
            multiple=True,
            metavar="FILE",
            help="A CloudFormation parameters file; repeatable.",
        ),
        click.option(
            "--parameter",
            "parameters",
            multiple=True,
            metavar="KEY=VALUE",
            help="A CloudFormation parameter; repeatable.",
        ),
    ):
        command = option(command)
    return command


def check_sources(choices: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option of a source that is not asked for: it would have no effect."""
    from auditor.errors import UsageError

    kinds = {word.partition(":")[0] for word in choices["sources"]}
    for option, name, kind in (
        ("--parameter", "parameters", "cloudformation"),
        ("--parameters", "parameter_files", "cloudformation"),
        ("--terraform-dir", "terraform_dir", "terraform"),
    ):
        if choices[name] and kind not in kinds:
            raise UsageError(
                f"{option} belongs to --source {kind}:FILE, which is not asked for.", "Add it, or leave this out."
            )
    if choices["terraform_dir"] and not Path(choices["terraform_dir"]).is_dir():
        raise UsageError(f"--terraform-dir {choices['terraform_dir']}: There is no such folder.")


def check_fixing(choices: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option of `--fix` without it: who says --yes expects that something is mended."""
    from auditor.errors import UsageError

    for option, name in (("--yes", "yes"), ("--dry-run", "dry_run"), ("--max-changes", "max_changes")):
        if choices.get(name) and not choices.get("fix"):
            raise UsageError(f"{option} belongs to --fix, which is not asked for.", "Add --fix, or leave it out.")


def lang_option(command: F) -> F:
    """Add --lang."""
    option = click.option(
        "--lang", type=click.Choice(["en", "ja"]), help="Language of texts; from the locale without it."
    )
    return option(command)


def language(chosen: str | None) -> str:
    """Return the language to speak: the one chosen, else the locale's, else English."""
    if chosen:
        return chosen
    words = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ja" if next((word for word in words if word), "").startswith("ja") else "en"


def coloured(stream: Any = None) -> bool:
    """Tell whether colours may be written: a terminal, and neither NO_COLOR nor a dumb terminal."""
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns() -> int:
    """Return the width to write for: the terminal's, or COLUMNS, else 100."""
    return shutil.get_terminal_size((100, 24)).columns


def load_rules(
    folders: Iterable[Path], select: Iterable[str], skip: Iterable[str], min_severity: str
) -> tuple[Rule, ...]:
    """Return the rules that the options choose; raises `RuleError`, or `UsageError` when none is left."""
    from auditor.errors import UsageError
    from auditor.model import Severity as Level
    from auditor.rulebook import load, selected

    rules = selected(load(folders, vet=False), select, skip, Level(min_severity))
    if not rules:
        raise UsageError("No rule is left to judge by.", "Loosen --select, --skip or --min-severity.")
    return rules


def load_pipelines(paths: Iterable[Path]) -> tuple[Pipeline, ...]:
    """Return the pipelines of files and folders, their waivers checked against the known rules; raises `PipelineError`."""
    from auditor.pipeline import load

    return load(paths)


def severity(word: str) -> Severity:
    """Return a severity by its name."""
    from auditor.model import Severity as Level

    return Level(word)
