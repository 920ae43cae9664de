"""`auditor explain`: what a rule wants and why, or how one finding came about and what would mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import completing, phrases
from auditor.cli.options import coloured, columns, lang_option, language, source_options

if TYPE_CHECKING:
    from auditor.model import Finding, Report
    from auditor.rule import Rule


@click.command("explain")
@click.argument("word", metavar="RULE|FINDING", shell_complete=completing.rules)
@click.argument("pipelines", nargs=-1, type=click.Path(path_type=Path), metavar="[PIPELINE…]")
@source_options
@click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Your own rules; repeatable.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE", help="Take the finding from this report (json)."
)
@lang_option
def explain_command(
    word: str, pipelines: tuple[Path, ...], report: Path | None, lang: str | None, **choices: Any
) -> int:
    """Explain a rule by its id, or a finding by its fingerprint (the first digits are enough).

    With pipelines the rule is judged on them now; a fingerprint needs the pipelines or a report.
    """
    from auditor.errors import UsageError
    from auditor.files import did_you_mean
    from auditor.rulebook import load

    book = {rule.id: rule for rule in load(choices["folders"], vet=False)}
    tongue = language(lang)
    fingerprint = word.lower() if word not in book and _hexadecimal(word) else ""
    if not fingerprint and word not in book:
        raise UsageError(f"`{word}` is neither a rule nor a fingerprint.", did_you_mean(word, book).strip())
    if report is not None:
        _say(_told(_in_report(report, word, fingerprint), book, tongue))
        return 0
    if not pipelines:
        if fingerprint:
            raise UsageError(
                "A finding is explained from what was read.", "Name its pipelines behind it, or --report FILE."
            )
        _say(_rule(book[word], tongue))
        return 0
    return _live(word, fingerprint, {**choices, "pipelines": pipelines}, book, tongue)


def _live(word: str, fingerprint: str, choices: Mapping[str, Any], book: Mapping[str, Rule], lang: str) -> int:
    from auditor.cli.running import load_all, progress_bar, settings_of
    from auditor.errors import UsageError
    from auditor.run import audit

    select = () if fingerprint else (word,)
    pipelines, rules = load_all({**choices, "select": select, "skip": (), "min_severity": "info"})
    with progress_bar(quiet=False) as progress:
        report = audit(
            pipelines,
            rules,
            settings_of({**choices, "fix": "review"} if not choices["sources"] else dict(choices)),
            progress=progress,
        )
    chosen = (
        [one for one in report.findings if one.fingerprint.startswith(fingerprint)]
        if fingerprint
        else list(report.findings)
    )
    if not chosen:
        raise UsageError(
            f"No finding begins with {fingerprint}." if fingerprint else f"{word} does not apply to these pipelines."
        )
    for rule in dict.fromkeys(one.rule for one in chosen):
        _say(_brief(book[rule], lang))
        for finding in chosen:
            if finding.rule == rule:
                _say(_finding(finding, lang))
        _fixes(report, [one for one in chosen if one.rule == rule], rules, lang)
        _say(["", phrases.WHOLE_PAGE.fill(rule).say(lang)])
    return 0


def _hexadecimal(word: str) -> bool:
    return len(word) >= 6 and all(letter in "0123456789abcdef" for letter in word.lower())


def _rule(rule: Rule, lang: str) -> list[str]:
    from auditor.docs import page

    return page(rule, lang).splitlines()


def _brief(rule: Rule, lang: str) -> list[str]:
    from auditor.docs import brief

    return brief(rule, lang).splitlines()


def _finding(finding: Finding, lang: str) -> list[str]:
    from auditor.render.sentences import found_text, text_of, wanted_text

    lines = _head(finding.pipeline, finding.node, finding.verdict.value, finding.fingerprint, lang)
    for one in finding.evidence:
        lines.append(f"- {one.route}" + (f"  [{one.location}]" if one.location else ""))
        lines += _pairs(wanted_text(one, lang), found_text(one, lang), text_of(one.note, lang), lang)
    if finding.steps and finding.verdict.value == "fail":
        lines += ["", text_of(finding.steps, lang)]
    return lines


def _head(pipeline: str, node: str, verdict: str, fingerprint: str, lang: str) -> list[str]:
    from auditor.model import Verdict
    from auditor.render.words import verdict_word

    return ["", f"## {pipeline}.{node}: {verdict_word(Verdict(verdict), lang)} ({fingerprint})", ""]


def _pairs(wanted: str, found: str, note: str, lang: str) -> list[str]:
    """Return what was wanted and what was found, with the note, as the lines below a route."""
    from auditor.render.words import say

    lines = [f"  {say('wanted', lang)}: {wanted}"] if wanted else []
    return [*lines, f"  {say('found', lang)}: {found}", *([f"  {note}"] if note else [])]


def _fixes(report: Report, chosen: Iterable[Finding], rules: Iterable[Rule], lang: str) -> None:
    """Print the change that would make the findings pass, as a diff, a call, AWS CLI, Terraform and CloudFormation."""
    from auditor.model import Safety
    from auditor.remedy import draft
    from auditor.remedy.show import shown

    plan = draft(report.snapshots, chosen, rules, safety=Safety.REVIEW)
    if plan.changes:
        click.echo()
        click.echo(shown(plan, lang=lang, colour=coloured(sys.stdout), width=columns()))


def _in_report(file: Path, word: str, fingerprint: str) -> list[Mapping[str, Any]]:
    from auditor.errors import InputError, Mistake, Place
    from auditor.files import load_json

    document = load_json(file, places=False).value
    if not isinstance(document, Mapping) or document.get("version") != "report-v1":
        raise InputError(
            [Mistake(Place(str(file)), "This is no report-v1.", "Write one with --format json --output FILE.")]
        )
    found = [
        one
        for one in document["findings"]
        if (one["fingerprint"].startswith(fingerprint) if fingerprint else one["rule"] == word)
    ]
    if not found:
        raise InputError([Mistake(Place(str(file)), f"No finding of `{word}` is in this report.")])
    return found


def _told(found: Iterable[Mapping[str, Any]], book: Mapping[str, Rule], lang: str) -> list[str]:
    """Return findings of a report in lines; what the report says of evidence is in English, as programs read it."""
    from auditor.model import Unread
    from auditor.render.order import value_text
    from auditor.render.sentences import unread_text

    lines: list[str] = []
    told: set[str] = set()
    for one in found:
        if one["rule"] in book and one["rule"] not in told:
            lines += _brief(book[one["rule"]], lang)
        told.add(one["rule"])
        lines += _head(one["pipeline"], one["node"], one["verdict"], one["fingerprint"], lang)
        for evidence in one["evidence"]:
            lines.append(f"- {evidence['route']}")
            said = unread_text(Unread(**evidence["unread"]), lang) if evidence["unread"] else _spelled(evidence, lang)
            note = (evidence.get("note") or {}).get(lang, "")
            lines += _pairs(value_text(evidence["wanted"]), said, note, lang)
    return [*lines, "", *(phrases.WHOLE_PAGE.fill(rule).say(lang) for rule in sorted(told & set(book)))]


def _spelled(evidence: Mapping[str, Any], lang: str) -> str:
    from auditor.render.order import value_text
    from auditor.render.words import say

    return value_text(evidence["found"]) or say("absent", lang)


def _say(lines: Iterable[str]) -> None:
    from auditor.render.display import plain

    for line in lines:
        click.echo(plain(line))
