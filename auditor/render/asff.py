"""AWS Security Finding Format: batches that Security Hub's BatchImportFindings takes as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TextIO

from auditor.model import Finding, Report, Severity, Text, Verdict
from auditor.render.format import Format, Options
from auditor.render.json_text import still
from auditor.render.order import by_identity, clean, shown
from auditor.render.sentences import (
    accepted_text,
    evidence_sentence,
    finding_sentences,
    fix_text,
    shortened,
    subject,
    text_of,
    web_link,
)
from auditor.render.totals import is_waived

BATCH_AT_MOST = 100
"""Findings in one call (API reference, BatchImportFindings)."""
FINDING_BYTES = 240_000
BATCH_BYTES = 6_000_000
"""A finding may be 240 KB and a call 6 MB."""
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "dynamodb.table": "AwsDynamoDbTable",
        "iam.role": "AwsIamRole",
        "s3.bucket": "AwsS3Bucket",
        "lambda.function": "AwsLambdaFunction",
        "sqs.queue": "AwsSqsQueue",
        "sns.topic": "AwsSnsTopic",
        "kms.key": "AwsKmsKey",
    }
)
"""ASFF's resource types; it has none for EventBridge rules and Glue tables (Other)."""
_STATUS = {
    Verdict.PASS: "PASSED",
    Verdict.FAIL: "FAILED",
    Verdict.UNKNOWN: "WARNING",
    Verdict.NOT_APPLICABLE: "NOT_AVAILABLE",
}
_LABELS = {
    Severity.CRITICAL: "CRITICAL",
    Severity.HIGH: "HIGH",
    Severity.MEDIUM: "MEDIUM",
    Severity.LOW: "LOW",
    Severity.INFO: "INFORMATIONAL",
}


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write one batch a line: `{"Findings": […]}`, ready for `aws securityhub batch-import-findings --cli-input-json`.

    A batch holds one account and Region, since Security Hub takes findings from their own account and Region only.
    Passed findings are among them, so that what failed before is closed.
    """
    for batch in batches(report, options):
        line = json.dumps({"Findings": batch}, ensure_ascii=False, allow_nan=False)
        # Some readers take U+0085 and U+2028 for the end of a line: as escapes they are none.
        stream.write(still(line) + "\n")


def batches(report: Report, options: Options) -> Iterator[list[dict[str, Any]]]:
    """Yield the findings of each call."""
    findings = by_identity(shown(report.findings, options.min_severity))
    for place in sorted({_place(one) for one in findings}):
        yield from _packed(_finding(one, report, options) for one in findings if _place(one) == place)


def _place(finding: Finding) -> tuple[str, str]:
    account = finding.resource.node.account
    return account.id, account.region


def _packed(findings: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    used = 0
    for finding in findings:
        size = len(still(json.dumps(finding, ensure_ascii=False)).encode()) + 2
        if batch and (len(batch) == BATCH_AT_MOST or used + size > BATCH_BYTES - 100):
            yield batch
            batch, used = [], 0
        batch.append(finding)
        used += size
    if batch:
        yield batch


def _finding(finding: Finding, report: Report, options: Options) -> dict[str, Any]:
    account, lang = finding.resource.node.account, options.lang
    now = report.started_at or "1970-01-01T00:00:00Z"
    product = f"arn:{account.partition}:securityhub:{account.region}:{account.id}:product/{account.id}/default"
    open_ = finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
    described = " ".join([text_of(finding.why, lang), *finding_sentences(finding, lang)]).strip()
    told: dict[str, Any] = {
        "SchemaVersion": "2018-10-08",
        "Id": f"auditor/{account.region}/{account.id}/{finding.fingerprint}",
        "ProductArn": product,
        "ProductName": "auditor",
        "GeneratorId": shortened(f"auditor/{clean(finding.rule)}", 512),
        "AwsAccountId": account.id,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": now,
        "UpdatedAt": now,
        "Severity": {
            "Label": _LABELS[finding.severity] if open_ else "INFORMATIONAL",
            "Original": finding.severity.value,
        },
        "Title": shortened(text_of(finding.title, lang), 256) or finding.rule,
        "Description": shortened(described, 1024) or finding.rule,
        "Resources": [_resource(finding)],
        "Compliance": _compliance(finding, lang),
        "RecordState": "ARCHIVED" if finding.verdict is Verdict.NOT_APPLICABLE else "ACTIVE",
        "Workflow": {"Status": "SUPPRESSED" if is_waived(finding) else "NEW" if open_ else "RESOLVED"},
        "ProductFields": _fields(finding),
        **_remediation(finding, lang),
    }
    accepted = accepted_text(finding, lang)
    if accepted:
        by = finding.waiver.owner if finding.waiver else "baseline"
        told["Note"] = {"Text": shortened(accepted, 512), "UpdatedBy": shortened(clean(by), 512), "UpdatedAt": now}
    return told


def _resource(finding: Finding) -> dict[str, Any]:
    node = finding.resource.node
    return {
        "Type": _TYPES.get(node.kind, "Other"),
        "Id": shortened(subject(finding), 512),
        "Partition": node.account.partition,
        "Region": node.account.region,
        **({"Details": {"Other": {"Kind": node.kind}}} if node.kind not in _TYPES else {}),
    }


def _compliance(finding: Finding, lang: str) -> dict[str, Any]:
    status: dict[str, Any] = {"Status": _STATUS[finding.verdict]}
    reasons = [
        {
            "ReasonCode": shortened(clean(one.unread.reason), 100),
            "Description": shortened(evidence_sentence(one, lang), 2048),
        }
        for one in finding.evidence
        if one.unread
    ]
    return {**status, "StatusReasons": reasons[:20]} if reasons else status


def _remediation(finding: Finding, lang: str) -> dict[str, Any]:
    fix, link = fix_text(finding, lang), web_link(finding)
    if not fix and not link:
        return {}
    told = {**({"Text": shortened(fix, 512)} if fix else {}), **({"Url": link} if link else {})}
    return {"Remediation": {"Recommendation": told}}


def _fields(finding: Finding) -> dict[str, str]:
    pairs = {
        "auditor/Pipeline": finding.pipeline,
        "auditor/Node": finding.node,
        "auditor/Rule": finding.rule,
        "auditor/Verdict": finding.verdict.value,
        "auditor/Fingerprint": finding.fingerprint,
        "auditor/Fix": finding.safety.value if finding.safety else "none",
        "auditor/Known": str(finding.known).lower(),
        "auditor/Routes": "; ".join(one.route for one in finding.evidence),
    }
    return {key: shortened(clean(value), 2048) for key, value in pairs.items() if value}


FORMAT = Format(
    "asff",
    Text(
        "AWS Security Finding Format, a batch a line.",
        "AWS Security Finding Format です。1 行が 1 回の取り込み分です。",
    ),
    "jsonl",
    write,
)
