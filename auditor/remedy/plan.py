"""Draft a plan: the edits of all failing rules composed into one new document a facet, in an order that is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from auditor.edits.compose import mended, with_documents
from auditor.errors import Refused
from auditor.kinds import KINDS, Call, Target, target_of
from auditor.model import Finding, Json, Resource, Safety, Snapshot, Text, Unread, Verdict
from auditor.remedy.change import REASONS, Change, Left, Plan, digest_of, same
from auditor.remedy.order import ORDER, ordered
from auditor.rule import Rule
from auditor.scope import NotRead, first_unread
from auditor.version import __version__

__all__ = ["ORDER", "draft"]

Thing = tuple[str, str, str]
"""Account id, kind, and ARN (or name while that is unread): one resource in AWS, whichever pipelines it serves."""

Judge = Callable[[Snapshot], Iterable[Finding]]
"""Judge a snapshot, waivers included."""

Key = tuple[Thing, str]
"""A resource and one of its facets: one document in AWS."""


@dataclass(slots=True)
class _Draft:
    """The state of drafting: snapshots as they will be, and per document what it was and who changes it."""

    snapshots: dict[str, Snapshot]
    places: Mapping[Thing, list[tuple[str, str]]]
    before: dict[Key, Json] = field(default_factory=dict)
    targets: dict[Key, Target] = field(default_factory=dict)
    by: dict[Key, list[tuple[Rule, Finding]]] = field(default_factory=dict)


def draft(
    snapshots: Iterable[Snapshot],
    findings: Iterable[Finding],
    rules: Iterable[Rule],
    *,
    safety: Safety = Safety.SAFE,
    max_changes: int | None = None,
    judge: Judge | None = None,
) -> Plan:
    """Return the plan that mends the failing findings as far as it may.

    Only findings that failed, that no waiver covers and whose fix is at most as bold as `safety` are mended; a document
    that was not read whole is never changed. Every failing finding that stays is in `left`. The same input gives the
    same changes, whatever its order. With `judge`, what fails only once these changes are made (a rule about replicas
    speaks when there are some) is mended by the same plan.
    """
    listed = tuple(snapshots)
    book = {rule.id: (rank, rule) for rank, rule in enumerate(rules)}
    state = _Draft({snapshot.pipeline.name: snapshot for snapshot in listed}, _places(listed))
    failing = [finding for finding in findings if finding.verdict is Verdict.FAIL and finding.rule in book]
    failing.sort(key=lambda finding: (book[finding.rule][0], finding.pipeline, finding.node))
    wanted: list[tuple[Rule, Finding]] = []
    left: list[Left] = []
    for finding in failing:
        rule = book[finding.rule][1]
        reason = _barred(rule, finding, safety, state)
        if reason is None:
            wanted.append((rule, finding))
        else:
            left.append(_left(finding, *reason))
    left += _compose(state, wanted)
    if judge is not None:
        _follow(state, book, failing, safety, judge)
    made = {key: _change(state, key) for key in state.by}
    changes = ordered(change for change in made.values() if change is not None)
    kept = changes if max_changes is None else changes[:max_changes]
    left += _dropped(state, made, {change.id for change in kept})
    return Plan(kept, tuple(_once(left)), _drawn_from(listed), _now(), __version__, safety)


def _places(snapshots: Iterable[Snapshot]) -> dict[Thing, list[tuple[str, str]]]:
    """Return where each resource stands: the pipelines and nodes."""
    found: dict[Thing, list[tuple[str, str]]] = {}
    for snapshot in snapshots:
        for node, resource in snapshot.resources.items():
            found.setdefault(_thing(resource), []).append((snapshot.pipeline.name, node))
    return found


def _thing(resource: Resource) -> Thing:
    return resource.node.account.id, resource.node.kind, resource.arn or resource.node.id


def _barred(rule: Rule, finding: Finding, safety: Safety, state: _Draft) -> tuple[str, Text] | None:
    """Return why a finding is not even tried, or `None`."""
    if finding.waiver is not None:
        reason = finding.waiver.reason
        return "waived", Text(f"Accepted by a waiver: {reason}", f"適用除外として受け入れ済みです: {reason}")
    if rule.fix is None:
        return "none", REASONS["none"]
    if rule.fix.safety is Safety.MANUAL:
        return "manual", rule.fix.steps or REASONS["manual"]
    if rule.fix.safety is Safety.REVIEW and safety is Safety.SAFE:
        return "review", REASONS["review"]
    return None if finding.fixable else ("unread", _unread(rule, finding, state))


def _unread(rule: Rule, finding: Finding, state: _Draft) -> Text:
    """Say which facet a fix would change and why it is not known."""
    resources = state.snapshots[finding.pipeline].resources
    for edit in rule.fix.edits if rule.fix else ():
        resource = resources.get(edit.node or finding.node)
        if resource is not None and edit.facet in resource.unread:
            return _not_known(f"{edit.node or finding.node}.{edit.facet}", resource.unread[edit.facet])
    return REASONS["unread"]


def _not_known(route: str, unread: Unread) -> Text:
    if unread.reason == "NotMapped" and isinstance(unread.detail, Text):
        return Text("{} is not known: {}", "{} を読み取れませんでした。{}").fill(route, unread.detail)
    return Text(f"{route} is not known: {unread}.", f"{route} を読み取れませんでした（{unread}）。")


def _compose(state: _Draft, wanted: list[tuple[Rule, Finding]]) -> list[Left]:
    """Make all edits, and those that need another's result after it; return what could not be made."""
    waiting, stuck = wanted, dict[int, Left]()
    while waiting:
        again: list[tuple[Rule, Finding]] = []
        for rule, finding in waiting:
            problem = _mend(state, rule, finding)
            stuck.pop(id(finding), None)
            if problem is not None:
                stuck[id(finding)] = problem
                again.append((rule, finding))
        waiting = again if len(again) < len(waiting) else []
    return list(stuck.values())


