"""A report of one line for each finding, for scripts that count lines."""

from __future__ import annotations

from typing import TextIO

from auditor.model import Report, Text
from auditor.render.display import plain
from auditor.render.format import Format, Options


def _write(report: Report, stream: TextIO, options: Options) -> None:
    for finding in report.findings:
        if finding.severity.rank >= options.min_severity.rank:
            line = f"{finding.verdict.value} {finding.pipeline}.{finding.node} {finding.rule}"
            stream.write(f"{plain(line)}\n")


LINES = Format(
    "lines",
    Text("One line for each finding.", "検出結果を 1 件 1 行で出力します。"),
    "txt",
    _write,
)
