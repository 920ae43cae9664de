"""CSV by RFC 4180 for spreadsheets: one row for each piece of evidence."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from auditor.model import Evidence, Finding, Report, Text
from auditor.render.display import plain
from auditor.render.format import Format, Options
from auditor.render.order import by_identity, file_of, place_of, shown, value_text
from auditor.render.sentences import text_of

COLUMNS = (
    "pipeline",
    "rule",
    "node",
    "verdict",
    "severity",
    "title",
    "kind",
    "resource",
    "account",
    "region",
    "route",
    "wanted",
    "found",
    "unread_reason",
    "permission",
    "note",
    "file",
    "line",
    "fix",
    "fix_available",
    "waiver_reason",
    "waiver_owner",
    "waiver_until",
    "known",
    "fingerprint",
)
_LONGEST_CELL = 32_000
# A spreadsheet takes the full-width signs for formulas too.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write a header and the rows, in English whatever the language of the reader; no cell can start a formula."""
    rows = csv.writer(stream, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for finding in by_identity(shown(report.findings, options.min_severity)):
        rows.writerows([_cell(value) for value in row] for row in _rows(finding, options))


def _rows(finding: Finding, options: Options) -> Iterator[tuple[str, ...]]:
    node, waiver = finding.resource.node, finding.waiver
    for evidence in finding.evidence or (Evidence(""),):
        place = evidence.location or place_of(finding)
        unread = evidence.unread
        yield (
            finding.pipeline,
            finding.rule,
            finding.node,
            finding.verdict.value,
            finding.severity.value,
            text_of(finding.title, "en"),
            node.kind,
            finding.resource.arn or node.id or ";".join(node.addresses.values()),
            node.account.id,
            node.account.region,
            evidence.route,
            value_text(evidence.wanted),
            value_text(evidence.found),
            unread.reason if unread else "",
            unread.permission if unread else "",
            text_of(evidence.note, "en"),
            file_of(place, options.base),
            str(place.line or ""),
            finding.safety.value if finding.safety else "",
            "yes" if finding.fixable else "no",
            waiver.reason if waiver else "",
            waiver.owner if waiver else "",
            waiver.until.isoformat() if waiver else "",
            "yes" if finding.known else "no",
            finding.fingerprint,
        )


def _cell(text: str) -> str:
    """Return text that a spreadsheet takes for text; a cell longer than Excel's 32,767 characters is cut."""
    safe = plain(text)[:_LONGEST_CELL]
    return "'" + safe if safe.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else safe


FORMAT = Format(
    "csv",
    Text("CSV, a row for each piece of evidence.", "表計算ソフト向けの CSV です。1 つの根拠が 1 行になります。"),
    "csv",
    write,
)