def _follow(
    state: _Draft, book: Mapping[str, tuple[int, Rule]], known: Iterable[Finding], safety: Safety, judge: Judge
) -> None:
    """Mend what fails only after the changes made so far; what cannot be mended is for the next audit to tell."""
    seen, judged = {one.fingerprint for one in known}, dict[str, Snapshot]()
    while changed := [name for name, snapshot in state.snapshots.items() if judged.get(name) is not snapshot]:
        judged |= {name: state.snapshots[name] for name in changed}
        found = [one for name in changed for one in judge(judged[name]) if one.fingerprint not in seen]
        failing = [one for one in found if one.verdict is Verdict.FAIL and one.rule in book]
        seen |= {one.fingerprint for one in failing}
        failing.sort(key=lambda one: (book[one.rule][0], one.pipeline, one.node))
        may = [one for one in failing if _barred(book[one.rule][1], one, safety, state) is None]
        _compose(state, [(book[one.rule][1], one) for one in may])


def _mend(state: _Draft, rule: Rule, finding: Finding) -> Left | None:
    snapshot = state.snapshots[finding.pipeline]
    try:
        made = mended(rule, snapshot, finding.node)
        made = {pair: after for pair, after in made.items() if not _unchanged(snapshot, pair, after)}
        keyed = {_key(snapshot, pair): (pair, after) for pair, after in made.items()}
        for key, (pair, after) in keyed.items():
            _begin(state, key, pair, finding)
            _vet(state.targets[key], pair[1], state.before[key], after)
    except NotRead as gap:
        return _left(finding, "unread", _not_known(gap.route, gap.unread))
    except Refused as refusal:
        return _left(finding, "refused", _sentence(refusal.text))
    if not made and not _credit(state, rule, finding):
        return _left(
            finding,
            "refused",
            Text(
                "The fix changes nothing here: the cause lies elsewhere.",
                "この修正では何も変わりません。原因は別の場所にあります。",
            ),
        )
    for key, (pair, after) in keyed.items():
        _spread(state, key, pair[1], after)
        state.by.setdefault(key, []).append((rule, finding))
    return None


def _unchanged(snapshot: Snapshot, pair: tuple[str, str], after: Json) -> bool:
    node, facet = pair
    resource = snapshot.resources[node]
    return same(KINDS[resource.node.kind].facets[facet], resource.facets.get(facet), after)


def _key(snapshot: Snapshot, pair: tuple[str, str]) -> Key:
    node, facet = pair
    return _thing(snapshot.resources[node]), facet


def _begin(state: _Draft, key: Key, pair: tuple[str, str], finding: Finding) -> None:
    """Note a document's state before the plan; raise `Refused` when two snapshots do not agree on it."""
    node, facet = pair
    if key in state.before:
        return
    resource = state.snapshots[finding.pipeline].resources[node]
    document = resource.facets.get(facet)
    if (hit := first_unread(document, f"{node}.{facet}")) is not None:
        raise NotRead(*hit)
    row = KINDS[resource.node.kind].facets[facet]
    for snapshot, other in _standing(state, key):
        known = snapshot.resources[other]
        if facet in known.facets and not same(row, known.facets[facet], document):
            raise Refused("Unstable", f"{node}.{facet} changed while it was read; audit again.")
    state.targets[key] = target_of(resource.node)
    state.before[key] = document


