"""A comment for a pull or merge request: counts, what is new, and the details folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from auditor.model import Evidence, Finding, Json, Report, Severity, Text, Verdict
from auditor.render.display import plain
from auditor.render.format import Format, Options
from auditor.render.order import file_of, shown, worst_first
from auditor.render.sentences import accepted_text, fix_text, found_text, is_web, subject, text_of, wanted_text
from auditor.render.totals import clean_sentence, closing_line, is_known, is_waived, totals
from auditor.render.words import say, severity_word, verdict_word

AT_MOST = 65_536
"""The longest comment that GitHub takes, in characters."""
MARKER = "<!-- auditor report -->"
"""The first line, by which a later run finds its own comment."""
_MARKUP = re.compile(r"[\\`*_{}\[\]()!|~$^=>&<+]|^#|-(?!\w)|(?<!\w)-|(?<=^\d)\.")
_REFERENCES = re.compile(r"@|#(?=\d)|(?<=\bGH)-(?=\d)|:(?=//)|:(?=[\w+-]+:)|(?<=\bwww)(?=\.)", re.IGNORECASE)


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write GitHub-flavoured Markdown of at most 65,536 characters; what does not fit is counted."""
    stream.write(document(report, options))


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no link, no mention, no reference, no emoji.

    Markup becomes entities. GitHub looks for references in what is shown, so a zero-width space parts those.
    """
    parted = _REFERENCES.sub(lambda hit: hit[0] + "\u200b", plain(text).strip())
    return _MARKUP.sub(lambda hit: f"&#{ord(hit[0])};", parted).replace("\u200b", "&#8203;")


def code(text: str) -> str:
    """Return text as inline code, fenced by more backticks than it holds; safe in a table as well."""
    line = plain(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}".replace("|", "\\|")


def document(report: Report, options: Options) -> str:
    """Return the comment."""
    findings = worst_first(shown(report.findings, options.min_severity))
    head = "\n".join([MARKER, *_head(report, options)])
    foot = f"\n<sub>{escape(closing_line(report, options.lang))}</sub>\n"
    room = AT_MOST - len(head) - len(foot) - 200
    body, left = _fill(_blocks(report, findings, options), room)
    if left:
        body += f"\n_{escape(say('left-out', options.lang).format(left))}_\n"
    return head + body + foot


def _fill(blocks: Iterable[tuple[int, str]], room: int) -> tuple[str, int]:
    """Return as many blocks as there is room for, and how many findings the others hold."""
    body, left = "", 0
    for weight, block in blocks:
        if left == 0 and len(body) + len(block) <= room:
            body += block
        else:
            left += weight
    return body, left


def _head(report: Report, options: Options) -> Iterator[str]:
    sums, lang = totals(report, options.fail_on), options.lang
    mark = "❌" if sums.failed else "❔" if sums.unknown else "✅"
    yield f"### {mark} auditor: {escape(_counted(report, options))}"
    yield ""
    if not report.findings:
        yield escape(say("nothing", lang))
        return
    told = [(severity, count) for severity, count in sums.failed_by if count]
    if told:
        yield "| " + " | ".join(severity_word(severity, lang) for severity, _ in told) + " |"
        yield "|" + " --- |" * len(told)
        yield "| " + " | ".join(str(count) for _, count in told) + " |"
        yield ""
    if not (sums.failed or sums.unknown):
        yield escape(clean_sentence(sums, lang))
        yield ""


def _counted(report: Report, options: Options) -> str:
    sums, lang = totals(report, options.fail_on), options.lang
    words = [("close-failed", sums.failed), ("close-unknown", sums.unknown), ("close-waived", sums.waived)]
    more = [("close-known", sums.known)] if sums.known else []
    return ("、" if lang == "ja" else ", ").join(say(word, lang).format(count) for word, count in [*words, *more])


def _blocks(report: Report, findings: list[Finding], options: Options) -> Iterator[tuple[int, str]]:
    """Yield pieces of the body with the number of findings in each, the most important first."""
    lang = options.lang
    fresh = [one for one in findings if one.gates]
    for name in dict.fromkeys(one.pipeline for one in fresh):
        yield 0, f"\n#### {escape(name)}\n\n"
        yield from ((1, _folded(one, options)) for one in fresh if one.pipeline == name)
    for word, accepted in (("known", filter(is_known, findings)), ("waived", filter(is_waived, findings))):
        lines = [_accepted(one, lang) for one in accepted]
        if lines:
            summary = f"\n<details><summary>{escape(say(word, lang))} ({len(lines)})</summary>\n\n"
            yield len(lines), summary + "\n".join(lines) + "\n\n</details>\n"
    if report.notices:
        notes = "\n".join(f"- {escape(text_of(notice.text, lang))}" for notice in report.notices)
        yield 0, f"\n**{escape(say('notices', lang))}**\n\n{notes}\n"


def _folded(finding: Finding, options: Options) -> str:
    lang = options.lang
    mark = "❔" if finding.verdict is Verdict.UNKNOWN else "🔴" if finding.severity.rank >= Severity.HIGH.rank else "🟠"
    judged = _both(verdict_word(finding.verdict, lang), severity_word(finding.severity, lang), lang)
    summary = f"{mark} {escape(text_of(finding.title, lang))} <i>({escape(judged)})</i>"
    fix = fix_text(finding, lang)
    rows = [
        f"{code(finding.rule)} · {code(finding.node)} · {code(subject(finding))}",
        "",
        escape(text_of(finding.why, lang)),
        "",
        *(line for one in finding.evidence[:20] for line in _evidence(one, options)),
        *(
            [f"- {escape(say('more-evidence', lang).format(len(finding.evidence) - 20))}"]
            * (len(finding.evidence) > 20)
        ),
        *([f"- {escape(say('fix', lang))}: {escape(fix)}"] if fix else []),
        *([f"- {escape(say('cost', lang))}: {escape(text_of(finding.cost, lang))}"] if finding.cost else []),
        *(f"- <{link}>" for link in finding.references if is_web(link)),
    ]
    return f"<details><summary>{summary}</summary>\n\n" + "\n".join(rows) + "\n\n</details>\n"


def _evidence(evidence: Evidence, options: Options) -> Iterator[str]:
    lang = options.lang
    file = file_of(evidence.location, options.base)
    line = evidence.location.line if evidence.location else 0
    at = f" ({code(f'{file}:{line}' if line else file)})" if file else ""
    yield f"- {code(evidence.route)}{at}"
    wanted = wanted_text(evidence, lang)
    if wanted:
        yield f"  - {escape(say('wanted', lang))}: {_shown(evidence.wanted, wanted)}"
    found = found_text(evidence, lang)
    yield (
        f"  - {escape(found)}"
        if evidence.unread
        else f"  - {escape(say('found', lang))}: {_shown(evidence.found, found)}"
    )
    if evidence.note:
        yield f"  - {escape(text_of(evidence.note, lang))}"


def _shown(value: Json, text: str) -> str:
    """Return a value as code, and words of ours (an absent value is told by one) as words."""
    return escape(text) if value is None or isinstance(value, Text) else code(text)


def _both(one: str, other: str, lang: str) -> str:
    return ("、" if lang == "ja" else ", ").join((one, other))


def _accepted(finding: Finding, lang: str) -> str:
    judged = _both(severity_word(finding.severity, lang), verdict_word(finding.verdict, lang), lang)
    where = f"{code(finding.rule)} · {escape(finding.pipeline)} {code(finding.node)} ({escape(judged)})"
    return f"- {where} — {escape(accepted_text(finding, lang))}" if finding.waiver else f"- {where}"


FORMAT = Format(
    "markdown",
    Text("A comment for a pull or merge request.", "プルリクエストやマージリクエストのコメントです。"),
    "md",
    write,
)
