"""The report on a terminal: worst first, one line a finding, and below it what was looked at and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from auditor.model import Evidence, Finding, Notice, Report, Severity, Snapshot, Text, Verdict
from auditor.render.display import clip, pad, plain, width, wrap
from auditor.render.format import Format, Options
from auditor.render.order import file_of, shown, value_text, worst_first
from auditor.render.sentences import fix_text, found_text, text_of
from auditor.render.totals import Totals, clean_sentence, closing_line, day_of, ends_soon, is_known, is_waived, totals
from auditor.render.words import say, severity_word, verdict_word

_RED, _YELLOW, _GREEN, _DIM, _BOLD = "31", "33", "32", "2", "1"
_NARROWEST_TITLE = 24
_LONGEST_VALUE = 800


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write the report as text no wider than `options.width` but for the closing line, which stays one line.

    Without `options.colour` there is no escape code in it. Red is failed, yellow is unknown, green is clean.
    """
    stream.writelines(line + "\n" for line in _lines(report, options))


def _lines(report: Report, options: Options) -> Iterator[str]:
    findings = worst_first(shown(report.findings, options.min_severity))
    if not report.findings:
        yield say("nothing", options.lang)
    open_ones = [finding for finding in findings if finding.gates]
    grouped: dict[str, list[Finding]] = {}
    for finding in open_ones:
        grouped.setdefault(finding.pipeline, []).append(finding)
    # A lean report unpacks a snapshot each time that it is looked at: all of them are gone through once.
    places = {one.pipeline.name: _where(one) for one in report.snapshots if one.pipeline.name in grouped}
    for name, group in grouped.items():
        yield from _pipeline(plain(name) + places.get(name, ""), group, options)
    yield from _apart("waived", [one for one in findings if is_waived(one)], report, options)
    yield from _apart("known", [one for one in findings if is_known(one)], report, options)
    yield from _notices(report.notices, options)
    yield from _end(report, totals(report, options.fail_on), len(report.findings) - len(findings), options)


def _pipeline(head: str, findings: list[Finding], options: Options) -> Iterator[str]:
    yield from (_paint(line, _BOLD, options) for line in wrap(head, options.width))
    yield ""
    yield from _summary(findings, options)
    yield ""
    for finding in findings:
        yield from _details(finding, options)
        yield ""


def _where(snapshot: Snapshot) -> str:
    accounts = dict.fromkeys(
        f"{account.name} {account.id} {account.region}"
        for account in (node.account for node in snapshot.pipeline.nodes.values())
    )
    return plain(f": {' → '.join(accounts)} ({snapshot.source})")


def _summary(findings: list[Finding], options: Options) -> list[str]:
    """Return one line a finding; the title's column is left out where it would be too narrow to read."""
    from tabulate import MIN_PADDING, tabulate

    rows = [
        [_severity(one, options), _verdict(one, options), plain(one.rule), plain(one.node), _title(one, options)]
        for one in findings
    ]
    head = [say(word, options.lang) for word in ("severity", "verdict", "rule", "node", "title")]
    left = options.width - sum(_column([row[column] for row in rows], head[column], MIN_PADDING) for column in range(4))
    columns = 5 if left >= _NARROWEST_TITLE else 4
    table = [[*row[:4], clip(row[4], left)][:columns] for row in rows]
    return tabulate(table, headers=head[:columns], tablefmt="simple", disable_numparse=True).splitlines()


def _column(cells: list[str], head: str, padding: int) -> int:
    """Return how wide tabulate makes a column, with the gap behind it."""
    return max(width(head) + padding, *(width(_bare(cell)) for cell in cells)) + 2


def _details(finding: Finding, options: Options) -> Iterator[str]:
    mark = {Verdict.FAIL: "✗", Verdict.UNKNOWN: "?"}[finding.verdict]
    colour = _RED if finding.verdict is Verdict.FAIL else _YELLOW
    lines = wrap(_title(finding, options), options.width - 2)
    yield _paint(f"{mark} {lines[0]}", colour, options)
    yield from (_paint("  " + line, colour, options) for line in lines[1:])
    resource = finding.resource
    account = resource.node.account
    subject = f"{finding.rule} · {finding.node} {resource.arn or resource.node.id} · {account.id} {account.region}"
    yield from (_paint("  " + line, _DIM, options) for line in wrap(plain(subject), options.width - 2))
    for evidence in finding.evidence:
        yield from _evidence(evidence, options)
    cost = text_of(finding.cost, options.lang) if finding.verdict is Verdict.FAIL else ""
    yield from _labelled([("fix", fix_text(finding, options.lang)), ("cost", cost)], 2, options)


def _evidence(evidence: Evidence, options: Options) -> Iterator[str]:
    route = plain(evidence.route + (f" #{evidence.key}" if evidence.key and evidence.key not in evidence.route else ""))
    yield from ("  " + line for line in wrap(route, options.width - 2))
    unread, lang = evidence.unread, options.lang
    pairs = [("wanted", _value(evidence.wanted, lang))]
    if unread is None:
        pairs.append(("found", _value(evidence.found, lang) or say("absent", lang)))
    else:
        pairs.append(("found", found_text(evidence, lang)))
    pairs += [("note", text_of(evidence.note, lang)), ("place", _place(evidence, options))]
    yield from _labelled(pairs, 4, options)


