"""What the HTML page knows: a compact JSON of findings, pipelines and the documents that the evidence points into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.model import NODES as NODE_NAMES
from auditor.model import Evidence, Finding, Json, Report, Resource, Snapshot, Text, Verdict
from auditor.render import words
from auditor.render.display import plain
from auditor.render.format import Options
from auditor.render.order import file_of, jsonable, shown, worst_first
from auditor.render.sentences import fix_text, found_text, is_web, subject, text_of, wanted_text
from auditor.render.totals import closing_line, day_of, ends_soon, is_known, is_waived, totals

_LANGS = ("en", "ja")
_LONGEST_VALUE = 2000
_STATES = {Verdict.PASS: "pass", Verdict.NOT_APPLICABLE: "na", Verdict.FAIL: "fail", Verdict.UNKNOWN: "unknown"}


def payload(report: Report, options: Options) -> dict[str, Any]:
    """Return the page's data: every string harmless as text, and in both languages where people read it."""
    findings = worst_first(shown(report.findings, options.min_severity))
    texts: dict[tuple[str, str], int] = {}
    today = day_of(report)
    told = [
        _finding(one, texts, options, soon=ends_soon(one, today), diff=report.fixes.get(one.fingerprint, ()))
        for one in findings
    ]
    sums = totals(report, options.fail_on)
    return {
        "version": plain(report.version),
        "source": plain(report.source),
        "started": plain(report.started_at),
        "lang": options.lang,
        "closing": [closing_line(report, lang) for lang in _LANGS],
        "counts": {
            "fail": sums.failed,
            "unknown": sums.unknown,
            "waived": sums.waived,
            "known": sums.known,
            "pass": sums.passed,
            "na": sums.not_applicable,
        },
        "severities": {severity.value: count for severity, count in sums.failed_by},
        "notices": [_both(notice.text) for notice in report.notices],
        "history": [[plain(one.started_at), one.failed, one.unknown, one.new, one.fixed] for one in report.history],
        "pipelines": [_pipeline(one, findings) for one in report.snapshots],
        "findings": told,
        "texts": [list(pair) for pair in texts],
        "words": {key: [text.en, text.ja] for key, text in _words()},
    }


def state_of(finding: Finding) -> str:
    """Return which of the page's six lists a finding stands in."""
    return "waived" if is_waived(finding) else "known" if is_known(finding) else _STATES[finding.verdict]


def _words() -> Iterator[tuple[str, Text]]:
    yield from ((key.removeprefix("page-"), text) for key, text in words.PAGE.items())
    yield from ((f"severity-{severity.value}", text) for severity, text in words.SEVERITIES.items())
    yield from ((f"node-{name}", text) for name, text in words.NODES.items())
    yield from ((key, words.WORDS[key]) for key in ("wanted", "found", "note", "place", "cost", "nothing"))
    yield "ends", words.WORDS["ends-soon"]


def _finding(
    finding: Finding, texts: dict[tuple[str, str], int], options: Options, *, soon: bool, diff: tuple[str, ...]
) -> dict[str, Any]:
    """Return one finding; texts are numbers into the table of texts, since a rule's are the same at every node."""

    def text(pair: list[str]) -> int:
        return texts.setdefault((pair[0], pair[1]), len(texts))

    fix = [fix_text(finding, lang) for lang in _LANGS]
    told: dict[str, Any] = {
        "rule": plain(finding.rule),
        "pipeline": plain(finding.pipeline),
        "node": plain(finding.node),
        "state": state_of(finding),
        "severity": finding.severity.value,
        "title": text(_both(finding.title)),
        "why": text(_both(finding.why)),
        "subject": subject(finding),
        "account": plain(finding.resource.node.account.id),
        "region": plain(finding.resource.node.account.region),
        "print": finding.fingerprint,
        "tags": [plain(tag) for tag in finding.tags],
    }
    if finding.evidence:
        told["evidence"] = [_evidence(one, options) for one in finding.evidence]
    if fix[0]:
        told["fix"] = text(fix)
        told["safety"] = finding.safety.value if finding.safety and finding.fixable else "manual"
    if diff:
        told["diff"] = [plain(line) for line in diff]
    if finding.cost and fix[0]:
        told["cost"] = text(_both(finding.cost))
    if finding.waiver is not None:
        waiver = finding.waiver
        told["waiver"] = [plain(waiver.reason), plain(waiver.owner), waiver.until.isoformat(), soon]
    links = [link for link in finding.references if is_web(link)]
    return {**told, "links": links} if links else told


def _evidence(evidence: Evidence, options: Options) -> dict[str, Any]:
    file = file_of(evidence.location, options.base)
    line = evidence.location.line if evidence.location else 0
    told: dict[str, Any] = {"route": plain(evidence.route)}
    told["wanted"] = [wanted_text(evidence, lang, _LONGEST_VALUE) for lang in _LANGS]
    told["found"] = [found_text(evidence, lang, _LONGEST_VALUE) for lang in _LANGS]
    if evidence.unread:
        told["unread"] = True
    if file:
        told["at"] = plain(f"{file}:{line}" if line else file)
    if evidence.note:
        told["note"] = _both(evidence.note)
    return told


def _pipeline(snapshot: Snapshot, findings: list[Finding]) -> dict[str, Any]:
    """Return a pipeline's nodes, and of their documents those that the evidence of a failure or unknown points into."""
    mine = [one for one in findings if one.pipeline == snapshot.pipeline.name]
    needed = {
        (node, facet)
        for one in mine
        if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
        for evidence in one.evidence
        for node, facet in [_document_of(evidence.route, snapshot.resources)]
    }
    return {
        "name": plain(snapshot.pipeline.name),
        "source": plain(snapshot.source),
        "nodes": [
            _node(name, resource, [facet for node, facet in sorted(needed) if node == name])
            for name, resource in snapshot.resources.items()
        ],
    }


def _document_of(route: str, resources: Mapping[str, Resource]) -> tuple[str, str]:
    """Return the node and the facet that a route leads into; an alias leads where it stands for."""
    node, _, rest = route.partition(".")
    facet = rest.partition(".")[0].partition("[")[0]
    resource = resources.get(node)
    alias = resource.aliases.get(facet, "") if resource else ""
    return node, (alias.partition(".")[0] or facet)


def _node(name: str, resource: Resource, facets: list[str]) -> dict[str, Any]:
    node = resource.node
    return {
        "name": plain(name),
        "kind": plain(node.kind),
        "id": plain(node.id or next(iter(node.addresses.values()), "")),
        "arn": plain(resource.arn),
        "account": plain(node.account.id),
        "owner": plain(node.account.name),
        "region": plain(node.account.region),
        "documents": {plain(facet): safe(resource.facets[facet]) for facet in facets if facet in resource.facets},
        "aliases": {plain(key): plain(value) for key, value in resource.aliases.items()},
        "known": name in NODE_NAMES,
    }


def safe(value: Json) -> Json:
    """Return plain JSON in which no string can steer what shows it."""
    told = jsonable(value)
    if isinstance(told, str):
        return plain(told)
    if isinstance(told, dict):
        return {plain(key): safe(part) for key, part in told.items()}
    return [safe(part) for part in told] if isinstance(told, list) else told


def _both(text: Text) -> list[str]:
    return [text_of(text, lang) for lang in _LANGS]
