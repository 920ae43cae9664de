"""SARIF 2.1.0, as GitHub code scanning and other viewers read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, TextIO
from urllib.parse import quote

from auditor.errors import Place
from auditor.model import Finding, Notice, Report, Severity, Text, Verdict
from auditor.render.format import Format, Options
from auditor.render.markdown import escape
from auditor.render.order import clean, file_of, place_of, shown, worst_first
from auditor.render.sentences import (
    accepted_text,
    evidence_sentence,
    finding_sentences,
    fix_text,
    is_web,
    shortened,
    subject,
    text_of,
)
from auditor.render.totals import exit_code
from auditor.render.words import say

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
RESULTS_AT_MOST = 25_000
"""GitHub refuses a run with more results."""
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.5",
}
"""GitHub shows a security-severity over 9.0 as critical, from 7.0 as high, from 4.0 as medium, below as low."""


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write one SARIF run with what failed or is unknown; what is waived or in the baseline is suppressed in it."""
    json.dump(document(report, options), stream, ensure_ascii=False, indent=2, allow_nan=False)
    stream.write("\n")


def document(report: Report, options: Options) -> dict[str, Any]:
    """Return the SARIF log as plain JSON."""
    told = [one for one in worst_first(shown(report.findings, options.min_severity)) if _is_open(one)]
    kept, left = told[:RESULTS_AT_MOST], len(told) - RESULTS_AT_MOST
    rules = {one.rule: one for one in sorted(report.findings, key=lambda one: one.rule)}
    index = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": _driver(report, rules.values(), options)},
        "automationDetails": {"id": f"auditor/{_category(report)}/"},
        "language": "ja-JP" if options.lang == "ja" else "en-US",
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": say("source-root", options.lang)}}},
        "invocations": [_invocation(report, left, options)],
        "results": [_result(one, index[one.rule], options) for one in kept],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _is_open(finding: Finding) -> bool:
    return finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


def _category(report: Report) -> str:
    return quote(report.source.partition(":")[0] or "live", safe="")


def _driver(report: Report, findings: Iterable[Finding], options: Options) -> dict[str, Any]:
    driver: dict[str, Any] = {"name": "auditor", "rules": [_rule(one, options) for one in findings]}
    return {**driver, "version": report.version, "semanticVersion": report.version} if report.version else driver


def _rule(finding: Finding, options: Options) -> dict[str, Any]:
    """Return a rule as a descriptor; every finding of the rule has the same words."""
    title, why = text_of(finding.title, options.lang), text_of(finding.why, options.lang)
    links = [link for link in finding.references if is_web(link)]
    rule: dict[str, Any] = {
        "id": clean(finding.rule),
        "name": "".join(word.capitalize() for word in clean(finding.rule).split("-")),
        "shortDescription": {"text": shortened(_message(title), 1024)},
        "fullDescription": {"text": shortened(_message(why or title), 1024)},
        "help": {"text": _message(" ".join([why or title, *links])), "markdown": _help(title, why, links)},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "tags": [*dict.fromkeys(["security", *(clean(tag) for tag in finding.tags)])][:20],
            "precision": "very-high",
            "security-severity": _SCORES[finding.severity],
        },
    }
    return {**rule, "helpUri": links[0]} if links else rule


def _help(title: str, why: str, links: list[str]) -> str:
    return "\n\n".join([f"**{escape(title)}**", *([escape(why)] if why else []), *(f"- <{link}>" for link in links)])


def _result(finding: Finding, index: int, options: Options) -> dict[str, Any]:
    lang = options.lang
    sentences = finding_sentences(finding, lang)
    fix = fix_text(finding, lang)
    words = [text_of(finding.title, lang) + ":", *sentences, *([f"{say('fix', lang)}: {fix}"] if fix else [])]
    result: dict[str, Any] = {
        "ruleId": clean(finding.rule),
        "ruleIndex": index,
        "message": {"text": _message("\n".join(words))},
        "locations": [_location(place_of(finding), finding, options)],
        "partialFingerprints": {
            "auditorFinding/v1": finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        },
        "properties": {
            "verdict": finding.verdict.value,
            "severity": finding.severity.value,
            "pipeline": clean(finding.pipeline),
            "node": clean(finding.node),
            "account": finding.resource.node.account.id,
            "fix": finding.safety.value if finding.safety and finding.fixable else "none",
        },
        **_judged(finding),
    }
    related = _related(finding, options)
    accepted = accepted_text(finding, lang)
    if related:
        result["relatedLocations"] = related
    if accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": accepted}]
    return result


