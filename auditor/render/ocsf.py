"""OCSF Compliance Findings (class 2003), as Amazon Security Lake and other lakes take them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import import_module
from types import MappingProxyType
from typing import Any, TextIO

from auditor.errors import UsageError
from auditor.model import Evidence, Finding, Report, Severity, Text, Verdict
from auditor.render.format import Format, Options
from auditor.render.json_text import dumps
from auditor.render.order import by_identity, clean, jsonable, shown, unread_json
from auditor.render.sentences import (
    accepted_text,
    finding_sentences,
    fix_text,
    is_web,
    subject,
    text_of,
)
from auditor.render.totals import is_known, is_waived

_SEVERITIES: Mapping[Severity, tuple[int, str]] = MappingProxyType(
    {
        Severity.INFO: (1, "Informational"),
        Severity.LOW: (2, "Low"),
        Severity.MEDIUM: (3, "Medium"),
        Severity.HIGH: (4, "High"),
        Severity.CRITICAL: (5, "Critical"),
    }
)
_STATUSES: Mapping[Verdict, tuple[int, str]] = MappingProxyType(
    {Verdict.PASS: (1, "Pass"), Verdict.UNKNOWN: (2, "Warning"), Verdict.FAIL: (3, "Fail")}
)
"""OCSF's Warning: the check did not yield a result due to missing information."""


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write an array of events for what passed, failed or is unknown; raises `UsageError` without the extra `ocsf`."""
    try:
        model = import_module("py_ocsf_models.events.findings.compliance_finding").ComplianceFinding
    except ImportError:
        raise UsageError(
            "The format `ocsf` needs a package that is not installed.", "Install it: pip install 'auditor[ocsf]'"
        ) from None
    findings = by_identity(shown(report.findings, options.min_severity))
    judged = [one for one in findings if one.verdict in _STATUSES]
    events = [
        {**model(**_event(one, report, options)).model_dump(mode="json", exclude_none=True), **_cloud(one)}
        for one in judged
    ]
    stream.write(dumps(events) + "\n")


def _event(finding: Finding, report: Report, options: Options) -> dict[str, Any]:
    lang, when = options.lang, _milliseconds(report.started_at)
    severity_id, severity = _SEVERITIES[finding.severity]
    closed = finding.verdict is Verdict.PASS
    status_id, status = (4, "Resolved") if closed else (3, "Suppressed") if is_waived(finding) else (1, "New")
    return {
        "activity_id": 3 if closed else 1,
        "activity_name": "Close" if closed else "Create",
        "category_name": "Findings",
        "class_name": "Compliance Finding",
        "type_uid": 200303 if closed else 200301,
        "type_name": f"Compliance Finding: {'Close' if closed else 'Create'}",
        "time": when,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_detail": accepted_text(finding, lang) or None,
        "message": " — ".join([text_of(finding.title, lang), *finding_sentences(finding, lang)]),
        "metadata": _metadata(finding, report, lang),
        "finding_info": _info(finding, when, lang),
        "compliance": _compliance(finding, lang),
        "resources": [_resource(finding)],
        "evidences": [_evidence(one) for one in finding.evidence] or None,
        "remediation": _remediation(finding, lang),
        "unmapped": {
            "pipeline": clean(finding.pipeline),
            "node": clean(finding.node),
            "verdict": finding.verdict.value,
            "fix_available": finding.fixable,
            "known": is_known(finding),
        },
    }


def _metadata(finding: Finding, report: Report, lang: str) -> dict[str, Any]:
    return {
        "product": {"name": "auditor", "vendor_name": "auditor", "version": report.version or None, "lang": lang},
        "profiles": ["cloud"],
        "uid": f"{finding.fingerprint}:{report.started_at}",
        "event_code": clean(finding.rule),
    }


def _info(finding: Finding, when: int, lang: str) -> dict[str, Any]:
    return {
        "uid": finding.fingerprint,
        "title": text_of(finding.title, lang) or clean(finding.rule),
        "desc": text_of(finding.why, lang) or None,
        "created_time": when,
        "types": [clean(tag) for tag in finding.tags] or None,
        "analytic": {"uid": clean(finding.rule), "name": clean(finding.rule), "type": "Rule", "type_id": 1},
    }


def _compliance(finding: Finding, lang: str) -> dict[str, Any]:
    status_id, status = _STATUSES[finding.verdict]
    severity_id, severity = _SEVERITIES[finding.severity]
    check = {
        "uid": clean(finding.rule),
        "name": text_of(finding.title, lang),
        "status_id": status_id,
        "status": status,
        "severity_id": severity_id,
        "severity": severity,
    }
    return {
        "control": clean(finding.rule),
        "desc": text_of(finding.title, lang),
        "standards": ["auditor"],
        "status_id": status_id,
        "checks": [check],
    }


def _resource(finding: Finding) -> dict[str, Any]:
    node = finding.resource.node
    return {
        "uid": subject(finding),
        "name": clean(node.id) or None,
        "type": node.kind,
        "region": node.account.region,
        "cloud_partition": node.account.partition,
        "namespace": node.account.id,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    data = {
        "route": clean(evidence.route),
        "wanted": jsonable(evidence.wanted),
        "found": jsonable(evidence.found),
        "unread": unread_json(evidence.unread) if evidence.unread else None,
    }
    return {"name": clean(evidence.route), "data": data}


def _remediation(finding: Finding, lang: str) -> dict[str, Any] | None:
    fix = fix_text(finding, lang)
    links = [link for link in finding.references if is_web(link)]
    return {"desc": fix, "references": links or None} if fix else None


def _cloud(finding: Finding) -> dict[str, Any]:
    """Return the attribute of OCSF's cloud profile, which the model library leaves out of this class."""
    account = finding.resource.node.account
    return {
        "cloud": {
            "provider": "AWS",
            "region": account.region,
            "account": {"uid": account.id, "name": clean(account.name), "type": "AWS Account", "type_id": 10},
        }
    }


def _milliseconds(started_at: str) -> int:
    """Return a time as OCSF counts it, milliseconds since 1970; 0 when the report does not say."""
    try:
        moment = datetime.fromisoformat(started_at.replace("Z", "+00:00"))
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)


FORMAT = Format(
    "ocsf",
    Text("OCSF Compliance Findings.", "OCSF の Compliance Finding（クラス 2003）です。"),
    "json",
    write,
)
