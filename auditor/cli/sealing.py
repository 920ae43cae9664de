"""`auditor verify`, and what `audit` and `snapshot` say of digests: whether last year's night is judged today as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import phrases
from auditor.cli.options import lang_option, language, rule_options, source_options
from auditor.cli.running import load_all, progress_bar, settings_of

if TYPE_CHECKING:
    from auditor.model import Json, Pipeline, Report, Seal


def wanted(choices: Mapping[str, Any], sources: Iterable[str], formats: Iterable[str]) -> bool:
    """Tell whether a run has to be sealed: it was asked to, or it judges a snapshot and somebody is told."""
    saved = any(one.startswith("snapshot:") for one in sources)
    return bool(choices["seal"]) or (saved and (not choices["quiet"] or "json" in formats))


def tell(sources: Iterable[str], seal: Seal | None, lang: str) -> None:
    """Name the digests of the snapshot files that were read (with another one nothing would have been judged), and the seal."""
    from auditor.sources.saved import sealed

    for kind, _, file in (one.partition(":") for one in sources):
        if kind == "snapshot":
            _say(phrases.MATCHES.fill(file, sealed(Path(file))).say(lang))
    if seal is not None:
        _say(phrases.SEAL.fill(seal.whole).say(lang))
        for name, digest in parts(seal).items():
            _say(f"  {digest}  {phrases.SEAL_PARTS[name].say(lang)}")


def parts(seal: Seal) -> dict[str, str]:
    """Return the digests of a seal by the words that report-v1 has for them."""
    return {name: getattr(seal, name) for name in phrases.SEAL_PARTS}


def _say(line: str) -> None:
    from auditor.render.display import plain

    click.echo(plain(line), err=True)


@click.command("verify")
@click.argument("report", type=click.Path(path_type=Path))
@click.argument("pipelines", nargs=-1, required=True, metavar="PIPELINE…", type=click.Path(path_type=Path))
@source_options
@rule_options
@lang_option
def verify_command(report: Path, lang: str | None, **choices: Any) -> int:
    """Judge again what a sealed REPORT was made of (its own source, or --source), and say whether everything is the same.

    Exit 0: it matches; 1: it does not, and what differs is named; 2: the report has no seal, or was changed.
    """
    from auditor.run import audit

    document = _sealed_report(report)
    pipelines, rules = load_all(choices)
    sources = choices["sources"] or _own_sources(document, report)
    settings = settings_of({**choices, "sources": sources, "seal": True})
    with progress_bar(quiet=False, lang=lang) as progress:
        made = audit(pipelines, rules, settings, progress=progress)
    told = list(_differences(document, made, pipelines, language(lang)))
    when, seal = document["started_at"], document["seal"]
    text = phrases.SEAL_DIFFERS.fill(report, when) if told else phrases.SEAL_FITS.fill(report, when, seal["all"])
    from auditor.render.display import plain

    for line in (text.say(language(lang)), *told):
        click.echo(plain(line))
    return 1 if told else 0


def _sealed_report(file: Path) -> Json:
    """Return a report-v1 document whose findings are as its seal says; raises `InputError`."""
    from auditor.errors import InputError, Mistake, Place
    from auditor.files import load_json, schema_mistakes, shipped
    from auditor.seals import report_digest, sealed

    read = load_json(file, places=False)
    document = read.value
    if not isinstance(document, dict) or document.get("version") != "report-v1":
        raise InputError([Mistake(Place(str(file)), "This is no report-v1 file.", _WRITE_ONE)])
    if wrong := schema_mistakes(read, load_json(shipped("reports") / "schemas" / "report-v1.json").value):
        raise InputError(wrong)
    if "seal" not in document:
        raise InputError([Mistake(Place(str(file)), "The report has no seal.", _WRITE_ONE)])
    said = document["seal"]
    made = sealed(**{name: said[name] for name in phrases.SEAL_PARTS})
    if said["report"] != report_digest(document) or said["all"] != made.whole:
        raise InputError(
            [Mistake(Place(str(file)), "The report was changed since it was written: its seal does not fit.")]
        )
    return document


_WRITE_ONE = (
    "Write one with `auditor audit … --source snapshot:FILE --format json --output FILE`, or live with `--seal`."
)


def _own_sources(document: Json, file: Path) -> tuple[str, ...]:
    """Return the sources that a report names; raises `UsageError` where they are no files."""
    from auditor.errors import UsageError

    named = tuple(document["source"].split(", "))
    if not all(one.startswith("snapshot:") for one in named):
        sentence = f"{file} was made from {document['source']}, which may say something else by now."
        raise UsageError(sentence, "Say from what it is to be judged: --source snapshot:FILE.")
    return named


def _differences(document: Json, made: Report, pipelines: Iterable[Pipeline], lang: str) -> Iterator[str]:
    """Yield a line for each part when one of them is another than it was, and below it what is known of the difference."""
    assert made.seal is not None
    now = parts(made.seal)
    if all(document["seal"][name] == digest for name, digest in now.items()):
        return
    detail = {
        "pipelines": _turnover({one["name"] for one in document["pipelines"]}, {one.name for one in pipelines}),
        "rules": _turnover(set(document["rules"]), set(made.rules)),
        "report": _findings(document, made, lang),
    }
    for name, digest in now.items():
        same = document["seal"][name] == digest
        word = phrases.SEAL_SAME if same else phrases.SEAL_OTHER
        yield f"  {phrases.SEAL_PARTS[name].say(lang)}: {word.say(lang)}"
        for line in () if same else detail.get(name, ()):
            yield f"    {line if isinstance(line, str) else line.say(lang)}"
    if document["auditor"] != made.version:
        yield phrases.SEAL_VERSIONS.fill(document["auditor"], made.version).say(lang)


def _turnover(before: set[str], after: set[str]) -> list[Any]:
    ways = ((phrases.SEAL_ADDED, after - before), (phrases.SEAL_GONE, before - after))
    return [text.fill(", ".join(sorted(names))) for text, names in ways if names]


def _findings(document: Json, made: Report, lang: str) -> Iterator[str]:
    from auditor.cli.compare import verdict_line
    from auditor.compare import findings, told, told_in_report

    for one in findings(told_in_report(document), told(made.findings)):
        yield verdict_line(one, lang, paint=False)
