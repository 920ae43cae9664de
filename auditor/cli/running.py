"""What the verbs share: load everything, say how to read, write the report, show progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.options import check_fixing, check_sources, coloured, columns, language, severity
from auditor.cli.phrases import READING

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline, Report
    from auditor.rule import Rule
    from auditor.run import Progress, Reader, Settings


def _address(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return the address of a scheduler, or an empty string for the threads of this process; raises `UsageError`."""
    from auditor.errors import UsageError

    engine, equals, address = value.partition("=")
    if engine == "local" and not equals:
        return ""
    if engine != "dask" or not address:
        raise UsageError(f"--executor {value}: there is no such executor.", "Say local or dask=tcp://host:port.")
    return address


executor_option = click.option(
    "--executor",
    metavar="WHO",
    default="local",
    show_default=True,
    callback=_address,
    help="Who reads: local (threads), or dask=tcp://host:port, the workers of a Dask scheduler.",
)


def load_all(choices: dict[str, Any]) -> tuple[tuple[Pipeline, ...], tuple[Rule, ...]]:
    """Return the pipelines and the rules that judge them; all mistakes of all files are raised together."""
    from auditor import load

    return load(
        *choices["pipelines"],
        rules=choices["folders"],
        select=choices["select"],
        skip=choices["skip"],
        min_severity=choices["min_severity"],
    )


def settings_of(choices: dict[str, Any]) -> Settings:
    """Return how to read, from the options."""
    from auditor.errors import UsageError
    from auditor.run import Settings
    from auditor.waivers import Baseline

    parameters = {}
    for word in choices["parameters"]:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--parameter {word}: a parameter is KEY=VALUE.")
        parameters[key] = value
    check_sources(choices)
    check_fixing(choices)
    sources = tuple(choices["sources"]) or ("live",)
    if choices.get("fix") and sources != ("live",):
        raise UsageError("--fix mends what runs, so it needs --source live.", "Leave out --source, or leave out --fix.")
    if choices.get("executor"):
        if choices.get("fix"):
            sentence = "--fix reads and writes from here, where its journal is kept, so it needs --executor local."
            raise UsageError(sentence, "Leave out --executor, or leave out --fix.")
        if sources != ("live",):
            raise UsageError(
                "--executor dask reads live accounts, so it needs --source live.", "Leave out one of them."
            )
    return Settings(
        sources=sources,
        concurrency=choices["concurrency"],
        timeout=choices["timeout"],
        to_fix=bool(choices.get("fix")),
        parameters=parameters,
        parameter_files=tuple(choices["parameter_files"]),
        terraform_dir=choices["terraform_dir"],
        baseline=Baseline.load(choices["baseline"]) if choices.get("baseline") else None,
        seal=bool(choices.get("seal")),
    )


@contextmanager
def readers(settings: Settings, address: str) -> Iterator[tuple[Aws | None, Reader | None]]:
    """Yield the door to AWS for a run that reads here, or else the cluster at an address that reads for it."""
    if address:
        from auditor.fleet.executor import Fleet
        from auditor.fleet.executor_dask import connected

        with connected(address) as engine:
            yield None, Fleet(engine)
    else:
        from auditor.run import door

        with door(settings) as aws:
            yield aws, None


def write(report: Report, outputs: Sequence[tuple[str, str]], choices: dict[str, Any]) -> None:
    """Write the report in every format asked for; the last line always counts, on standard error when stdout is not a table."""
    from auditor.cli.nightly import remembered

    with remembered(report, choices) as told:
        _write(told, outputs, choices)


def _write(report: Report, outputs: Sequence[tuple[str, str]], choices: dict[str, Any]) -> None:
    from auditor.files import writing
    from auditor.render import FORMATS
    from auditor.render.totals import closing_line, exit_code

    lang = language(choices["lang"])
    if any(name == "html" for name, _ in outputs):
        report = with_fixes(report, choices.get("folders", ()))
    silent = choices["quiet"] and exit_code(report, severity(choices["fail_on"])) == 0
    for name, file in outputs:
        if name == "table" and not file and silent:
            click.echo(closing_line(report, lang))
        elif file:
            with writing(Path(file), mode=0o644) as stream:
                FORMATS[name].write(report, stream, _options(choices, lang, to_file=True))
        else:
            FORMATS[name].write(report, sys.stdout, _options(choices, lang, to_file=False))
    if ("table", "") not in outputs:
        click.echo(closing_line(report, lang), err=True)


def lean(outputs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether these formats can do without the documents that were read; one of another distribution may want them."""
    from auditor.render import FORMATS

    return all(name in FORMATS.rows and name != "html" for name, _ in outputs)


def with_fixes(report: Report, folders: Sequence[Path] = ()) -> Report:
    """Return the report with what a fix would change beside each failure that one could mend, as far as it was read."""
    from dataclasses import replace

    from auditor.model import Safety
    from auditor.remedy import draft
    from auditor.remedy.show import difference
    from auditor.rulebook import load

    rules = [rule for rule in load(folders, vet=False) if rule.id in report.rules]
    fixes: dict[str, tuple[str, ...]] = {}
    for change in draft(report.snapshots, report.findings, rules, safety=Safety.REVIEW).changes:
        node = change.places[0][1]
        lines = (f"{node}.{change.facet}", *difference(change.before, change.after))
        for finding in report.findings:
            if finding.rule in change.rules and finding.pipeline in change.pipelines and finding.fixable:
                fixes[finding.fingerprint] = (*fixes.get(finding.fingerprint, ()), *lines)
    return replace(report, fixes=fixes)


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
def progress_bar(*, quiet: bool, lang: str | None = None) -> Iterator[Progress | None]:
    """Show how many reads are done, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label=READING.say(language(lang)), file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show
