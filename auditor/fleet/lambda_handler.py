"""The audit as an AWS Lambda function: an event says what to audit, and the answer is the summary of the run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, Mistake, PipelineError, Place, Text, UsageError
from auditor.fleet.nightly import Duties, remember, tell
from auditor.model import Finding, Json, Pipeline, Report, Severity
from auditor.render.order import worst_first
from auditor.render.totals import closing_line, exit_code, totals

if TYPE_CHECKING:
    from auditor.fleet.entries import News
    from auditor.rule import Rule

LISTED = 200
"""How many findings an answer names at most, the worst first; Lambda takes answers of up to 6 MB."""
_SPARE = 15.0
"""Seconds before Lambda's deadline at which reading ends, so that there is time to judge, record and tell."""

_LIST = {"type": "array", "items": {"type": "string"}}
_SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "required": ["pipelines"],
    "additionalProperties": False,
    "properties": {
        "pipelines": {"type": "array", "minItems": 1, "items": {"type": ["string", "object"]}},
        "rules": _LIST,
        "select": _LIST,
        "skip": _LIST,
        "fail_on": {"enum": [one.value for one in Severity]},
        "history": {"type": "string"},
        "notify": _LIST,
        "lang": {"enum": ["en", "ja"]},
    },
}


@dataclass(frozen=True, slots=True)
class _Order:
    pipelines: tuple[Json, ...]
    rules: tuple[Path, ...]
    select: tuple[str, ...]
    skip: tuple[str, ...]
    fail_on: Severity
    duties: Duties
    lang: str


def handler(event: Json, context: Any = None) -> dict[str, Json]:
    """Audit what the event names, live, and return the summary as plain JSON; `exit_code` is the command line's.

    `pipelines` (required) lists files or folders of the deployment package, pipeline files as text, or as JSON objects.
    `rules`, `select`, `skip`, `fail_on`, `history`, `notify` and `lang` are as in `auditor audit`; an address with a
    secret in it is better kept in AUDITOR_HISTORY or AUDITOR_NOTIFY than in the event. Without a history none is kept,
    for Lambda's disk does not last. What is not read shortly before the function's time ends is unknown.

    Raises `AuditorError` for an event or pipeline that cannot be used: the invocation fails, with that sentence.
    """
    from auditor.run import Settings, audit

    order = _order(event)
    order.duties.check()
    pipelines, rules = _load(order)
    report = audit(pipelines, rules, Settings(timeout=_seconds_left(context)))
    report, news, troubles = remember(report, order.duties)
    more = tell(report, news, order.duties, order.lang, order.fail_on)
    return summary(report, news, (*troubles, *more), order.fail_on, order.lang)


def summary(
    report: Report, news: News | None, troubles: Iterable[Text], fail_on: Severity, lang: str
) -> dict[str, Json]:
    """Return what a run came to as plain JSON; `changes` is `None` when there is no history to compare with.

    `findings` are those that gate or would at a lower `fail_on`, the worst first and at most 200; `left_out` counts the
    others. `troubles` are sentences about a history or message that failed.
    """
    sums = totals(report, fail_on)
    listed = worst_first(one for one in report.findings if one.gates)
    changes = {"new": news.new, "returned": news.returned, "fixed": news.fixed} if news is not None else None
    return {
        "exit_code": exit_code(report, fail_on),
        "auditor": report.version,
        "started_at": report.started_at,
        "fail_on": fail_on.value,
        "pipelines": [snapshot.pipeline.name for snapshot in report.snapshots],
        "counts": {
            name: getattr(sums, name)
            for name in (
                "declared",
                "read",
                "passed",
                "not_applicable",
                "failed",
                "unknown",
                "waived",
                "known",
                "gating",
            )
        },
        "failed_by": {severity.value: count for severity, count in sums.failed_by},
        "changes": {name: len(entries) for name, entries in changes.items()} if changes is not None else None,
        "usage": {"calls": sums.usage.calls, "retries": sums.usage.retries, "seconds": sums.usage.seconds},
        "findings": [_told(one, lang) for one in listed[:LISTED]],
        "left_out": max(len(listed) - LISTED, 0),
        "troubles": [one.say(lang) for one in troubles],
        "closing": closing_line(report, lang),
    }