def _labelled(pairs: Iterable[tuple[str, str]], indent: int, options: Options) -> Iterator[str]:
    """Yield `label  text` for each text that is not empty, the text wrapped beside its label."""
    words = [(say(word, options.lang), text) for word, text in pairs if text]
    column = (
        max((width(word) for word in (say(name, options.lang) for name in ("wanted", "found", "note"))), default=0) + 2
    )
    for word, text in words:
        first, *rest = wrap(text, max(options.width - indent - column, 20))
        yield " " * indent + _paint(pad(word, column), _DIM, options) + first
        yield from (" " * (indent + column) + line for line in rest)


def _apart(word: str, findings: list[Finding], report: Report, options: Options) -> Iterator[str]:
    """Yield the findings that do not gate, with who accepted them and until when."""
    if not findings:
        return
    lang = options.lang
    yield _paint(f"{say(word, lang)} ({len(findings)})", _BOLD, options)
    for one in findings:
        words = (severity_word(one.severity, lang), verdict_word(one.verdict, lang))
        line = " · ".join([*words, one.rule, f"{one.pipeline} {one.node}"])
        yield from ("  " + part for part in wrap(plain(line), options.width - 2))
        if one.waiver is not None:
            waiver = one.waiver
            by = say("waived-by", lang).format(reason=waiver.reason, owner=waiver.owner, until=waiver.until.isoformat())
            soon = f" [{say('ends-soon', lang)}]" if ends_soon(one, day_of(report)) else ""
            yield from ("    " + _paint(part, _DIM, options) for part in wrap(plain(by + soon), options.width - 4))
    yield ""


def _notices(notices: Iterable[Notice], options: Options) -> Iterator[str]:
    lines = [
        part
        for notice in notices
        for part in wrap(
            plain(f"{notice.place}: " if notice.place else "") + text_of(notice.text, options.lang), options.width - 2
        )
    ]
    if lines:
        yield _paint(say("notices", options.lang), _BOLD, options)
        yield from ("  " + line for line in lines)
        yield ""


def _end(report: Report, sums: Totals, hidden: int, options: Options) -> Iterator[str]:
    lang = options.lang
    colour = _RED if sums.failed else _YELLOW if sums.unknown else _GREEN
    if report.findings and not (sums.failed or sums.unknown):
        yield _paint(clean_sentence(sums, lang), _GREEN, options)
    yield _paint(say("passed-count", lang).format(sums.passed, sums.not_applicable), _DIM, options)
    if hidden:
        yield _paint(say("hidden-count", lang).format(hidden, severity_word(options.min_severity, lang)), _DIM, options)
    for hint in _hints(report, sums, lang):
        yield from (_paint(line, _DIM, options) for line in wrap(hint, options.width))
    yield _paint(closing_line(report, lang), colour, options)


def _hints(report: Report, sums: Totals, lang: str) -> Iterator[str]:
    first = next((one for one in worst_first(report.findings) if one.gates), None)
    if first is not None:
        yield say("hint-explain", lang).format(f"auditor explain {plain(first.rule)}")
    if sums.safe or sums.review:
        level = "--fix" if sums.safe and not sums.review else "--fix=review"
        yield say("hint-fix", lang).format(f"auditor audit … {level} --dry-run")
    if sums.unknown and any(e.unread and e.unread.permission for f in report.findings if f.gates for e in f.evidence):
        yield say("hint-permissions", lang).format("auditor permissions …")


def _value(value: object, lang: str) -> str:
    text = plain(value_text(value, lang))
    if len(text) <= _LONGEST_VALUE:
        return text
    return text[:_LONGEST_VALUE] + say("shortened", lang).format(len(text) - _LONGEST_VALUE)


def _place(evidence: Evidence, options: Options) -> str:
    place, file = evidence.location, file_of(evidence.location, options.base)
    if place is None or not file:
        return ""
    return plain(file) + (f":{place.line}" if place.line else "")


def _title(finding: Finding, options: Options) -> str:
    return text_of(finding.title, options.lang)


def _severity(finding: Finding, options: Options) -> str:
    word = severity_word(finding.severity, options.lang)
    return _paint(word, _BOLD, options) if finding.severity is Severity.CRITICAL else word


def _verdict(finding: Finding, options: Options) -> str:
    return _paint(
        verdict_word(finding.verdict, options.lang), _RED if finding.verdict is Verdict.FAIL else _YELLOW, options
    )


def _paint(text: str, code: str, options: Options) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if options.colour and text else text


def _bare(cell: str) -> str:
    return cell.split("m", 1)[1].removesuffix("\x1b[0m") if cell.startswith("\x1b[") else cell


FORMAT = Format("table", Text("For people, on a terminal.", "ターミナルで人が読むための表です。"), "txt", write)