def _vet(target: Target, facet: str, before: Json, after: Json) -> None:
    """Raise `Refused` when AWS cannot be told a document."""
    if first_unread(after) is not None:
        raise Refused("CannotExpress", f"a part of {facet} was not read, so {facet} is not written.")
    _calls(target, facet, before, after)


def _calls(target: Target, facet: str, before: Json, after: Json) -> tuple[Call, ...]:
    write = KINDS[target.kind].facets[facet].write
    if write is None:
        raise Refused("CannotExpress", f"auditor does not write {facet} of a {target.kind}.")
    return write(target, before, after)


def _standing(state: _Draft, key: Key) -> list[tuple[Snapshot, str]]:
    """Return where a document stands: every snapshot and node of its resource."""
    return [(state.snapshots[pipeline], node) for pipeline, node in state.places[key[0]]]


def _spread(state: _Draft, key: Key, facet: str, after: Json) -> None:
    for snapshot, node in _standing(state, key):
        if facet in snapshot.resources[node].facets:
            name = snapshot.pipeline.name
            state.snapshots[name] = with_documents(state.snapshots[name], {(node, facet): after})


def _credit(state: _Draft, rule: Rule, finding: Finding) -> bool:
    """Note that another finding's change mends this one too, when it does."""
    snapshot = state.snapshots[finding.pipeline]
    pairs = [(edit.node or finding.node, edit.facet) for edit in rule.fix.edits] if rule.fix else []
    keys = [key for pair in pairs if pair[0] in snapshot.resources and (key := _key(snapshot, pair)) in state.by]
    for key in keys:
        state.by[key].append((rule, finding))
    return bool(keys)


def _change(state: _Draft, key: Key) -> Change | None:
    facet, target, before = key[1], state.targets[key], state.before[key]
    standing = _standing(state, key)
    snapshot, node = next((one, name) for one, name in standing if facet in one.resources[name].facets)
    after = state.snapshots[snapshot.pipeline.name].resources[node].facets[facet]
    row = KINDS[target.kind].facets[facet]
    do = _calls(target, facet, before, after)
    if same(row, before, after) or not do:
        return None
    undo, lossy = _undo(target, facet, before, after)
    makers = [rule for rule, _ in state.by[key]]
    return Change(
        target=target,
        facet=facet,
        before=before,
        after=after,
        do=do,
        undo=undo,
        safety=Safety.REVIEW if any(rule.fix and rule.fix.safety is Safety.REVIEW for rule in makers) else Safety.SAFE,
        places=tuple(sorted((one.pipeline.name, name) for one, name in standing)),
        rules=tuple(dict.fromkeys(rule.id for rule in makers)),
        cost=_joined(rule.fix.cost for rule in makers if rule.fix and rule.fix.cost),
        lossy=lossy,
    )


def _undo(target: Target, facet: str, before: Json, after: Json) -> tuple[tuple[Call, ...], Text | None]:
    """Return the calls that undo a change, and what they do not restore."""
    lossy = KINDS[target.kind].facets[facet].lossy(before, after)
    try:
        return _calls(target, facet, after, before), lossy
    except Refused as refusal:
        return (), lossy or Text("It cannot be undone: {}", "取り消せません: {}").fill(_sentence(refusal.text))


def _joined(texts: Iterable[Text | None]) -> Text | None:
    known = list(dict.fromkeys(text for text in texts if text is not None))
    return Text(" ".join(text.en for text in known), "".join(text.ja for text in known)) if known else None


def _dropped(state: _Draft, made: Mapping[Key, Change | None], kept: set[str]) -> Iterator[Left]:
    """Yield the findings whose changes are no changes to AWS, or are over the limit."""
    for key, change in made.items():
        for _, finding in state.by[key]:
            if change is None:
                sentence = Text("AWS has no call that makes this change.", "この変更を行う API がありません。")
                yield _left(finding, "refused", sentence)
            elif change.id not in kept:
                yield _left(finding, "limit", REASONS["limit"])


def _left(finding: Finding, reason: str, sentence: Text) -> Left:
    return Left(finding.rule, finding.pipeline, finding.node, reason, sentence, finding.safety)


def _once(left: Iterable[Left]) -> list[Left]:
    return sorted(dict.fromkeys(left), key=lambda one: (one.pipeline, one.rule, one.node, one.reason))


def _sentence(text: Text) -> Text:
    return Text(text.en[:1].upper() + text.en[1:], text.ja)


def _drawn_from(snapshots: Iterable[Snapshot]) -> str:
    documents: Mapping[str, Json] = {
        f"{resource.node.account.id} {resource.node.kind} {resource.node.id} {facet}": document
        for snapshot in snapshots
        for resource in snapshot.resources.values()
        for facet, document in resource.facets.items()
    }
    return digest_of(["drawn-from-v1", documents])


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