def _told(finding: Finding, lang: str) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "pipeline": finding.pipeline,
        "node": finding.node,
        "resource": finding.resource.arn or finding.resource.node.id,
        "verdict": finding.verdict.value,
        "severity": finding.severity.value,
        "title": finding.title.say(lang),
        "fingerprint": finding.fingerprint,
    }


def _order(event: Json) -> _Order:
    """Return what an event asks for; raises `InputError` with every mistake in it."""
    from auditor.files import parse_json, schema_mistakes

    document = parse_json(json.dumps(event, ensure_ascii=False), "event")
    mistakes = [Mistake(Place("event"), one.sentence, one.hint) for one in schema_mistakes(document, _SCHEMA)]
    if mistakes:
        raise InputError(mistakes)
    notify = event.get("notify") or os.environ.get("AUDITOR_NOTIFY", "").split()
    return _Order(
        pipelines=tuple(event["pipelines"]),
        rules=tuple(map(Path, event.get("rules", ()))),
        select=tuple(event.get("select", ())),
        skip=tuple(event.get("skip", ())),
        fail_on=Severity(event.get("fail_on", "low")),
        duties=Duties(history=event.get("history") or os.environ.get("AUDITOR_HISTORY", ""), notify=tuple(notify)),
        lang=event.get("lang", "en"),
    )


def _load(order: _Order) -> tuple[tuple[Pipeline, ...], tuple[Rule, ...]]:
    """Return the pipelines and the rules of an order, all mistakes of the pipelines raised together."""
    from auditor.pipeline import unknown_rules
    from auditor.rulebook import load as load_rules
    from auditor.rulebook import selected

    everything = load_rules(order.rules, vet=False, with_cases=False)
    words = {name: schema for rule in everything for name, schema in rule.parameters.items()}
    pipelines: list[Pipeline] = []
    mistakes: list[Mistake] = []
    for index, given in enumerate(order.pipelines):
        try:
            pipelines += _pipelines(given, f"event pipelines[{index}]", words)
        except InputError as error:
            mistakes += error.mistakes
    mistakes += [*_twice(pipelines), *unknown_rules(pipelines, [rule.id for rule in everything])]
    if mistakes:
        raise PipelineError(mistakes)
    chosen = selected(everything, order.select, order.skip, Severity.INFO)
    if not chosen:
        raise UsageError("No rule is left to judge by.", "Loosen `select` or `skip`.")
    return tuple(pipelines), chosen


def _pipelines(given: Json, name: str, words: Mapping[str, Json]) -> Sequence[Pipeline]:
    from auditor.pipeline import load, parse

    if not isinstance(given, str):
        # JSON is YAML, so an object is read with the same strictness as a file.
        return parse(json.dumps(given, ensure_ascii=False, indent=1), name, intent=words)
    if "\n" in given:
        return parse(given, name, intent=words)
    if "://" in given:
        hint = "Put the file into the deployment package and name its path, or put its text into the event."
        raise PipelineError([Mistake(Place(name), f"{given}: pipeline files are not fetched.", hint)])
    return load([Path(given)], intent=words)


def _twice(pipelines: Iterable[Pipeline]) -> list[Mistake]:
    """Return a mistake for each pipeline whose name an earlier one has: their findings could not be told apart."""
    seen: dict[str, Place] = {}
    mistakes = []
    for one in pipelines:
        if one.name in seen:
            sentence = f"The pipeline {one.name} is declared at {seen[one.name]} already."
            mistakes.append(Mistake(one.place, sentence, "Give each pipeline a name of its own."))
        seen.setdefault(one.name, one.place)
    return mistakes


def _seconds_left(context: Any) -> float | None:
    """Return how long a run may read: until shortly before Lambda ends the function, or as long as it takes."""
    if context is None:
        return None
    return max(float(context.get_remaining_time_in_millis()) / 1000 - _SPARE, 1.0)
