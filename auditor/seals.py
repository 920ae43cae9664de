"""Digests that seal a run: what was read, what was declared, what was judged by, and what was found.

None of them depends on a time, a language, a machine, or on the order in which files, rules, pipelines or keys come.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from auditor.errors import Place
from auditor.model import Evidence, Finding, Json, Pipeline, Seal, Snapshot, Unread
from auditor.render.order import clean, jsonable
from auditor.rule import Rule

_NAMED = ("Arn", "Name")
"""Attributes of a resource that a plan or template may tell; the others are declared."""


class Sealing:
    """Seals a run while it goes on: of each pipeline three digests are kept, whatever was read of it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = rules_digest(rules)
        self._snapshots: dict[str, bytes] = {}
        self._pipelines: dict[str, bytes] = {}
        self._findings: dict[str, bytes] = {}

    def take(self, snapshot: Snapshot, findings: Iterable[Finding]) -> None:
        """Seal what was read of a pipeline, what it declares, and what was found."""
        name = snapshot.pipeline.name
        self._snapshots[name] = _read(snapshot.saved or snapshot)
        self._pipelines[name] = _declared(snapshot.pipeline)
        self._findings[name] = _found(findings)

    def seal(self) -> Seal:
        """Return the seal over all that was taken."""
        parts = ("snapshot", self._snapshots), ("pipelines", self._pipelines), ("report", self._findings)
        snapshot, pipelines, report = (_over(name, digests) for name, digests in parts)
        return sealed(snapshot, pipelines, self._rules, report)


def sealed(snapshot: str, pipelines: str, rules: str, report: str) -> Seal:
    """Return the seal over four digests."""
    whole = _hash(f"seal-v1\0{snapshot}\0{pipelines}\0{rules}\0{report}").hex()
    return Seal(snapshot, pipelines, rules, report, f"sha256:{whole}")


def snapshot_digest(snapshots: Iterable[Snapshot]) -> str:
    """Return the digest of what was read, the same that `Sealing` gives to an audit of it."""
    return _over("snapshot", {one.pipeline.name: _read(one) for one in snapshots})


def rules_digest(rules: Iterable[Rule]) -> str:
    """Return the digest of rules: all that they say but their cases, with the parameters that their packs set."""
    return _over("rules", {rule.id: _hash(_canonical(rule)[0]) for rule in rules})


def report_digest(document: Mapping[str, Json]) -> str:
    """Return the digest of the findings of a report-v1 document, the same that `Sealing` gives to them."""
    found: dict[str, list[Mapping[str, Json]]] = {one["name"]: [] for one in document["pipelines"]}
    for one in document["findings"]:
        found.setdefault(one["pipeline"], []).append(one)
    return _over("report", {name: _told(listed) for name, listed in found.items()})


def _over(what: str, digests: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256(f"{what}-seal-v1\0".encode())
    for name in sorted(digests):
        whole.update(_hash(clean(name)) + digests[name])
    return "sha256:" + whole.hexdigest()


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _read(snapshot: Snapshot) -> bytes:
    """Return the digest of what a source said of a pipeline's resources, and of what it did not say and why."""
    text, unread = _canonical(
        [
            [
                name,
                *(one.node.kind, one.node.account.id, one.node.account.region, one.node.id),
                one.facets,
                {facet: [why.reason, why.permission] for facet, why in one.unread.items()},
                [one.attributes.get(word) for word in _NAMED],
            ]
            for name, one in sorted(snapshot.resources.items())
        ]
    )
    return _hash(f"{unread}\0{text}")


def _declared(pipeline: Pipeline) -> bytes:
    nodes = {
        name: [node.kind, node.account.id, node.account.region, node.id, node.settings, node.addresses]
        for name, node in pipeline.nodes.items()
    }
    return _hash(_canonical([nodes, pipeline.intent])[0])


def _canonical(value: Any) -> tuple[str, int]:
    """Return the one JSON text of a value, and how many parts of it are unread, which a document can only look like."""
    unread = 0

    def plain(part: Any) -> Any:
        nonlocal unread
        if isinstance(part, Unread):
            unread += 1
            return {"unread": [part.reason, part.permission]}
        if isinstance(part, Mapping):
            return dict(part)
        if isinstance(part, frozenset | set):
            return sorted(part)
        if isinstance(part, Enum):
            return part.value
        if is_dataclass(part):
            said = ((each.name, getattr(part, each.name)) for each in fields(part) if each.name != "cases")
            return {name: one for name, one in said if not isinstance(one, Place)}
        return str(part)

    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain), unread
    except TypeError:
        # Keys of several types have no order: a template may number what AWS names.
        unread = 0
        return json.dumps(_with_words(value), sort_keys=True, separators=(",", ":"), default=plain), unread


def _with_words(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _with_words(part) for key, part in value.items()}
    return [_with_words(part) for part in value] if isinstance(value, list | tuple) else value


def _found(findings: Iterable[Finding]) -> bytes:
    """Return the digest of findings without their words, places and waivers, and whatever a baseline knew of them."""
    nodes, lines = {}, []
    for one in findings:
        node = one.resource.node
        if one.node not in nodes:
            where = (clean(node.id), node.account.id, clean(node.account.region), clean(one.resource.arn))
            nodes[one.node] = _text([clean(one.node), node.kind, *where])
        evidence = _sorted(map(_evidence, one.evidence)) if one.evidence else "[]"
        safety = one.safety.value if one.safety else None
        lines.append(_line(one.rule, one.node, one.verdict.value, one.severity.value, safety, one.fixable) + evidence)
    return _hash("\n".join([*sorted(nodes.values()), *sorted(lines)]))


def _told(findings: Iterable[Mapping[str, Json]]) -> bytes:
    """Return the digest of findings as report-v1 has them: the same as `_found`."""
    nodes, lines = {}, []
    for one in findings:
        at, fix = one["resource"], one["fix"]
        where = (at["kind"], at["id"], at["account"], at["region"], at["arn"])
        nodes[one["node"]] = _text([one["node"], *where])
        evidence = _sorted(
            _text([each["route"], each["key"], _bare(each["wanted"]), _bare(each["found"]), _bare(each["unread"])])
            for each in one["evidence"]
        )
        said = (one["verdict"], one["severity"], fix["safety"], fix["available"])
        lines.append(_line(one["rule"], one["node"], *said) + evidence)
    return _hash("\n".join([*sorted(nodes.values()), *sorted(lines)]))


@lru_cache(maxsize=1024)
def _line(rule: str, node: str, verdict: str, severity: str, safety: str | None, fixable: bool) -> str:
    return _text([clean(rule), clean(node), verdict, severity, safety, fixable])


def _evidence(one: Evidence) -> str:
    unread = {"reason": clean(one.unread.reason), "permission": clean(one.unread.permission)} if one.unread else None
    said = (_bare(jsonable(one.wanted)), _bare(jsonable(one.found)))
    return _text([clean(one.route), clean(one.key), *said, unread])


def _sorted(texts: Iterable[str]) -> str:
    return "[" + ",".join(sorted(texts)) + "]"


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


_REASON = {"reason", "permission", "detail"}


def _bare(value: Json) -> Json:
    """Return a value of a report without what was said in words about the parts that could not be read."""
    if isinstance(value, dict):
        if value.keys() == _REASON:
            return {"reason": value["reason"], "permission": value["permission"]}
        return {name: _bare(part) for name, part in value.items()}
    return [_bare(part) for part in value] if isinstance(value, list) else value
