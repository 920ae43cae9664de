"""From a rule's document, which was vetted before, to a `Rule`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.files import Document
from auditor.model import EMPTY, Json, Safety, Severity, Text, Verdict
from auditor.rule import Among, AnyCheck, Case, Check, Combined, Edit, Fix, Rule
from auditor.rulebook.routes import with_needs

MODES, QUANTIFIERS = ("any", "all", "not"), ("some", "every")
BESIDE = ("at", "default")

_JAPANESE = r"[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60]"
_FOLD = re.compile(rf"(?<={_JAPANESE}) (?={_JAPANESE})")


def rule_of(document: Document, parameters: Mapping[str, Json], pack: str) -> Rule:
    """Return the rule of a document that has no mistakes; `parameters` are the words of `intent` that it may read."""
    raw = document.value
    subject = raw["subject"]
    reading = _Reading(document)
    rule = Rule(
        id=raw["id"],
        title=text_of(raw["title"]),
        severity=Severity(raw["severity"]),
        subjects=tuple(subject) if isinstance(subject, list) else (subject,),
        tags=tuple(raw.get("tags", ())),
        why=text_of(raw["why"]),
        checks=reading.checks(raw["check"], ("check",)),
        place=document.place_of(("id",)),
        when=reading.checks(raw.get("when", ()), ("when",)),
        fix=reading.fix(raw.get("fix")),
        references=tuple(raw.get("references", ())),
        cases=tuple(reading.case(case, index) for index, case in enumerate(raw.get("tests", ()))),
        parameters=parameters,
        pack=pack,
    )
    return with_needs(rule)


def text_of(raw: Mapping[str, str]) -> Text:
    """Return a text without the blanks that a folded line of YAML leaves between Japanese characters."""
    return Text(raw["en"].strip(), _FOLD.sub("", raw["ja"].strip()))


@dataclass(frozen=True, slots=True)
class _Reading:
    document: Document

    def checks(self, raw: Json, path: tuple[str | int, ...]) -> tuple[AnyCheck, ...]:
        if not isinstance(raw, list | tuple):
            return (self.check(raw, path),)
        return tuple(self.check(item, (*path, index)) for index, item in enumerate(raw))

    def check(self, raw: Mapping[str, Json], path: tuple[str | int, ...]) -> AnyCheck:
        place = self.document.place_of(path)
        mode = next((word for word in MODES if word in raw), None)
        if mode:
            return Combined(mode, self.checks(raw[mode], (*path, mode)), place)
        if "in" in raw:
            word = next(word for word in QUANTIFIERS if word in raw)
            return Among(raw["in"], word, self.checks(raw[word], (*path, word)), place)
        word = next(word for word in raw if word not in BESIDE)
        return Check(raw.get("at", "."), word, raw[word], place, raw.get("default"), "default" in raw)

    def fix(self, raw: Json) -> Fix | None:
        if raw is None:
            return None
        return Fix(
            Safety(raw["safety"]),
            tuple(self.edit(item, ("fix", "edits", index)) for index, item in enumerate(raw.get("edits", ()))),
            text_of(raw["cost"]) if "cost" in raw else None,
            text_of(raw["steps"]) if "steps" in raw else None,
        )

    def edit(self, raw: Mapping[str, Json], path: tuple[str | int, ...]) -> Edit:
        word = next(word for word in raw if word not in {"facet", "node"})
        return Edit(raw["facet"], word, raw[word], self.document.place_of(path), raw.get("node", ""))

    def case(self, raw: Mapping[str, Json], index: int) -> Case:
        return Case(
            name=raw["name"],
            given=raw.get("given", EMPTY),
            expect=Verdict(raw["expect"]),
            place=self.document.place_of(("tests", index)),
            says=raw.get("says", ""),
            after=raw.get("after"),
            node=raw.get("node", ""),
        )
