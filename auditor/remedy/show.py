"""A plan for people: the diff of each document, the call, what it costs, what cannot be undone, and other ways to do it."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

from auditor.kinds.facet import Call
from auditor.model import Json, Text
from auditor.remedy.awscli import commands
from auditor.remedy.change import REASONS, Change, Left, Plan
from auditor.remedy.cloudformation import cloudformation
from auditor.remedy.escaping import harmless, json_text
from auditor.remedy.terraform import terraform

WAYS = ("cli", "terraform", "cloudformation")
"""The other ways in which a change is told beside its diff and its API call."""

_TITLES: Mapping[str, str] = MappingProxyType(
    {"cli": "AWS CLI", "terraform": "Terraform", "cloudformation": "CloudFormation"}
)
_COLOURS = MappingProxyType({"+": "32", "-": "31", "@": "36", "#": "1"})
_SHORT = 60


Wrap = Callable[[str, int], list[str]]
"""Breaks a text into lines of at most so many columns."""
Hung = Callable[[str], list[str]]


def shown(
    plan: Plan,
    *,
    lang: str = "en",
    colour: bool = False,
    width: int = 100,
    ways: Iterable[str] = WAYS,
    wrap: Wrap = textwrap.wrap,
) -> str:
    """Return a plan as text for a terminal, without a trailing line break; nothing in it can steer the terminal.

    Sentences are broken by `wrap`; what may be copied (documents, calls, commands) never is.
    """
    wanted = tuple(ways)
    hung = partial(_hung, width=max(width, 40), wrap=wrap)
    lines: list[str] = []
    for number, change in enumerate(plan.changes, 1):
        lines += [*_change(change, f"{number}/{len(plan.changes)}", plan, lang, hung), ""]
        lines += [line for way in wanted for line in _way(change, way)]
    lines += _left(plan.left, lang, hung)
    if not plan.changes:
        lines.append(_say(lang, "Nothing to change.", "変更はありません。"))
    text = [harmless(line) for line in lines]
    return "\n".join(_coloured(line) for line in text) if colour else "\n".join(text)


def difference(before: Json, after: Json) -> list[str]:
    """Return the unified diff of two documents as pretty JSON, hunks only; an absent document has no lines."""
    old, new = (_pretty(document) for document in (before, after))
    return [line.rstrip("\n") for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]]


def same_as(change: Change) -> Mapping[str, str]:
    """Return the change as AWS CLI commands, Terraform and CloudFormation, by the names in `WAYS`."""
    return {"cli": commands(change), "terraform": terraform(change), "cloudformation": cloudformation(change)}


def call_line(call: Call) -> str:
    """Return an API call in one line, its long parameters cut short (the diff shows them)."""
    params = ", ".join(f"{name}={_brief(value)}" for name, value in call.params.items())
    return harmless(f"{call.service}:{call.operation}({params})")


def _brief(value: Json) -> str:
    text = value if isinstance(value, str) else json_text(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _pretty(document: Json) -> list[str]:
    return [] if document is None else json.dumps(document, ensure_ascii=False, indent=2, default=str).split("\n")


def _change(change: Change, number: str, plan: Plan, lang: str, hung: Hung) -> Iterator[str]:
    yield f"# [{number}] {change.title}  {change.safety.value}  ({', '.join(change.rules)})"
    if change.before is None:
        yield _say(lang, "  (not configured so far)", "  （現在は未設定）")
    yield from ("  " + line for line in difference(change.before, change.after))
    for call in change.do:
        yield f"  {_say(lang, 'call', '呼び出し')}: {call_line(call)}"
    needed = [other.title for other in plan.changes if other.id in change.depends_on]
    facts = (
        (Text("after", "前提"), Text(", ".join(needed), "、".join(needed)) if needed else None),
        (Text("cost", "費用"), change.cost),
        (Text("not undone", "取り消せないもの"), change.lossy),
    )
    for name, fact in facts:
        if fact is not None:
            yield from hung(f"{name.say(lang)}: {fact.say(lang)}")


def _way(change: Change, way: str) -> list[str]:
    return [f"  {_TITLES[way]}:", *("    " + line for line in same_as(change)[way].split("\n")), ""]


def _left(left: tuple[Left, ...], lang: str, hung: Hung) -> Iterator[str]:
    if left:
        yield _say(lang, "# Not changed by this plan:", "# この計画では変更しないもの:")
    for reason in REASONS:
        for one in (each for each in left if each.reason == reason):
            where = f"{one.rule} ({one.pipeline}.{one.node})"
            yield from hung(f"{where}: {one.sentence.say(lang)}")


def _hung(text: str, *, width: int, wrap: Wrap) -> list[str]:
    """Return a sentence in lines, its first two columns in and the rest six."""
    first, *rest = wrap(text, width - 6) or [""]
    return ["  " + first, *("      " + line for line in rest)]


def _coloured(line: str) -> str:
    sign = line.lstrip()[:1] if line.startswith(("  +", "  -", "  @", "#")) else ""
    return f"\x1b[{_COLOURS[sign]}m{line}\x1b[0m" if sign in _COLOURS else line


def _say(lang: str, en: str, ja: str) -> str:
    return ja if lang == "ja" else en
