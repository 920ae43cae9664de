"""Annotations of a GitHub Actions run: workflow commands on standard output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from auditor.model import Finding, Notice, Report, Severity, Text, Verdict
from auditor.render.display import plain
from auditor.render.format import Format, Options
from auditor.render.order import file_of, place_of, shown, worst_first
from auditor.render.sentences import finding_sentences, headline, shortened, text_of
from auditor.render.totals import closing_line

_LONGEST_MESSAGE = 4000


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write a command a line, the worst first, since GitHub shows only the first ten of each level.

    What gates at `options.fail_on` and failed is an error; unknown, and failures below it, are warnings.
    """
    findings = [one for one in worst_first(shown(report.findings, options.min_severity)) if one.gates]
    stream.writelines(_annotation(one, options) for one in findings)
    stream.writelines(_note(one, options) for one in report.notices)
    stream.write(_command("notice", [("title", "auditor")], closing_line(report, options.lang)))


def _annotation(finding: Finding, options: Options) -> str:
    gates = finding.verdict is Verdict.FAIL and finding.severity.rank >= options.fail_on.rank
    place = place_of(finding)
    file = plain(file_of(place, options.base))
    at = [("file", file), ("line", str(place.line or "")), ("col", str(place.column or ""))] if file else []
    sentences = [text_of(finding.title, options.lang), *finding_sentences(finding, options.lang)]
    message = shortened("\n".join(sentences), _LONGEST_MESSAGE)
    return _command("error" if gates else "warning", [*at, ("title", headline(finding, options.lang))], message)


def _note(notice: Notice, options: Options) -> str:
    file = plain(file_of(notice.place, options.base))
    at = [("file", file), ("line", str(notice.place.line or ""))] if notice.place and file else []
    level = "warning" if notice.severity.rank >= Severity.MEDIUM.rank else "notice"
    return _command(level, [*at, ("title", notice.kind)], text_of(notice.text, options.lang))


def _command(level: str, properties: Iterable[tuple[str, str]], message: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties if value)
    return f"::{level}{' ' + told if told else ''}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMAT = Format(
    "github",
    Text("Annotations of a GitHub Actions run.", "GitHub Actions の実行結果に表示されるアノテーションです。"),
    "txt",
    write,
)