def _judged(finding: Finding) -> dict[str, str]:
    """Return kind and level.

    SARIF 2.1.0 §3.27.10 allows a level other than none for `fail` alone, so `open` (not enough information to decide)
    has none of its own; viewers that do not know kinds then show it at its rule's level, and it is not overlooked.
    """
    if finding.verdict is Verdict.UNKNOWN:
        return {"kind": "open"}
    return {"kind": "fail", "level": _LEVELS[finding.severity]}


def _location(place: Place, finding: Finding, options: Options) -> dict[str, Any]:
    logical: dict[str, Any] = {
        "name": clean(finding.node),
        "fullyQualifiedName": subject(finding),
        "kind": "resource",
    }
    physical = _physical(place, options)
    return (
        {"physicalLocation": physical, "logicalLocations": [logical]} if physical else {"logicalLocations": [logical]}
    )


def _physical(place: Place | None, options: Options) -> dict[str, Any] | None:
    file = file_of(place, options.base)
    if place is None or not file:
        return None
    uri = quote(file, safe="/")
    if file.startswith("/") or (len(file) > 1 and file[1] == ":"):
        artifact = {"uri": "file://" + ("" if uri.startswith("/") else "/") + quote(file, safe="/:")}
    else:
        artifact = {"uri": "/".join(part for part in PurePosixPath(uri).parts), "uriBaseId": "%SRCROOT%"}
    region = (
        {"startLine": place.line, **({"startColumn": place.column} if place.column else {})} if place.line else None
    )
    return {"artifactLocation": artifact, **({"region": region} if region else {})}


def _related(finding: Finding, options: Options) -> list[dict[str, Any]]:
    """Return the places of further evidence, at most ten, each once."""
    first = _physical(place_of(finding), options)
    found: list[dict[str, Any]] = []
    for one in finding.evidence:
        place = _physical(one.location, options)
        if place and place != first and place not in [other["physicalLocation"] for other in found]:
            message = {"text": _message(evidence_sentence(one, options.lang))}
            found.append({"id": len(found), "physicalLocation": place, "message": message})
    return found[:10]


def _invocation(report: Report, left: int, options: Options) -> dict[str, Any]:
    code = exit_code(report, options.fail_on)
    notes = [_notification(notice, options) for notice in report.notices]
    if left > 0:
        notes.append({"level": "warning", "message": {"text": say("left-out", options.lang).format(left)}})
    invocation: dict[str, Any] = {
        "executionSuccessful": code != 2,
        "exitCode": code,
        "toolExecutionNotifications": notes,
    }
    return {**invocation, "startTimeUtc": report.started_at} if report.started_at else invocation


def _notification(notice: Notice, options: Options) -> dict[str, Any]:
    note: dict[str, Any] = {
        "descriptor": {"id": notice.kind},
        "level": "warning" if notice.severity.rank >= Severity.MEDIUM.rank else "note",
        "message": {"text": _message(text_of(notice.text, options.lang))},
    }
    place = _physical(notice.place, options)
    return {**note, "locations": [{"physicalLocation": place}]} if place else note


def _message(text: str) -> str:
    """Return message text without an embedded link (§3.11.6): what a name says is never clickable."""
    return text.replace("](", "] (")


FORMAT = Format(
    "sarif",
    Text(
        "SARIF 2.1.0, for GitHub code scanning and editors.",
        "GitHub Code Scanning やエディター向けの SARIF 2.1.0 です。",
    ),
    "sarif",
    write,
)
