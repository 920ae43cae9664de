"""The report for programs: report-v1, whose JSON Schema is `reports/schemas/report-v1.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TextIO

from auditor.errors import Place
from auditor.model import Evidence, Finding, Node, Notice, Report, Safety, Snapshot, Text
from auditor.render.format import Format, Options
from auditor.render.json_text import indented
from auditor.render.order import by_identity, clean, file_of, jsonable, shown, unread_json
from auditor.render.totals import Totals, exit_code, totals

VERSION = "report-v1"


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write report-v1; equal reports give equal bytes, and a finding stays at its place whatever its verdict.

    One finding after the other: the whole document is never in memory.
    """
    stream.write("{\n")
    stream.writelines(f"  {indented(key)}: {indented(value, '  ')},\n" for key, value in _head(report, options).items())
    _list(stream, "pipelines", (indented(_pipeline(one, options), "    ") for one in report.snapshots))
    stream.write(",\n")
    _list(stream, "findings", (finding_text(one, options, "    ") for one in _ordered(report, options)))
    stream.write(",\n")
    _list(stream, "notices", (indented(_notice(notice, options), "    ") for notice in report.notices))
    stream.writelines(f",\n  {indented(key)}: {indented(value, '  ')}" for key, value in _sealed(report).items())
    stream.write("\n}\n")


def _list(stream: TextIO, key: str, items: Iterable[str]) -> None:
    stream.write(f"  {indented(key)}: [")
    first = True
    for item in items:
        stream.write(("\n    " if first else ",\n    ") + item)
        first = False
    stream.write("]" if first else "\n  ]")


def document(report: Report, options: Options) -> dict[str, Any]:
    """Return report-v1 as plain JSON."""
    return {
        **_head(report, options),
        "pipelines": [_pipeline(snapshot, options) for snapshot in report.snapshots],
        "findings": [finding_json(one, options) for one in _ordered(report, options)],
        "notices": [_notice(notice, options) for notice in report.notices],
        **_sealed(report),
    }


def _head(report: Report, options: Options) -> dict[str, Any]:
    return {
        "version": VERSION,
        "auditor": report.version,
        "started_at": report.started_at,
        "source": clean(report.source),
        "fail_on": options.fail_on.value,
        "exit_code": exit_code(report, options.fail_on),
        "totals": totals_json(totals(report, options.fail_on)),
        "rules": [clean(rule) for rule in report.rules],
    }


def _sealed(report: Report) -> dict[str, Any]:
    seal = report.seal
    if seal is None:
        return {}
    parts = {"snapshot": seal.snapshot, "pipelines": seal.pipelines, "rules": seal.rules, "report": seal.report}
    return {"seal": {**parts, "all": seal.whole}}


def _ordered(report: Report, options: Options) -> Iterable[Finding]:
    if getattr(report.findings, "in_order", False):
        return (one for one in report.findings if one.severity.rank >= options.min_severity.rank)
    return by_identity(shown(report.findings, options.min_severity))


def finding_text(finding: Finding, options: Options, pad: str) -> str:
    """Return one finding as the text of `finding_json`, indented; what a rule says at every node is worked out once."""
    node, account = finding.resource.node, finding.resource.node.account
    inner = pad + "  "
    waiver = indented(_waiver(finding, options), inner) if finding.waiver else "null"
    evidence, keys = "[]", "[]"
    if finding.evidence:
        evidence = indented([evidence_json(one, options) for one in finding.evidence], inner)
        keys = indented([clean(key) for key in finding.keys], inner)
    where = (node.kind, node.id, account.id, account.region, tuple(sorted(node.addresses.items())))
    return (
        f'{{\n{inner}"rule": {indented(clean(finding.rule))},\n'
        f'{inner}"pipeline": {indented(clean(finding.pipeline))},\n'
        f'{inner}"node": {indented(clean(finding.node))},\n'
        f"{_resource_text(where, finding.resource.arn, inner)}"
        f"{_said(finding.verdict.value, finding.severity.value, finding.title, finding.why, inner)}"
        f'{inner}"evidence": {evidence},\n'
        f"{_fix(finding.safety, finding.fixable, finding.cost, finding.steps, inner)}"
        f'{inner}"waiver": {waiver},\n'
        f'{inner}"known": {indented(finding.known)},\n'
        f"{_lists(finding.tags, finding.references, inner)}"
        f'{inner}"fingerprint": {indented(finding.fingerprint)},\n'
        f'{inner}"keys": {keys}\n{pad}}}'
    )


@lru_cache(maxsize=1024)
def _said(verdict: str, severity: str, title: Text, why: Text, pad: str) -> str:
    said = {"verdict": verdict, "severity": severity, "title": text_json(title), "why": text_json(why)}
    return _members(said, pad)


@lru_cache(maxsize=1024)
def _fix(safety: Safety | None, available: bool, cost: Text | None, steps: Text | None, pad: str) -> str:
    return _members({"fix": _fix_json(safety, available, cost, steps)}, pad)


