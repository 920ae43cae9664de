"""Run the cases beside a rule, and the three laws of its fix, without AWS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.edits.compose import mended, with_documents
from auditor.engine import judge
from auditor.errors import Refused
from auditor.kinds import KINDS, resource, target_of
from auditor.model import NODES, Account, Finding, Json, Node, Pipeline, Resource, Safety, Snapshot, Unread, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Case, Rule
from auditor.scope import NotRead, first_unread

_ACCOUNTS = {
    "production": Account("production", "111122223333", "ap-northeast-1"),
    "analytics": Account("analytics", "444455556666", "ap-northeast-1"),
}
_STANDARD: Mapping[str, tuple[str, str]] = {
    "table": ("production", "my-table"),
    "exporter": ("production", "export-job"),
    "source_bucket": ("production", "orders-export"),
    "consumer": ("production", "on-export"),
    "replication_role": ("production", "replication-source-role"),
    "destination_bucket": ("analytics", "orders-analytics"),
    "source_key": ("production", "11111111-2222-3333-4444-555555555555"),
    "destination_key": ("analytics", "66666666-7777-8888-9999-000000000000"),
    "catalog_table": ("analytics", "exports/orders"),
}
_OPTIONAL = frozenset({"source_key", "destination_key", "catalog_table"})
_PREFIX = "exports/"
_NODE_WORDS = frozenset({"name", "kind", "account", "prefix", "region", "absent", "unread"})
_CASE_WORDS = frozenset({"intent", "taken_at", "known_accounts"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not hold, or a law that a fix broke."""

    rule: Rule
    case: Case
    sentence: str

    def __str__(self) -> str:
        return f"{self.case.place}: {self.rule.id}, case “{self.case.name}”: {self.sentence}"


def failures(rule: Rule) -> Iterator[Failure]:
    """Yield what is wrong with a rule's cases: the verdict, the evidence, an invented field, a law of fixes broken."""
    for case in rule.cases:
        yield from (Failure(rule, case, sentence) for sentence in _failures(rule, case))


def snapshot_of(case: Case) -> Snapshot:
    """Return the snapshot that a case describes: the standard pipeline, what `given` says, and everything else unread."""
    given = {node: facets for node, facets in case.given.items() if node in NODES}
    names = [name for name in _STANDARD if name in given or name not in _OPTIONAL]
    resources = {
        name: _resource(name, given.get(name) or {}) for name in names if not (given.get(name) or {}).get("absent")
    }
    nodes = {name: known.node for name, known in resources.items()}
    pipeline = Pipeline("case", nodes, _ACCOUNTS, case.given.get("intent") or {}, (), case.place)
    return Snapshot(pipeline, resources, "case", case.given.get("taken_at", "2026-01-15T00:00:00Z"))


def subject_of(case: Case, rule: Rule) -> str:
    """Return the node that a case judges: the one it names, else the first subject it gives, else the rule's first."""
    return case.node or next((node for node in rule.subjects if node in case.given), rule.subjects[0])


def verdict_of(case: Case, rule: Rule) -> Finding | None:
    """Return the finding that a case leads to; `None` when a node that the rule needs is absent."""
    snapshot, node = snapshot_of(case), subject_of(case, rule)
    if node not in snapshot.resources or any(other not in snapshot.resources for other in rule.required):
        return None
    return judge(rule, node, snapshot, PREDICATES)


def _resource(name: str, given: Mapping[str, Json]) -> Resource:
    account, identity = _STANDARD[name]
    settings = {"prefix": given.get("prefix", _PREFIX)} if name.endswith("_bucket") else {}
    if "region" in given:
        settings["region"] = given["region"]
    node = Node(
        name,
        given.get("kind", NODES[name][0]),
        _ACCOUNTS[given.get("account", account)],
        given.get("name", identity),
        settings,
    )
    kind = KINDS[node.kind]
    facets = {key: _opened(value) for key, value in given.items() if key not in _NODE_WORDS and key in kind.facets}
    facets |= {facet: document for facet, document in _told(node).items() if facet not in facets}
    reasons = given.get("unread") or {}
    unread = {facet: Unread(reason, _permission(node, facet)) for facet, reason in reasons.items()}
    facets = {facet: document for facet, document in facets.items() if facet not in unread}
    made = resource(node, facets, unread)
    invented = {key: value for key, value in given.items() if key not in _NODE_WORDS and key not in kind.facets}
    return replace(made, attributes={**made.attributes, **invented})


def _told(node: Node) -> Mapping[str, Json]:
    """Return the facets that only carry an identity, so that a case need not repeat it."""
    if node.kind == "iam.role":
        path, _, name = node.id.rpartition("/")
        arn = f"arn:aws:iam::{node.account.id}:role/{node.id}"
        return {"Role": {"Arn": arn, "Path": f"/{path}/" if path else "/", "RoleName": name}}
    if node.kind == "s3.bucket":
        return {"Location": {"Region": node.settings.get("region", node.account.region)}}
    if node.kind == "kms.key":
        arn = f"arn:aws:kms:{node.account.region}:{node.account.id}:key/{node.id}"
        return {"Description": {"Arn": arn, "KeyId": node.id, "KeyState": "Enabled", "KeyManager": "CUSTOMER"}}
    return {}


