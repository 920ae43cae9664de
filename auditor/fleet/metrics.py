"""A run as a file of metrics for Prometheus: its node exporter's textfile collector reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

from auditor.files import write_atomic
from auditor.model import Report, Severity, Verdict
from auditor.render.totals import exit_code, totals


def write(report: Report, path: Path, fail_on: Severity) -> None:
    """Write the metrics of a run whole or not at all; raises `UsageError`."""
    write_atomic(path, text(report, fail_on), mode=0o644)


def text(report: Report, fail_on: Severity) -> str:
    """Return a run in Prometheus's text format, every metric with its help and type."""
    sums = totals(report, fail_on)
    failed, unknown = _by_pipeline(report)
    whole: tuple[tuple[str, str, list[tuple[Mapping[str, str], float]]], ...] = (
        (
            "auditor_failed",
            "Failures that nobody accepted, by severity.",
            [({"severity": severity.value}, count) for severity, count in sums.failed_by],
        ),
        ("auditor_unknown", "Findings that could not be judged, for something was not read.", [({}, sums.unknown)]),
        ("auditor_passed", "Findings that passed.", [({}, sums.passed)]),
        ("auditor_waived", "Failures that a waiver accepts.", [({}, sums.waived)]),
        ("auditor_waived_ending", "Waivers that end within 14 days.", [({}, sums.waived_ending)]),
        ("auditor_pipeline_failed", "Failures that nobody accepted, by pipeline.", _labelled(failed)),
        ("auditor_pipeline_unknown", "Findings that could not be judged, by pipeline.", _labelled(unknown)),
        ("auditor_pipelines", "Pipelines that were audited.", [({}, len(report.snapshots))]),
        ("auditor_facets_declared", "Documents that the rules wanted.", [({}, sums.declared)]),
        ("auditor_facets_read", "Documents that were read.", [({}, sums.read)]),
        ("auditor_calls", "Calls to AWS.", [({}, sums.usage.calls)]),
        ("auditor_retries", "Repetitions of calls to AWS.", [({}, sums.usage.retries)]),
        ("auditor_run_seconds", "How long the run took.", [({}, sums.usage.seconds)]),
        ("auditor_run_timestamp_seconds", "When the run started.", [({}, _seconds(report.started_at))]),
        ("auditor_exit_code", "The exit code of the run.", [({}, exit_code(report, fail_on))]),
    )
    return "".join(line + "\n" for name, help_text, rows in whole for line in _lines(name, help_text, rows))


def _lines(name: str, help_text: str, rows: Iterable[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} gauge"
    for labels, value in rows:
        told = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def _escaped(label: str) -> str:
    safe = label.encode("utf-8", "replace").decode("utf-8")
    return safe.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _by_pipeline(report: Report) -> tuple[Counter[str], Counter[str]]:
    failed: Counter[str] = Counter({snapshot.pipeline.name: 0 for snapshot in report.snapshots})
    unknown = Counter(failed)
    for finding in report.findings:
        if finding.gates:
            (failed if finding.verdict is Verdict.FAIL else unknown)[finding.pipeline] += 1
    return failed, unknown


def _labelled(counts: Counter[str]) -> list[tuple[Mapping[str, str], float]]:
    return [({"pipeline": name}, count) for name, count in sorted(counts.items())]


def _seconds(started_at: str) -> float:
    try:
        moment = datetime.strptime(started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return 0.0
    return moment.timestamp()