@lru_cache(maxsize=1024)
def _lists(tags: tuple[str, ...], references: tuple[str, ...], pad: str) -> str:
    return _members({"tags": [clean(tag) for tag in tags], "references": [clean(link) for link in references]}, pad)


def _members(value: Mapping[str, Any], pad: str) -> str:
    return "".join(f"{pad}{indented(key)}: {indented(part, pad)},\n" for key, part in value.items())


def _fix_json(safety: Safety | None, available: bool, cost: Text | None, steps: Text | None) -> dict[str, Any]:
    return {
        "safety": safety.value if safety else None,
        "available": available,
        "cost": text_json(cost),
        "steps": text_json(steps),
    }


def finding_json(finding: Finding, options: Options) -> dict[str, Any]:
    """Return one finding as report-v1 has it."""
    node = finding.resource.node
    return {
        "rule": clean(finding.rule),
        "pipeline": clean(finding.pipeline),
        "node": clean(finding.node),
        "resource": {**_resource(node), "arn": clean(finding.resource.arn)},
        "verdict": finding.verdict.value,
        "severity": finding.severity.value,
        "title": text_json(finding.title),
        "why": text_json(finding.why),
        "evidence": [evidence_json(one, options) for one in finding.evidence],
        "fix": _fix_json(finding.safety, finding.fixable, finding.cost, finding.steps),
        "waiver": _waiver(finding, options),
        "known": finding.known,
        "tags": [clean(tag) for tag in finding.tags],
        "references": [clean(link) for link in finding.references],
        "fingerprint": finding.fingerprint,
        "keys": [clean(key) for key in finding.keys],
    }


def evidence_json(evidence: Evidence, options: Options) -> dict[str, Any]:
    """Return one piece of evidence as report-v1 has it."""
    return {
        "route": clean(evidence.route),
        "key": clean(evidence.key),
        "wanted": jsonable(evidence.wanted),
        "found": jsonable(evidence.found),
        "location": place_json(evidence.location, options),
        "note": text_json(evidence.note),
        "unread": unread_json(evidence.unread) if evidence.unread else None,
    }


def totals_json(sums: Totals) -> dict[str, Any]:
    """Return the counts as report-v1 has them."""
    return {
        "declared": sums.declared,
        "read": sums.read,
        "passed": sums.passed,
        "not_applicable": sums.not_applicable,
        "failed": sums.failed,
        "failed_by_severity": {severity.value: count for severity, count in sums.failed_by},
        "unknown": sums.unknown,
        "waived": sums.waived,
        "waived_ending_soon": sums.waived_ending,
        "known": sums.known,
        "gating": sums.gating,
        "fixable": {"safe": sums.safe, "review": sums.review, "manual": sums.manual},
        "calls": sums.usage.calls,
        "retries": sums.usage.retries,
        "seconds": round(sums.usage.seconds, 3),
    }


def text_json(text: Text | None) -> dict[str, str] | None:
    """Return a text in both languages."""
    return {"en": clean(text.en.strip()), "ja": clean(text.ja.strip())} if text else None


def place_json(place: Place | None, options: Options) -> dict[str, Any] | None:
    """Return a place with its file relative to the base; a line or column that is not known is null."""
    file = file_of(place, options.base)
    return {"file": file, "line": place.line or None, "column": place.column or None} if place and file else None


def _resource(node: Node) -> dict[str, Any]:
    account = node.account
    return _resource_json(node.kind, node.id, account.id, account.region, sorted(node.addresses.items()))


def _resource_json(
    kind: str, name: str, account: str, region: str, addresses: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": clean(name),
        "account": account,
        "region": clean(region),
        "addresses": {key: clean(value) for key, value in addresses},
    }


@lru_cache(maxsize=64)
def _resource_text(where: tuple[Any, ...], arn: str, pad: str) -> str:
    """Return the resource of a finding as text; the next findings are likely to be about the same."""
    return _members({"resource": {**_resource_json(*where), "arn": clean(arn)}}, pad)


def _pipeline(snapshot: Snapshot, options: Options) -> dict[str, Any]:
    return {
        "name": clean(snapshot.pipeline.name),
        "source": clean(snapshot.source),
        "taken_at": snapshot.taken_at,
        "location": place_json(snapshot.pipeline.place, options),
        "nodes": [
            {"node": clean(name), **_resource(resource.node), "arn": clean(resource.arn)}
            for name, resource in snapshot.resources.items()
        ],
    }


def _waiver(finding: Finding, options: Options) -> dict[str, Any] | None:
    waiver = finding.waiver
    if waiver is None:
        return None
    return {
        "reason": clean(waiver.reason),
        "owner": clean(waiver.owner),
        "until": waiver.until.isoformat(),
        "location": place_json(waiver.place, options),
    }


def _notice(notice: Notice, options: Options) -> dict[str, Any]:
    return {
        "kind": notice.kind,
        "severity": notice.severity.value,
        "text": text_json(notice.text),
        "location": place_json(notice.place, options),
    }


FORMAT = Format(
    "json",
    Text(
        "For programs: report-v1, with a JSON Schema.",
        "プログラム向けの JSON（report-v1）です。JSON Schema があります。",
    ),
    "json",
    write,
)