def _opened(value: Json) -> Json:
    """Turn `{unread: reason}` anywhere inside a given document into an unread part."""
    if isinstance(value, Mapping):
        if set(value) == {"unread"} and isinstance(value["unread"], str):
            return Unread(value["unread"])
        return {key: _opened(part) for key, part in value.items()}
    return [_opened(part) for part in value] if isinstance(value, list) else value


def _permission(node: Node, facet: str) -> str:
    row = KINDS[node.kind].facets.get(facet)
    return row.permissions[0] if row and row.permissions else ""


def _failures(rule: Rule, case: Case) -> Iterator[str]:
    yield from _invented(case)
    finding = verdict_of(case, rule)
    verdict = finding.verdict if finding else Verdict.NOT_APPLICABLE
    if verdict is not case.expect:
        shown = "; ".join(f"{e.route}: wanted {e.wanted}, found {e.found}" for e in finding.evidence) if finding else ""
        yield f"expected {case.expect.value}, judged {verdict.value}{shown and f' ({shown})'}"
        return
    if case.says and finding and not any(case.says in _said(finding, index) for index in range(len(finding.evidence))):
        yield f"no evidence says “{case.says}”: " + "; ".join(
            _said(finding, index) for index in range(len(finding.evidence))
        )
    if verdict is Verdict.FAIL and rule.fix and rule.fix.safety is not Safety.MANUAL:
        yield from _laws(rule, case)


def _said(finding: Finding, index: int) -> str:
    one = finding.evidence[index]
    notes = f"{one.note.en} {one.note.ja}" if one.note else ""
    return f"{one.route} {one.wanted} {one.found} {one.key} {one.unread or ''} {notes}"


def _invented(case: Case) -> Iterator[str]:
    from auditor.kinds import shapes

    for name, given in case.given.items():
        if name in NODES:
            kind = (given or {}).get("kind", NODES[name][0])
            for facet, document in (given or {}).items():
                if facet in _NODE_WORDS:
                    continue
                if facet not in KINDS[kind].facets:
                    if facet not in {"Arn", "Name", "Account", "Region", "Prefix", "ExportPrefix"}:
                        yield f"{name} has no facet {facet}"
                elif document is not None and (problem := shapes.document_problem(kind, facet, _opened(document))):
                    yield f"{name}.{facet}: {problem}"
        elif name not in _CASE_WORDS:
            yield f"there is no node {name}"


def _laws(rule: Rule, case: Case) -> Iterator[str]:
    """Yield which law a fix breaks: fixed means pass, twice changes nothing, undo restores or the loss was declared."""
    snapshot, node = snapshot_of(case), subject_of(case, rule)
    try:
        changed = mended(rule, snapshot, node)
    except Refused as refusal:
        if refusal.reason not in {"Manual", "TooLarge", "WouldOverlap", "CannotExpress"}:
            yield f"the fix stops with {refusal.reason}: {refusal}"
        return
    except NotRead:
        return  # nothing is written on the strength of what could not be read
    if any(first_unread(document) for document in changed.values()):
        return  # nor is a document that is known in part only
    fixed = with_documents(snapshot, changed)
    again = judge(rule, node, fixed, PREDICATES)
    if again.verdict is not Verdict.PASS:
        said = "; ".join(_said(again, index) for index in range(len(again.evidence)))
        yield f"law 1, fixed means pass: after the fix it is {again.verdict.value}: {said}"
    if mended(rule, fixed, node):
        yield "law 2, fixing twice changes nothing: the second fix changes the document again"
    yield from _pinned(case, changed)
    yield from _undo(snapshot, changed)


def _pinned(case: Case, changed: Mapping[tuple[str, str], Json]) -> Iterator[str]:
    for node, facets in (case.after or {}).items():
        for facet, wanted in facets.items():
            if changed.get((node, facet)) != wanted:
                yield f"after the fix {node}.{facet} is {changed.get((node, facet))}, and the case pins {wanted}"


def _undo(snapshot: Snapshot, changed: Mapping[tuple[str, str], Json]) -> Iterator[str]:
    from auditor.kinds import shapes

    for (node, facet), document in changed.items():
        known = snapshot.resources[node]
        row = KINDS[known.node.kind].facets[facet]
        before = known.facets.get(facet)
        if row.write is None:
            yield f"{node}.{facet} cannot be written at all"
            continue
        target = target_of(known.node)
        calls = [*row.write(target, before, document)]
        undo = row.write(target, document, before)
        if not calls:
            yield f"{node}.{facet}: no call makes this change"
        if not undo and row.lossy(before, document) is None:
            yield f"law 3, undo: nothing undoes the change of {node}.{facet}, and no loss is declared"
        for call in (*calls, *undo):
            if problem := shapes.call_problem(call):
                yield f"{call.operation}: {problem}"


def run(rules: Iterable[Rule]) -> tuple[int, tuple[Failure, ...]]:
    """Return how many cases were run, and all failures."""
    listed = tuple(rules)
    return sum(len(rule.cases) for rule in listed), tuple(bad for rule in listed for bad in failures(rule))
