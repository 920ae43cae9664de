"""`auditor snapshot`, `auditor diff` and `auditor baseline`: keep what was seen, and compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import phrases
from auditor.cli.options import coloured, lang_option, language, pipelines_argument, rule_options, source_options
from auditor.cli.running import load_all, progress_bar, settings_of

if TYPE_CHECKING:
    from auditor.compare import FacetChange, Verdicts
    from auditor.model import Snapshot

_WRITE_ONE = "Write one with `auditor audit … --format json --output FILE`, or with `auditor snapshot`."
_COLOURS = {"new": "red", "fixed": "green", "changed": "yellow", "unknown": "magenta", "gone": "blue"}


@click.command("snapshot")
@pipelines_argument
@source_options
@rule_options
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Where the snapshot goes."
)
def snapshot_command(output: Path, **choices: Any) -> int:
    """Keep all that the selected rules need, with what could not be read and why."""
    from auditor.run import counts, door, read
    from auditor.seals import snapshot_digest
    from auditor.sources.saved import dump, sealed

    pipelines, rules = load_all(choices)
    settings = settings_of(choices)
    with door(settings) as aws, progress_bar(quiet=False) as progress:
        snapshots = tuple(read(pipelines, rules, settings, aws, progress=progress))
    dump(snapshots, output)
    wanted, answered = counts(snapshots)
    click.echo(
        f"{output}: {phrases.counted(len(snapshots), 'pipeline')}, {answered} of {wanted} facets read.", err=True
    )
    said = (phrases.SEALED.fill(output, sealed(output)), phrases.READ_AS.fill(snapshot_digest(snapshots)))
    click.echo("\n".join(text.say(language(None)) for text in said), err=True)
    return 0 if wanted == answered else 3


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.argument("pipelines", nargs=-1, type=click.Path(path_type=Path), metavar="[PIPELINE…]")
@source_options
@rule_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@lang_option
def diff_command(a: str, b: str, form: str, lang: str | None, **choices: Any) -> int:
    """Compare A with B: report files, snapshot files, or sources (live, terraform:PLAN.json, cloudformation:TEMPLATE).

    Sources need the pipeline files behind them; several of one side stand with a comma between them. Exit 0: no
    difference; 1: something is new, changed or drifted; 3: nothing is, but something could not be compared.
    """
    from auditor import compare

    before, after = _side(a, choices), _side(b, choices)
    verdicts = compare.findings(before[0], after[0])
    facets = compare.facets(before[1], after[1])
    if form == "json":
        click.echo(_as_json(verdicts, facets))
    else:
        _tell(verdicts, facets, language(lang))
    if any(one.change in {"new", "changed", "fixed", "gone"} for one in verdicts) or any(one.lines for one in facets):
        return 1
    return 3 if verdicts or facets else 0


def _side(name: str, choices: Mapping[str, Any]) -> tuple[dict[str, dict[str, str]], tuple[Snapshot, ...]]:
    """Return the findings and the snapshots of one side of a comparison."""
    from auditor.compare import told, told_in_report
    from auditor.engine import evaluate
    from auditor.errors import InputError, Mistake, Place
    from auditor.files import load_json
    from auditor.predicates import PREDICATES
    from auditor.sources.saved import load as load_snapshots

    file = Path(name)
    if name != "live" and ":" not in name and file.exists():
        document = load_json(file, places=False)
        if isinstance(document.value, Mapping) and document.value.get("version") == "report-v1":
            return told_in_report(document.value), ()
        if not (isinstance(document.value, Mapping) and "format" in document.value):
            raise InputError([Mistake(Place(name), "This is neither a report-v1 nor a snapshot-v1 file.", _WRITE_ONE)])
        snapshots = load_snapshots(file)
        rules = (
            load_all({**choices, "pipelines": choices["pipelines"]})[1] if choices["pipelines"] else _all_rules(choices)
        )
    else:
        snapshots, rules = _asked(name, choices)
    judged = [finding for one in snapshots for finding in evaluate(one, rules, PREDICATES)]
    return told(judged), snapshots


def _all_rules(choices: Mapping[str, Any]) -> Any:
    from auditor.cli.options import load_rules

    return load_rules(choices["folders"], choices["select"], choices["skip"], choices["min_severity"])


def _asked(name: str, choices: Mapping[str, Any]) -> tuple[tuple[Snapshot, ...], Any]:
    from auditor.errors import UsageError
    from auditor.run import door, read

    if name != "live" and ":" not in name:
        raise UsageError(f"{name}: there is no such file.", "Give a report, a snapshot, or a source such as live.")
    if not choices["pipelines"]:
        raise UsageError(f"{name} can be read only for pipelines.", "Name the pipeline files behind A and B.")
    pipelines, rules = load_all(dict(choices))
    # Templates and plans of one side are read together: `cloudformation:a.yaml,cloudformation:b.yaml`.
    settings = replace(settings_of({**choices, "sources": tuple(name.split(","))}))
    with door(settings) as aws, progress_bar(quiet=False) as progress:
        return tuple(read(pipelines, rules, settings, aws, progress=progress)), rules


def _as_json(verdicts: Sequence[Verdicts], facets: Sequence[FacetChange]) -> str:
    from dataclasses import asdict

    from auditor.render.json_text import dumps

    document = {
        "version": "diff-v1",
        "findings": [asdict(one) for one in verdicts],
        "facets": [asdict(one) for one in facets],
    }
    return dumps(document)


def _tell(verdicts: Sequence[Verdicts], facets: Sequence[FacetChange], lang: str) -> None:
    from auditor.render.display import plain

    paint = coloured()
    for one in verdicts:
        click.echo(verdict_line(one, lang, paint=paint))
    for change in facets:
        head = f"{plain(change.pipeline)}.{plain(change.node)}.{plain(change.facet)}"
        click.echo(f"\n{head}" if change.lines else f"{head}: {plain(change.unread)}")
        for line in change.lines[2:]:
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            click.echo(click.style(plain(line), fg=colour) if paint and colour else plain(line))
    if not verdicts and not facets:
        click.echo(phrases.NO_DIFFERENCE.say(lang))


def verdict_line(one: Verdicts, lang: str, *, paint: bool) -> str:
    """Return what became of a finding as one line."""
    from auditor.render.display import plain

    word = phrases.DIFFERENCES[one.change].say(lang)
    word = click.style(word, fg=_COLOURS[one.change]) if paint else word
    turn = f"{_verdict(one.before, lang)} → {_verdict(one.after, lang)}"
    return f"{word}: {plain(one.rule)} {plain(one.pipeline)}.{plain(one.node)} ({turn})"


def _verdict(word: str | None, lang: str) -> str:
    from auditor.model import Verdict
    from auditor.render.words import verdict_word

    return verdict_word(Verdict(word), lang) if word else "-"


@click.command("baseline")
@pipelines_argument
@source_options
@rule_options
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The baseline file."
)
@click.option("--prune", is_flag=True, help="Only take out of the file what no longer fails.")
def baseline_command(output: Path, prune: bool, **choices: Any) -> None:
    """Write the file of failures that a gate accepts for now, or take out of it what was fixed."""
    from auditor.run import audit, failing
    from auditor.waivers import Baseline

    pipelines, rules = load_all(choices)
    with progress_bar(quiet=False) as progress:
        report = audit(pipelines, rules, settings_of(choices), progress=progress)
    made = Baseline.load(output).prune(report.findings) if prune else Baseline.of(failing(report))
    made.write(output)
    click.echo(f"{output}: {phrases.counted(len(made.known), 'finding')}.", err=True)
