"""What is accepted for now: waivers with an owner and a last day, and the baseline of what a gate already knew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from auditor.errors import InputError, Place
from auditor.files import load_json, schema_mistakes, shipped, write_atomic
from auditor.model import Evidence, Finding, Json, Notice, Pipeline, Severity, Text, Verdict, Waiver

SOON = timedelta(days=14)
"""How long before its last day a waiver is announced to end."""

_OPEN = frozenset({Verdict.FAIL, Verdict.UNKNOWN})


def apply(
    findings: Iterable[Finding], pipelines: Iterable[Pipeline], today: date
) -> tuple[tuple[Finding, ...], tuple[Notice, ...]]:
    """Return the findings with the waivers that cover them, and what is to be said about the waivers themselves.

    A waiver speaks for the pipeline that declares it. Every field it gives must match, and `only_while` must equal what
    the evidence found. A waived finding keeps its verdict. A waiver is good up to and including its last day; one that
    has ended, no longer holds, is not needed or ends within 14 days is named in a notice.
    """
    waiving = Waiving(pipelines, today)
    return waiving.apply(findings), waiving.notices()


class Waiving:
    """Waivers applied to one part of a run's findings after the other, and what is to be said of them in the end."""

    def __init__(self, pipelines: Iterable[Pipeline], today: date) -> None:
        self._today = today
        self._declared = _declared(pipelines)
        self._good = [(waiver, names) for waiver, names in self._declared if waiver.until >= today]
        self._named: list[Finding] = []
        self._rules: set[str] = set()

    def apply(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings with the waivers that cover them."""
        listed = tuple(findings)
        if not self._declared:
            return listed
        self._rules.update(one.rule for one in listed)
        self._named += [
            one
            for one in listed
            if any(one.pipeline in names and _names(waiver, one) for waiver, names in self._declared)
        ]
        return tuple(_waive(finding, self._good) for finding in listed)

    def notices(self) -> tuple[Notice, ...]:
        """Return what is to be said about the waivers, now that all findings have been seen."""
        return tuple(
            notice
            for waiver, names in self._declared
            for notice in _notices(waiver, names, self._named, self._rules, self._today)
        )


def covers(waiver: Waiver, finding: Finding) -> bool:
    """Tell whether a waiver accepts this failure, whatever the day; what is unknown nobody has accepted."""
    return finding.verdict is Verdict.FAIL and _names(waiver, finding) and _holds(waiver.only_while, finding.evidence)


def _declared(pipelines: Iterable[Pipeline]) -> list[tuple[Waiver, frozenset[str]]]:
    """Return each waiver once, with the names of the pipelines that declare it."""
    found: dict[str, tuple[Waiver, set[str]]] = {}
    for pipeline in pipelines:
        for waiver in pipeline.waivers:
            found.setdefault(repr(waiver), (waiver, set()))[1].add(pipeline.name)
    return [(waiver, frozenset(names)) for waiver, names in found.values()]


def _waive(finding: Finding, waivers: Sequence[tuple[Waiver, frozenset[str]]]) -> Finding:
    fitting = [waiver for waiver, names in waivers if finding.pipeline in names and covers(waiver, finding)]
    return replace(finding, waiver=max(fitting, key=lambda one: one.until)) if fitting else finding


def _names(waiver: Waiver, finding: Finding) -> bool:
    pairs = (
        (waiver.rule, finding.rule),
        (waiver.pipeline, finding.pipeline),
        (waiver.node, finding.node),
        (waiver.fingerprint, finding.fingerprint if waiver.fingerprint else ""),
    )
    given = [(wanted, found) for wanted, found in pairs if wanted is not None]
    return bool(given) and all(wanted == found for wanted, found in given)


def _holds(accepted: Json, evidence: Iterable[Evidence]) -> bool:
    """Tell whether all the evidence is what was accepted: a value for each route, or one value for all of it.

    A route may leave out its node and its list indices (`Replication.Rules[].Status`). Evidence at a route that is not
    named, and a value that could not be read, are not what was accepted.
    """
    if accepted is None:
        return True
    return all(one.unread is None and _canonical(one.found) in _accepted_at(one.route, accepted) for one in evidence)


def _accepted_at(route: str, accepted: Json) -> set[str]:
    if not isinstance(accepted, Mapping):
        return {_canonical(accepted)}
    bare = re.sub(r"\[\d+\]", "[]", route)
    spellings = {route, bare, route.partition(".")[2], bare.partition(".")[2]}
    return {_canonical(value) for key, value in accepted.items() if key in spellings}


def _canonical(value: Json) -> str:
    """Return a value as text that does not depend on the order of keys or of lists, which AWS does not keep."""
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{json.dumps(str(key))}:{_canonical(part)}" for key, part in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(sorted(_canonical(part) for part in value)) + "]"
    return json.dumps(value, default=str)


def _notices(
    waiver: Waiver, names: frozenset[str], findings: Sequence[Finding], rules: AbstractSet[str], today: date
) -> Iterator[Notice]:
    mine = [one for one in findings if one.pipeline in names and _names(waiver, one)]
    failing = [one for one in mine if one.verdict is Verdict.FAIL]
    unread = any(one.verdict is Verdict.UNKNOWN for one in mine)
    covered = [one for one in failing if _holds(waiver.only_while, one.evidence)]
    day, what = waiver.until.isoformat(), _called(waiver)
    if failing and waiver.until < today:
        text = Text(
            f"The waiver for {what} ended on {day}; what it accepted counts again ({len(failing)}).",
            f"{what} の適用除外は {day} に終了しました。対象の指摘は再び集計されます（{len(failing)} 件）。",
        )
        yield Notice("waiver-expired", text, waiver.place, Severity.MEDIUM)
    elif failing and len(covered) < len(failing):
        text = Text(
            f"The waiver for {what} no longer holds: what was found is not what it accepted.",
            f"{what} の適用除外は無効になりました。実際の値が、除外時に受け入れた値と異なります。",
        )
        yield Notice("waiver-void", text, waiver.place, Severity.MEDIUM)
    elif covered and waiver.until - today <= SOON:
        left = (waiver.until - today).days
        text = Text(
            f"The waiver for {what} ends on {day} (days left: {left}); {waiver.owner} answers for it.",
            f"{what} の適用除外は {day} に終了します（残り {left} 日、担当: {waiver.owner}）。",
        )
        yield Notice("waiver-ends-soon", text, waiver.place, Severity.LOW)
    if not failing and not unread and _was_judged(waiver, mine, rules):
        text = Text(
            f"The waiver for {what} is not needed: nothing that it names fails. Remove it.",
            f"{what} の適用除外は不要です。該当する不合格がありません。削除してください。",
        )
        yield Notice("waiver-unused", text, waiver.place, Severity.LOW)


def _was_judged(waiver: Waiver, mine: Sequence[Finding], rules: AbstractSet[str]) -> bool:
    """Tell whether this run could have needed the waiver: a rule that was not selected says nothing about it."""
    return bool(mine) or waiver.rule is None or waiver.rule in rules


def _called(waiver: Waiver) -> str:
    parts = (waiver.rule, waiver.pipeline, waiver.node, waiver.fingerprint)
    return " / ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Known:
    """One finding as a baseline keeps it; `keys` are what exactly was wrong, without list indices."""

    rule: str
    pipeline: str
    node: str
    verdict: Verdict
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The failures that a gate already knew, by fingerprint; only what is new gates, and what is unknown always does."""

    known: Mapping[str, Known]
    file: str = ""

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Return the baseline of a baseline-v1 file; raises `InputError` with every mistake in it."""
        document = load_json(path)
        schema = load_json(shipped("reports") / "schemas" / "baseline-v1.json", places=False)
        mistakes = schema_mistakes(document, schema.value)
        if mistakes:
            raise InputError(mistakes)
        return cls({row["fingerprint"]: _known(row) for row in document.value["findings"]}, str(path))

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Baseline:
        """Return the baseline that knows everything that fails now and that no waiver accepts."""
        wanted = (one for one in findings if one.verdict is Verdict.FAIL and one.waiver is None)
        return cls(
            {
                one.fingerprint: Known(one.rule, one.pipeline, one.node, one.verdict, frozenset(one.keys))
                for one in wanted
            }
        )

    def apply(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Notice, ...]]:
        """Return the findings with those marked `known` of which the baseline has all, and what is to be said about it.

        A known finding with a further key is new, and so is an unknown that now fails or a failure that is now unknown.
        """
        holding = Holding(self)
        return holding.apply(findings), holding.notices()

    def prune(self, findings: Iterable[Finding]) -> Baseline:
        """Return the baseline without what no longer fails; nothing is added, and what was not judged now is kept.

        A failure that could not be read this time is kept too: unknown is not mended.
        """
        listed = tuple(findings)
        gone = self._gone(listed)
        now = {one.fingerprint: one for one in listed if one.verdict is Verdict.FAIL}
        kept = {
            fingerprint: replace(entry, keys=entry.keys & set(now[fingerprint].keys)) if fingerprint in now else entry
            for fingerprint, entry in self.known.items()
            if fingerprint not in gone
        }
        return replace(self, known={fingerprint: entry for fingerprint, entry in kept.items() if entry.keys})

    def text(self) -> str:
        """Return the baseline-v1 file: sorted, so that equal baselines are equal bytes."""
        rows = [
            {
                "fingerprint": fingerprint,
                "rule": entry.rule,
                "pipeline": entry.pipeline,
                "node": entry.node,
                "verdict": entry.verdict.value,
                "keys": sorted(entry.keys),
            }
            for fingerprint, entry in sorted(self.known.items(), key=lambda pair: (_order(pair[1]), pair[0]))
        ]
        return json.dumps({"version": "baseline-v1", "findings": rows}, ensure_ascii=False, indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write the baseline-v1 file whole or not at all; raises `UsageError`."""
        write_atomic(path, self.text(), mode=0o644)

    def has(self, finding: Finding) -> bool:
        """Tell whether a failure, and all that is wrong in it, was known."""
        entry = self.known.get(finding.fingerprint)
        if entry is None or finding.waiver is not None or finding.verdict is not Verdict.FAIL:
            return False
        return finding.verdict is entry.verdict and set(finding.keys) <= entry.keys

    def grown(self, findings: Iterable[Finding]) -> Iterator[Notice]:
        """Yield what is in the baseline, and has become worse."""
        for one in findings:
            entry = self.known.get(one.fingerprint)
            if entry is None or one.waiver is not None or one.verdict not in _OPEN or self.has(one):
                continue
            more = ", ".join(sorted(set(one.keys) - entry.keys)) or one.verdict.value
            what = f"{one.rule} / {one.pipeline} / {one.node}"
            text = Text(
                f"{what} is in the baseline, but more is wrong now: {more}.",
                f"{what} はベースラインに既出ですが、新たな問題があります: {more}",
            )
            yield Notice("baseline-grown", text, Place(self.file), Severity.MEDIUM)

    def _gone(self, findings: Sequence[Finding]) -> frozenset[str]:
        """Return the fingerprints that this run judged and found in order, or unread before and failed now."""
        return self.gone(
            {(one.rule, one.pipeline) for one in findings}, {one.fingerprint: one.verdict for one in findings}
        )

    def gone(self, judged: AbstractSet[tuple[str, str]], now: Mapping[str, Verdict]) -> frozenset[str]:
        """Return the fingerprints that no longer fail, by the (rule, pipeline) pairs judged and the verdicts now."""
        return frozenset(
            fingerprint
            for fingerprint, entry in self.known.items()
            if (
                now[fingerprint] not in {entry.verdict, Verdict.UNKNOWN}
                if fingerprint in now
                else _pair(entry) in judged
            )
        )

    def fixed(self, gone: int) -> Iterator[Notice]:
        """Yield that so many findings of the baseline are gone."""
        if gone:
            text = Text(
                f"Findings of the baseline that no longer fail: {gone}. Prune it, so that they cannot come back.",
                f"ベースラインのうち {gone} 件は解消済みです。再発を見逃さないよう、prune で削除してください。",
            )
            yield Notice("baseline-fixed", text, Place(self.file), Severity.LOW)


class Holding:
    """A baseline held against one part of a run's findings after the other."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._pairs = {_pair(entry) for entry in baseline.known.values()}
        self._judged: set[tuple[str, str]] = set()
        self._now: dict[str, Verdict] = {}
        self._grown: list[Notice] = []

    def apply(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings with those marked `known` of which the baseline has all."""
        listed = tuple(findings)
        theirs = [one for one in listed if (one.rule, one.pipeline) in self._pairs]
        self._judged.update((one.rule, one.pipeline) for one in theirs)
        self._now.update((one.fingerprint, one.verdict) for one in listed if one.fingerprint in self._baseline.known)
        self._grown += self._baseline.grown(listed)
        return tuple(replace(one, known=True) if self._baseline.has(one) else one for one in listed)

    def notices(self) -> tuple[Notice, ...]:
        """Return what is to be said about the baseline, now that all findings have been seen."""
        gone = self._baseline.gone(self._judged, self._now)
        return (*self._grown, *self._baseline.fixed(len(gone)))


def _known(row: Mapping[str, Any]) -> Known:
    return Known(row["rule"], row["pipeline"], row["node"], Verdict(row["verdict"]), frozenset(row["keys"]))


def _pair(entry: Known) -> tuple[str, str]:
    return entry.rule, entry.pipeline


def _order(entry: Known) -> tuple[str, str, str]:
    return entry.pipeline, entry.rule, entry.node
