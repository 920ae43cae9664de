"""All rules together: `rules/README.md`, and a folder with a page for each rule in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from auditor.docs.page import body, page
from auditor.docs.reference import reference
from auditor.docs.words import cell, code, heading, shown
from auditor.files import read_text, shipped
from auditor.model import Text
from auditor.rule import Rule

_MADE = "<!-- Made by `auditor rules docs`; edit the rules, not this page. -->"
_COLUMNS = {
    "id": Text("Rule", "ルール"),
    "title": Text("What must hold", "成り立つべきこと"),
    "severity": Text("Severity", "重大度"),
    "node": Text("Node", "ノード"),
    "fix": Text("Fix", "修正"),
}


def index(rules: Iterable[Rule]) -> str:
    """Return `rules/README.md`: a table of the rules, how to write one, a section for each, and the language's reference."""
    book = sorted(rules, key=lambda rule: rule.id)
    lines = [_MADE, "", "# Rules", "", _summary(book), ""]
    lines += _table(book, "en", {rule.id: f"#{rule.id}" for rule in book})
    lines += ["", _writing("en"), "", "## The rules", ""]
    for rule in book:
        lines += [
            f"### {rule.id}",
            "",
            f"**{heading(rule.title.en)}**\\",
            heading(rule.title.ja),
            "",
            *body(rule, "en", 4),
            "",
        ]
    lines += [reference("en", 2)]
    return shown(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()) + "\n"


def pages(rules: Iterable[Rule]) -> Mapping[str, str]:
    """Return a book of files by name: `<lang>/<id>.md` for each rule, and `README.md`, `writing.md` and `reference.md`."""
    book = sorted(rules, key=lambda rule: rule.id)
    made: dict[str, str] = {}
    for lang in ("en", "ja"):
        links = {rule.id: f"{rule.id}.md" for rule in book}
        title = "Rules" if lang == "en" else "ルール一覧"
        made[f"{lang}/README.md"] = shown("\n".join([f"# {title}", "", *_table(book, lang, links)])) + "\n"
        made[f"{lang}/reference.md"] = (
            ("# Reference\n\n" if lang == "en" else "# リファレンス\n\n") + reference(lang) + "\n"
        )
        made[f"{lang}/writing.md"] = _writing(lang) + "\n"
        made |= {f"{lang}/{rule.id}.md": page(rule, lang) for rule in book}
    return made


def _writing(lang: str) -> str:
    """Return how one writes a rule."""
    name = "writing.ja.md" if lang == "ja" else "writing.md"
    return read_text(shipped("rules") / "templates" / name).strip()


def _summary(book: list[Rule]) -> str:
    fixes = [rule.fix.safety.value for rule in book if rule.fix]
    counted = ", ".join(f"{fixes.count(word)} {word}" for word in ("safe", "review", "manual"))
    return f"{len(book)} rules with {sum(len(rule.cases) for rule in book)} cases; fixes: {counted}."


def _table(book: list[Rule], lang: str, links: Mapping[str, str]) -> Iterator[str]:
    yield "| " + " | ".join(_COLUMNS[name].say(lang) for name in _COLUMNS) + " |"
    yield "|" + "---|" * len(_COLUMNS)
    for rule in book:
        title = cell(rule.title.say(lang))
        if lang == "en" and links[rule.id].startswith("#"):
            title += f"<br>{cell(rule.title.ja)}"
        nodes = ", ".join(code(node) for node in rule.subjects)
        fix = rule.fix.safety.value if rule.fix else ""
        yield f"| [{rule.id}]({links[rule.id]}) | {title} | {rule.severity.value} | {nodes} | {fix} |"
