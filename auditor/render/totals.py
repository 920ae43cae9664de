"""What a run amounts to: the counts, the exit code, and the line that closes every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from auditor.model import Finding, Report, Safety, Severity, Usage, Verdict
from auditor.render.words import WORDS, severity_word

_SETTLED = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})

SOON = timedelta(days=14)
"""How long before its last day a waiver is said to end soon."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a run.

    `declared` and `read` count facets; the others count findings, each in exactly one of `passed`, `not_applicable`,
    `failed`, `unknown`, `waived` and `known`. `failed_by` goes from critical to info; `safe`, `review` and `manual`
    divide `failed`; `gating` counts failures and unknowns at or above the severity that gates.
    """

    declared: int
    read: int
    passed: int
    not_applicable: int
    failed: int
    failed_by: tuple[tuple[Severity, int], ...]
    unknown: int
    waived: int
    waived_ending: int
    known: int
    safe: int
    review: int
    manual: int
    gating: int
    usage: Usage


def totals(report: Report, fail_on: Severity = Severity.LOW) -> Totals:
    """Return the counts of a report; all of them count everything, only `gating` looks at `fail_on`."""
    today = day_of(report)
    counts: Counter[object] = Counter()
    for finding, times in _alike(report):
        counts[finding.verdict if finding.verdict in _SETTLED else _sort(finding)] += times
        counts["gating"] += times * _gates_at(finding, fail_on)
        counts["ending"] += times * (finding.waiver is not None and is_waived(finding) and ends_soon(finding, today))
        if finding.verdict is Verdict.FAIL and finding.gates:
            counts[finding.severity] += times
            counts[finding.safety] += times * finding.fixable
    failed, safe, review = counts["failed"], counts[Safety.SAFE], counts[Safety.REVIEW]
    return Totals(
        declared=report.declared,
        read=report.read,
        passed=counts[Verdict.PASS],
        not_applicable=counts[Verdict.NOT_APPLICABLE],
        failed=failed,
        failed_by=tuple((severity, counts[severity]) for severity in Severity),
        unknown=counts["unknown"],
        waived=counts["waived"],
        waived_ending=counts["ending"],
        known=counts["known"],
        safe=safe,
        review=review,
        manual=failed - safe - review,
        gating=counts["gating"],
        usage=report.usage,
    )


def _alike(report: Report) -> Iterable[tuple[Finding, int]]:
    """Return the findings with how often each counts; a report without documents knows which ones count alike."""
    known: Iterable[tuple[Finding, int]] | None = getattr(report.findings, "alike", None)
    return ((finding, 1) for finding in report.findings) if known is None else known


def _sort(finding: Finding) -> str:
    """Return what a failure or unknown counts as."""
    if finding.waiver is not None:
        return "waived"
    if finding.known:
        return "known"
    return "failed" if finding.verdict is Verdict.FAIL else "unknown"


def exit_code(report: Report, fail_on: Severity = Severity.LOW) -> int:
    """Return what the findings make of the run: 0 clean, 1 failed, 3 nothing failed but something is unknown.

    2 when there is no finding at all, for nothing was audited. Only findings at or above `fail_on` count, unknown like
    failed: an unknown may be a failure of the rule's severity, never a worse one.
    """
    if not report.findings:
        return 2
    verdicts = {finding.verdict for finding, _ in _alike(report) if _gates_at(finding, fail_on)}
    return 1 if Verdict.FAIL in verdicts else 3 if Verdict.UNKNOWN in verdicts else 0


def combine(codes: Iterable[int]) -> int:
    """Return the exit code of a run of which several things hold: 5, 2, 4, 1, 3 in that order, else 0."""
    found = set(codes)
    return next((code for code in (5, 2, 4, 1, 3) if code in found), 0)


def closing_line(report: Report, lang: str) -> str:
    """Return the line that ends every report: what was declared and read, what came of it, and what it cost."""
    sums = totals(report)
    comma = "、" if lang == "ja" else ", "
    by = comma.join(f"{severity_word(severity, lang)} {count}" for severity, count in sums.failed_by if count)
    parts = [
        WORDS["close-declared"].say(lang).format(sums.declared),
        WORDS["close-read"].say(lang).format(sums.read),
        WORDS["close-unknown"].say(lang).format(sums.unknown),
        WORDS["close-failed"].say(lang).format(sums.failed) + _bracket(by, lang),
        WORDS["close-waived"].say(lang).format(sums.waived) + _ending(sums, lang),
        *([WORDS["close-known"].say(lang).format(sums.known)] if sums.known else []),
        WORDS["close-fixable"].say(lang).format(sums.safe, sums.review, sums.manual),
        _usage(sums.usage, lang),
    ]
    return ("、" if lang == "ja" else "; ").join(parts)


def clean_sentence(sums: Totals, lang: str) -> str:
    """Return what is said when nothing failed and nothing is unknown, not hiding what was accepted."""
    return WORDS["clean-but-accepted" if sums.waived or sums.known else "clean"].say(lang)


def day_of(report: Report) -> date | None:
    """Return the day on which a run started, or `None` when the report does not say."""
    try:
        return date.fromisoformat(report.started_at[:10])
    except ValueError:
        return None


def ends_soon(finding: Finding, today: date | None) -> bool:
    """Tell whether the finding's waiver has its last day within the next 14 days."""
    return finding.waiver is not None and today is not None and finding.waiver.until - today <= SOON


def is_waived(finding: Finding) -> bool:
    """Tell whether a failure or unknown is accepted by a waiver."""
    return finding.waiver is not None and finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


def is_known(finding: Finding) -> bool:
    """Tell whether a failure or unknown is held back by the baseline alone."""
    return finding.known and finding.waiver is None and finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


def _gates_at(finding: Finding, fail_on: Severity) -> bool:
    return finding.gates and finding.severity.rank >= fail_on.rank


def _bracket(text: str, lang: str) -> str:
    return "" if not text else f"（{text}）" if lang == "ja" else f" ({text})"


def _ending(sums: Totals, lang: str) -> str:
    return _bracket(WORDS["close-ending"].say(lang).format(sums.waived_ending), lang) if sums.waived_ending else ""


def _usage(usage: Usage, lang: str) -> str:
    calls, retries = ("call" if usage.calls == 1 else "calls"), ("retry" if usage.retries == 1 else "retries")
    return (
        WORDS["close-usage"]
        .say(lang)
        .format(calls=usage.calls, call=calls, retries=usage.retries, retry=retries, seconds=f"{usage.seconds:.1f}")
    )
