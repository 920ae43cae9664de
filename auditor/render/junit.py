"""JUnit XML, as GitLab, Jenkins and other CI servers read it: a suite a pipeline, a test case a finding."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TextIO

from auditor.model import Finding, Report, Text, Verdict
from auditor.render.display import plain
from auditor.render.format import Format, Options
from auditor.render.order import by_identity, file_of, place_of, shown
from auditor.render.sentences import accepted_text, finding_sentences, fix_text, subject, text_of
from auditor.render.totals import is_known, is_waived
from auditor.render.words import say, severity_word


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write JUnit XML: failed is a failure, unknown an error; waived, known and not applicable are skipped."""
    findings = by_identity(shown(report.findings, options.min_severity))
    head = f'name="auditor" {_counts(findings)} time="{report.usage.seconds:.3f}"'
    stream.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {head}>\n')
    for name in dict.fromkeys(one.pipeline for one in findings):
        stream.writelines(_suite(name, [one for one in findings if one.pipeline == name], report, options))
    stream.write("</testsuites>\n")


def _suite(name: str, findings: list[Finding], report: Report, options: Options) -> Iterator[str]:
    started = report.started_at.removesuffix("Z")
    stamp = f" timestamp={_attribute(started)}" if started else ""
    yield f'  <testsuite name={_attribute(name)} {_counts(findings)} time="0"{stamp}>\n'
    yield "    <properties>\n"
    for key, value in (("source", report.source), ("auditor", report.version)):
        yield f"      <property name={_attribute(key)} value={_attribute(value)}/>\n"
    yield "    </properties>\n"
    for finding in findings:
        yield from _case(finding, options)
    yield "  </testsuite>\n"


def _case(finding: Finding, options: Options) -> Iterator[str]:
    file = file_of(place_of(finding), options.base)
    names = f"name={_attribute(f'{finding.rule} ({finding.node})')} classname={_attribute(finding.pipeline)}"
    yield f'    <testcase {names}{f" file={_attribute(file)}" if file else ""} time="0">\n'
    outcome = _outcome(finding, options.lang)
    if outcome:
        yield f"      {outcome}\n"
    yield "    </testcase>\n"


def _outcome(finding: Finding, lang: str) -> str:
    if is_waived(finding) or is_known(finding):
        return f"<skipped message={_attribute(accepted_text(finding, lang))}/>"
    if finding.verdict is Verdict.NOT_APPLICABLE:
        return f"<skipped message={_attribute(say('not-applicable', lang))}/>"
    if finding.verdict is Verdict.PASS:
        return ""
    tag = "failure" if finding.verdict is Verdict.FAIL else "error"
    title = f"{severity_word(finding.severity, lang)}: {text_of(finding.title, lang)}"
    return f"<{tag} message={_attribute(title)} type={_attribute(_type(finding))}>{_text(finding, lang)}</{tag}>"


def _type(finding: Finding) -> str:
    """Return the severity of a failure, and of an unknown the reason why it was not read."""
    reasons = (one.unread.reason for one in finding.evidence if one.unread)
    return finding.severity.value if finding.verdict is Verdict.FAIL else next(reasons, "unknown")


def _text(finding: Finding, lang: str) -> str:
    fix = fix_text(finding, lang)
    lines = [
        subject(finding),
        *finding_sentences(finding, lang, 50),
        f"{say('why', lang)}: {text_of(finding.why, lang)}",
        *([f"{say('fix', lang)}: {fix}"] if fix else []),
    ]
    return escape("\n".join(lines), quote=False)


def _counts(findings: list[Finding]) -> str:
    accepted = [one for one in findings if is_waived(one) or is_known(one) or one.verdict is Verdict.NOT_APPLICABLE]
    failures = sum(one.gates and one.verdict is Verdict.FAIL for one in findings)
    errors = sum(one.gates and one.verdict is Verdict.UNKNOWN for one in findings)
    return f'tests="{len(findings)}" failures="{failures}" errors="{errors}" skipped="{len(accepted)}"'


def _attribute(text: str) -> str:
    return f'"{escape(plain(text))}"'


FORMAT = Format("junit", Text("JUnit XML, for CI servers.", "CI サーバー向けの JUnit XML です。"), "xml", write)
