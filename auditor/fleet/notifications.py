"""The morning message: one a run, about what is new, returned, fixed, unread or soon no longer waived."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from auditor.errors import Text, UsageError
from auditor.fleet.entries import Entry, News
from auditor.model import Finding, Report, Severity
from auditor.render.display import plain
from auditor.render.totals import closing_line, day_of, ends_soon, totals
from auditor.render.words import severity_word

LINES = 20
"""How many findings of a kind a message names; the others are counted."""

_NEW = Text("New failures ({})", "新たな不合格（{} 件）")
_RETURNED = Text("Failing again ({})", "再び不合格（{} 件）")
_FIXED = Text("Fixed ({})", "解消（{} 件）")
_ENDING = Text("Waivers that end soon ({})", "まもなく終了する適用除外（{} 件）")
_UNREAD = Text("Could not be read ({}, and {} the time before)", "読み取れなかったもの（{} 件、前回は {} 件）")
_MORE = Text("… and {} more", "… ほか {} 件")
_UNTIL = Text("until {}, {}", "{} まで、担当: {}")
_TITLE = Text("auditor: {}", "auditor の監査結果: {}")
_WORDS = (
    ("new", Text("{} new", "新規 {} 件")),
    ("returned", Text("{} back again", "再発 {} 件")),
    ("fixed", Text("{} fixed", "解消 {} 件")),
    ("ending", Text("{} soon no longer waived", "まもなく除外終了 {} 件")),
    ("unread", Text("{} unknown", "不明 {} 件")),
)
_NO_HISTORY = Text(
    "There is no history to compare with: this is everything that fails.",
    "比較できる履歴がないため、現在の不合格をすべて示します。",
)

# What chats that know no plain text take for a mention of everybody, a link, or a tag.
_CALLS = re.compile(r"@(?=\w)|<(?=[@!#/\w])|\](?=\()")


@dataclass(frozen=True, slots=True)
class Message:
    """A title of one line and a text of several."""

    title: str
    body: str


def message(report: Report, news: News | None, lang: str) -> Message | None:
    """Return what a run has to tell, or `None` when nothing changed; without `news` everything that fails is told."""
    failing = [one for one in report.findings if one.gates and one.verdict.value == "fail"] if news is None else []
    new = [_line(one, lang) for one in news.new] if news else [_finding_line(one, lang) for one in failing]
    returned = [_line(one, lang) for one in news.returned] if news else []
    fixed = [_line(one, lang) for one in news.fixed] if news else []
    ending = [_ending_line(one, lang) for one in report.findings if ends_soon(one, day_of(report))]
    unread, before = totals(report).unknown, _unread_before(report)
    worse = unread if unread > before or (unread and news is None) else 0
    counts = {"new": len(new), "returned": len(returned), "fixed": len(fixed), "ending": len(ending), "unread": worse}
    if not any(counts.values()):
        return None
    comma = "、" if lang == "ja" else ", "
    title = _TITLE.say(lang).format(
        comma.join(text.say(lang).format(counts[word]) for word, text in _WORDS if counts[word])
    )
    parts = [
        *([_NO_HISTORY.say(lang)] if news is None else []),
        *_section(_NEW, "✗", new, lang),
        *_section(_RETURNED, "✗", returned, lang),
        *_section(_FIXED, "✓", fixed, lang),
        *_section(_ENDING, "✗", ending, lang),
        *([_UNREAD.say(lang).format(unread, before)] if worse else []),
        closing_line(report, lang),
    ]
    return Message(title, "\n\n".join(parts))


def send(told: Message, urls: Sequence[str]) -> tuple[Text, ...]:
    """Send a message to every address; return a sentence for each that did not take it, without the secrets in it."""
    import apprise

    troubles = []
    with _silent():
        for url in urls:
            service = apprise.Apprise()
            service.add(url)
            if not service.notify(body=told.body, title=told.title, body_format=apprise.NotifyFormat.TEXT):
                troubles.append(_UNSENT.fill(_scheme(url)))
    return tuple(troubles)


@contextmanager
def _silent() -> Iterator[None]:
    """Let apprise log nothing: it may quote an address, and tokens are part of addresses."""
    log = logging.getLogger("apprise")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def check(urls: Iterable[str]) -> None:
    """Raise `UsageError` for an address that cannot be used, before a long run and not after it."""
    listed = list(urls)
    if not listed:
        return
    try:
        import apprise
    except ImportError as error:
        sentence = "Messages need apprise, which is not installed."
        raise UsageError(sentence, "pip install 'auditor[notify]'.") from error
    for url in listed:
        with _silent():
            known = apprise.Apprise().add(url)
        if not known:
            raise UsageError(
                f"--notify {_scheme(url)}: no service has such an address.",
                "https://appriseit.com/services lists them.",
            )


_UNSENT = Text("The message to {} could not be sent.", "{} 宛ての通知を送信できませんでした。")


def _scheme(url: str) -> str:
    """Return the part of an address that is no secret."""
    scheme, separator, _ = url.partition("://")
    return f"{plain(scheme)}://…" if separator else "…"


def _section(head: Text, mark: str, lines: Sequence[str], lang: str) -> list[str]:
    if not lines:
        return []
    # Titles say what should hold; the mark says whether it does.
    listed = [f"- {mark} {line}" for line in lines[:LINES]]
    more = [f"- {_MORE.say(lang).format(len(lines) - LINES)}"] if len(lines) > LINES else []
    return ["\n".join([head.say(lang).format(len(lines)), *listed, *more])]


def _line(entry: Entry, lang: str) -> str:
    severity = severity_word(Severity(entry.severity), lang)
    return _inert(
        f"[{severity}] {entry.pipeline} / {entry.node}: {entry.title.say(lang)} ({entry.rule}, {entry.resource})"
    )


def _finding_line(finding: Finding, lang: str) -> str:
    severity = severity_word(finding.severity, lang)
    where = finding.resource.arn or finding.resource.node.id
    return _inert(
        f"[{severity}] {finding.pipeline} / {finding.node}: {finding.title.say(lang)} ({finding.rule}, {where})"
    )


def _ending_line(finding: Finding, lang: str) -> str:
    waiver = finding.waiver
    assert waiver is not None
    until = _UNTIL.say(lang).format(waiver.until.isoformat(), waiver.owner)
    return f"{_finding_line(finding, lang)}: {_inert(until)}"


def _inert(text: str) -> str:
    """Return a line that shows as it is: a zero-width space parts what a chat would act on."""
    return _CALLS.sub(lambda hit: f"{hit[0]}\u200b", plain(text))


def _unread_before(report: Report) -> int:
    return report.history[-2].unknown if len(report.history) > 1 else 0
