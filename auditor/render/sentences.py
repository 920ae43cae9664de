"""What a finding says in one line, for formats that have no room for a table of evidence."""

from __future__ import annotations

import re

from auditor.model import Evidence, Finding, Safety, Text, Unread, Verdict, in_words
from auditor.render.display import plain
from auditor.render.order import value_text
from auditor.render.words import reason_word, say, severity_word, verdict_word
from auditor.scope import REASONS

_LONGEST_VALUE = 400
_FOLD = re.compile(r"(?<=[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60]) (?=[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60])")
"""A space between two Japanese characters comes from a folded line of YAML; Japanese has none there."""


def text_of(text: Text | None, lang: str) -> str:
    """Return a text on one harmless line, empty without a text."""
    if text is None:
        return ""
    line = " ".join(text.say(lang).split())
    return plain(_FOLD.sub("", line) if lang == "ja" else line)


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def wanted_text(evidence: Evidence, lang: str, limit: int = _LONGEST_VALUE) -> str:
    """Return what was wanted on one harmless line, empty when the evidence does not say."""
    return shortened(plain(value_text(evidence.wanted, lang)), limit)


def found_text(evidence: Evidence, lang: str, limit: int = _LONGEST_VALUE) -> str:
    """Return what was found, or why it was not read and which permission would help, on one harmless line."""
    unread = evidence.unread
    if unread is None:
        return shortened(plain(value_text(evidence.found, lang)), limit) or say("absent", lang)
    return unread_text(unread, lang, detailed=unread.detail != evidence.note)


def unread_text(unread: Unread, lang: str, *, detailed: bool = True) -> str:
    """Return why a value was not read and which permission would help, on one harmless line."""
    reason = plain(reason_word(unread.reason, lang))
    said = (say("not-known", lang) if unread.reason in REASONS else say("not-read", lang)).format(reason)
    if unread.permission:
        said += say("needs", lang).format(plain(unread.permission))
    return said + (bracket(plain(in_words(unread.detail, lang)), lang) if detailed else "")


def bracket(text: str, lang: str) -> str:
    """Return text in the brackets of a language, nothing for nothing."""
    return "" if not text else f"（{text}）" if lang == "ja" else f" ({text})"


def evidence_sentence(evidence: Evidence, lang: str) -> str:
    """Return one piece of evidence as a sentence: the route, what was wanted, what was found, and the note."""
    wanted = wanted_text(evidence, lang)
    parts = [f"{say('wanted', lang)} {wanted}"] if wanted else []
    found = found_text(evidence, lang)
    parts.append(found if evidence.unread else f"{say('found', lang)} {found}")
    note = text_of(evidence.note, lang)
    said = ("、" if lang == "ja" else ", ").join(parts)
    return f"{plain(evidence.route)}: {said}" + (f" ({note})" if note else "")


def finding_sentences(finding: Finding, lang: str, limit: int = 10) -> list[str]:
    """Return the evidence of a finding as sentences, at most `limit` of them and then how many more there are."""
    sentences = [evidence_sentence(one, lang) for one in finding.evidence[:limit]]
    more = len(finding.evidence) - limit
    return [*sentences, say("more-evidence", lang).format(more)] if more > 0 else sentences


def headline(finding: Finding, lang: str) -> str:
    """Return the verdict, severity, rule, node and pipeline of a finding on one line."""
    judged = f"{verdict_word(finding.verdict, lang)} ({severity_word(finding.severity, lang)})"
    return f"{judged}: {plain(finding.rule)}, {plain(finding.pipeline)} {plain(finding.node)}"


def subject(finding: Finding) -> str:
    """Return what a finding is about: the ARN when it is known, else the name or the address in the template."""
    node = finding.resource.node
    return plain(finding.resource.arn or node.id or next(iter(node.addresses.values()), "") or node.name)


def fix_text(finding: Finding, lang: str) -> str:
    """Return how a failure is mended, with the steps when it is by hand; empty when the rule has no fix."""
    if finding.verdict is not Verdict.FAIL or finding.safety is None:
        return ""
    steps = text_of(finding.steps, lang)
    if not finding.fixable:
        return say("fix-manual", lang) + (f": {steps}" if steps else "")
    return say("fix-safe" if finding.safety is Safety.SAFE else "fix-review", lang)


def accepted_text(finding: Finding, lang: str) -> str:
    """Return why a finding does not gate: the waiver with its owner and last day, or the baseline; else empty."""
    waiver = finding.waiver
    if waiver is not None:
        by = say("waived-by", lang).format(reason=waiver.reason, owner=waiver.owner, until=waiver.until.isoformat())
        return f"{say('waived', lang)}: {plain(by)}"
    return say("known", lang) if finding.known else ""


def web_link(finding: Finding) -> str:
    """Return the first reference that is a web address, else an empty string."""
    return next((link for link in finding.references if is_web(link)), "")


def is_web(link: str) -> bool:
    """Tell whether a link is a plain https address that is safe to show as one."""
    return (
        link.startswith("https://") and link.isascii() and link.isprintable() and not set(link) & set(" <>\"'`\\{}|^")
    )
