"""The report for programs: report-v1, whose JSON Schema is `reports/schemas/report-v1.json`."""

from __future__ import annotations

import json
from typing import Any, TextIO

from auditor.errors import Place
from auditor.model import Evidence, Finding, Node, Notice, Report, Snapshot, Text
from auditor.render.format import Format, Options
from auditor.render.order import by_identity, clean, file_of, jsonable, shown, unread_json
from auditor.render.totals import Totals, exit_code, totals

VERSION = "report-v1"


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write report-v1; equal reports give equal bytes, and a finding stays at its place whatever its verdict."""
    json.dump(document(report, options), stream, ensure_ascii=False, indent=2, allow_nan=False)
    stream.write("\n")


def document(report: Report, options: Options) -> dict[str, Any]:
    """Return report-v1 as plain JSON."""
    return {
        "version": VERSION,
        "auditor": report.version,
        "started_at": report.started_at,
        "source": clean(report.source),
        "fail_on": options.fail_on.value,
        "exit_code": exit_code(report, options.fail_on),
        "totals": totals_json(totals(report, options.fail_on)),
        "rules": [clean(rule) for rule in report.rules],
        "pipelines": [_pipeline(snapshot, options) for snapshot in report.snapshots],
        "findings": [finding_json(one, options) for one in by_identity(shown(report.findings, options.min_severity))],
        "notices": [_notice(notice, options) for notice in report.notices],
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
        "fix": {
            "safety": finding.safety.value if finding.safety else None,
            "available": finding.fixable,
            "cost": text_json(finding.cost),
            "steps": text_json(finding.steps),
        },
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
    return {
        "kind": node.kind,
        "id": clean(node.id),
        "account": node.account.id,
        "region": clean(node.account.region),
        "addresses": {key: clean(value) for key, value in sorted(node.addresses.items())},
    }


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
