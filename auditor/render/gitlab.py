"""GitLab's code quality report, which a merge request shows beside the changed lines."""

from __future__ import annotations

from typing import Any, TextIO

from auditor.model import Finding, Report, Severity, Text
from auditor.render.format import Format, Options
from auditor.render.json_text import dumps
from auditor.render.order import by_identity, clean, file_of, place_of, shown
from auditor.render.sentences import finding_sentences, headline, shortened, text_of

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write the array of what gates; GitLab itself compares it with the target branch by fingerprint."""
    findings = [one for one in by_identity(shown(report.findings, options.min_severity)) if one.gates]
    stream.write(dumps([_issue(one, options) for one in findings]) + "\n")


def _issue(finding: Finding, options: Options) -> dict[str, Any]:
    place = place_of(finding)
    sentences = [headline(finding, options.lang), text_of(finding.title, options.lang)]
    description = " — ".join([*sentences, *finding_sentences(finding, options.lang, 3)])
    return {
        "description": shortened(description, 2000),
        "check_name": clean(finding.rule),
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": file_of(place, options.base) or clean(finding.pipeline),
            "lines": {"begin": place.line or 1},
        },
    }


FORMAT = Format("gitlab", Text("GitLab code quality.", "GitLab のコード品質レポートです。"), "json", write)
