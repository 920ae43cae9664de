"""Predicates about a replication configuration: replicates, copies_as, ends_replication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.model import Evidence, Json, Resource, Text, Unread
from auditor.predicates.exports import (
    Maybe,
    all_of,
    each_admitted,
    export_keys,
    gap,
    miss,
    narrowed,
    options,
    rule_prefix,
    same,
    similar,
)
from auditor.predicates.words import A_PREFIX_OF, ALL_OF, DID_YOU_MEAN, RULE_TO, RULE_TO_FOR, WINNER
from auditor.scope import Found, Predicate, Scope, object_to, steps, unknown_at, walk

_RELEVANT = ("Status", "Destination.Bucket", "Filter", "Prefix", "Priority")


_SCHEMA = Text("a V{} rule", "V{} 形式のルール")
_SECOND_SCHEMA = Text(
    "a Filter, and DeleteMarkerReplication Disabled", "Filter があり、DeleteMarkerReplication が Disabled であること"
)
_NO_FURTHER = Text("no rule that should carry the replicas on", "レプリカをさらに転送しようとするルールがないこと")


@dataclass(frozen=True, slots=True)
class Standing:
    """A replication rule, where it stands, and whether it is Enabled and aims at the bucket in question."""

    rule: Json
    route: str
    aimed: Maybe

    @property
    def priority(self) -> float | Unread:
        """Return the rule's priority; V1 rules have none and may not overlap."""
        found = walk(self.rule, ("Priority",))
        return found if isinstance(found, Unread) else float(found or 0)

    def at(self, route: str) -> Found:
        """Return what stands at a route inside the rule."""
        return Found(walk(self.rule, steps(route)), f"{self.route}.{route}")

    @property
    def gap(self) -> tuple[str, Unread]:
        """Return where and why the rule is not known."""
        return gap(self.rule, self.route, *_RELEVANT)


@dataclass(frozen=True, slots=True)
class Contest:
    """The rules that decide what happens to the exports on their way to a bucket, and those not known that might."""

    winners: tuple[Standing, ...]
    doubts: tuple[Standing, ...]


def standings(found: Found, to: Json) -> tuple[Standing, ...]:
    """Return the rules of a replication configuration with their aim.

    A list that is unread stands as one unknown rule.
    """
    rules = walk(found.value, ("Rules",))
    if isinstance(rules, Unread):
        return (Standing(rules, f"{found.route}.Rules", rules),)
    listed = rules if isinstance(rules, list | tuple) else []
    return tuple(Standing(rule, f"{found.route}.Rules[{index}]", _aimed(rule, to)) for index, rule in enumerate(listed))


def _aimed(rule: Json, to: Json) -> Maybe:
    if isinstance(rule, Unread):
        return rule
    return all_of((same(walk(rule, ("Status",)), "Enabled"), same(walk(rule, ("Destination", "Bucket")), to)))


def contest(rules: Iterable[Standing], prefix: str) -> Contest:
    """Return who wins the exports under a prefix.

    Of several enabled rules that overlap and share a destination the highest Priority wins; rules for parts of the
    prefix win it together when each object has one (S3UG replication-add-config).
    """
    mine = [one for one in rules if one.aimed is not False]
    keys = export_keys(prefix)
    reach = [(one, [all_of((one.aimed, admitted)) for admitted in each_admitted(one.rule, keys)]) for one in mine]
    whole = [one for one, verdicts in reach if all_of(verdicts) is True]
    doubts = [one for one, verdicts in reach if isinstance(all_of(verdicts), Unread)]
    if whole:
        best = max(whole, key=rank_of)
        rivals = (one for one in doubts if isinstance(one.priority, Unread) or one.priority >= rank_of(best))
        unsure = (one for one in whole if isinstance(one.priority, Unread) or isinstance(best.priority, Unread))
        return Contest((best,), tuple(one for one in (*rivals, *unsure) if one is not best))
    if doubts:
        return Contest((), tuple(doubts))
    takers = [[one for one, verdicts in reach if verdicts[index] is True] for index in range(len(keys))]
    if not all(takers):
        return Contest((), ())
    return Contest(tuple({one.route: one for some in takers for one in [max(some, key=rank_of)]}.values()), ())


def rank_of(one: Standing) -> float:
    """Return a number that orders rules by priority; -1 when it is unread."""
    return -1.0 if isinstance(one.priority, Unread) else one.priority


def winners(found: Found, to: Json, prefix: str, scope: Scope) -> Contest:
    """Return who wins the exports under a prefix on their way to a bucket; worked out once for all rules."""
    key = ("winners", found.route, str(to), prefix)
    return scope.once(found.value, key, lambda: contest(standings(found, to), prefix))


def _rule_asked(wanted: Json) -> Text:
    to, prefix = options(wanted, "to", "prefix")
    return RULE_TO.fill(to) if prefix is None else RULE_TO_FOR.fill(to, prefix)


def _replicates(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, prefix = options(wanted, "to", "prefix")
    rules = standings(found, to)
    aims = [one.aimed for one in rules]
    if prefix is None and True in aims:
        return ()
    doubtful = next((one for one in rules if isinstance(one.aimed, Unread)), None)
    if True not in aims:
        if doubtful is not None:
            return (unknown_at(*doubtful.gap, RULE_TO.fill(to), scope),)
        return tuple(_nobody(found, rules, to, scope))
    drawn = winners(found, to, prefix, scope)
    if not drawn.winners:
        if drawn.doubts:
            return (unknown_at(*drawn.doubts[0].gap, RULE_TO_FOR.fill(to, prefix), scope),)
        return tuple(_misses((one for one in rules if one.aimed is True), prefix, scope))
    return _judged(drawn, wanted, scope)


def _judged(drawn: Contest, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    """Judge the winners by what is asked of them.

    A rule that might win instead counts where it would change the verdict.
    """
    objections = [one for winner in drawn.winners for one in _wishes(winner, wanted, scope)]
    proven = [one for one in objections if one.unread is None]
    for rival in drawn.doubts:
        others = list(_wishes(rival, wanted, scope))
        if bool(proven) != any(one.unread is None for one in others) or (objections and not proven):
            return (unknown_at(*rival.gap, WINNER, scope),)
    return proven or objections


def _wishes(one: Standing, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    version, having, markers = options(wanted, "version", "having", "delete_markers")
    if version is not None:
        yield from _version(one, version, scope)
    for route, value in (having or {}).items():
        yield from _value(one.at(route), value, scope)
    if markers is not None:
        yield from _delete_markers(one, markers == "replicate", scope)


def _value(found: Found, value: Json, scope: Scope) -> Iterator[Evidence]:
    if found.unread is not None:
        yield unknown_at(found.route, found.unread, value, scope)
    elif found.value != value:
        yield object_to(found, value, scope)


def _version(one: Standing, version: int, scope: Scope) -> Iterator[Evidence]:
    filters = one.at("Filter")
    if filters.unread is not None:
        yield unknown_at(filters.route, filters.unread, _SCHEMA.fill(version), scope)
    elif (2 if filters.value is not None else 1) != version:
        yield object_to(filters, _SCHEMA.fill(version), scope)


def _delete_markers(one: Standing, replicate: bool, scope: Scope) -> Iterator[Evidence]:
    filters, status = one.at("Filter"), one.at("DeleteMarkerReplication.Status")
    if filters.value is None:
        if not replicate:
            note = Text(
                "A rule of the first schema (top-level Prefix, no Filter) replicates the delete markers that users "
                "make.",
                "旧形式のルール（Filter がなく Prefix を直接書くもの）は、"
                "ユーザーの操作による削除マーカーをレプリケートします。",
            )
            yield object_to(filters, _SECOND_SCHEMA, scope, note=note)
        return
    unread = filters.unread or status.unread
    if unread is not None:
        yield unknown_at(status.route, unread, "Enabled" if replicate else "Disabled", scope)
    elif (status.value == "Enabled") is not replicate:
        yield object_to(status, "Enabled" if replicate else "Disabled", scope)


def _nobody(found: Found, rules: tuple[Standing, ...], to: Json, scope: Scope) -> Iterator[Evidence]:
    """Say that no Enabled rule aims at the bucket, showing the one that comes closest."""
    for one in rules:
        if walk(one.rule, ("Destination", "Bucket")) == to:
            yield object_to(one.at("Status"), "Enabled", scope)
            return
    buckets = [one.at("Destination.Bucket") for one in rules]
    close = next((bucket for bucket in buckets if similar(str(to), [str(bucket.value)])), None)
    if close is not None:
        note = DID_YOU_MEAN.fill(to)
        yield object_to(close, to, scope, note=note)
        return
    yield object_to(found, RULE_TO.fill(to), scope, shown=[bucket.value for bucket in buckets] or None)


def _misses(aimed: Iterable[Standing], prefix: str, scope: Scope) -> Iterator[Evidence]:
    """Say for each rule that aims right why it does not take all exports."""
    for one in aimed:
        if narrowed(one.rule, "Tag", "Tags") is True:
            note = Text(
                "DynamoDB writes the exported objects without tags, so a rule that filters by tag never applies to "
                "them.",
                "DynamoDB はエクスポートしたオブジェクトにタグを付けないため、タグで絞り込むルールは適用されません。",
            )
            yield object_to(one.at("Filter"), ALL_OF.fill(prefix), scope, note=note)
            continue
        where = next(
            (route for route in ("Filter.And.Prefix", "Filter.Prefix") if one.at(route).value is not None), "Prefix"
        )
        shown = str(rule_prefix(one.rule))
        yield object_to(one.at(where), A_PREFIX_OF.fill(prefix), scope, note=miss(shown, prefix), shown=shown)


def _copies_as(found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    """Object to another role than the declared one; by its name, unique in an account, where its ARN is not known."""
    known = scope.resource(wanted)
    used = Found(walk(found.value, ("Role",)), f"{found.route}.Role")
    if known is None or used.value is None:
        return
    arn = scope.find(f"{wanted}.Arn").value
    declared = arn if isinstance(arn, str) else known.node.id
    if used.unread is not None:
        yield unknown_at(used.route, used.unread, declared, scope)
    elif used.value != declared and (isinstance(arn, str) or not _same_role(str(used.value), known)):
        note = Text(
            "S3 copies as this role, and the one that the pipeline declares is not asked.",
            "S3 はこのロールでコピーします。パイプラインに書かれたロールは使われません。",
        )
        yield object_to(used, declared, scope, note=note)


def _same_role(arn: str, known: Resource) -> bool:
    account, _, path = arn.partition(":role/")
    return account.endswith(f":{known.node.account.id}") and path.rpartition("/")[2] == known.node.id.rpartition("/")[2]


def _ends_replication(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    back, prefix = options(wanted, "back_to", "prefix")
    for one in standings(found, back):
        target = one.at("Destination.Bucket")
        if isinstance(one.rule, Unread):
            yield unknown_at(*one.gap, _NO_FURTHER, scope)
            continue
        reach = rule_prefix(one.rule)
        meets = reach if isinstance(reach, Unread) else reach.startswith(prefix) or prefix.startswith(reach)
        tagged = narrowed(one.rule, "Tag", "Tags")
        untagged = tagged if isinstance(tagged, Unread) else not tagged
        away = target.unread if target.unread is not None else target.value != back
        verdict = all_of((same(one.at("Status").value, "Enabled"), meets, untagged, away))
        if isinstance(verdict, Unread):
            yield unknown_at(*one.gap, _NO_FURTHER, scope)
        elif verdict:
            note = Text(
                "S3 does not replicate replicas: the exports arrive here and stop. Give the source bucket a second "
                "rule, or copy them "
                "with S3 Batch Replication.",
                "S3 はレプリカを再度レプリケートしません。エクスポートはここで止まります。送信元バケットに 2 "
                "つ目のルールを作るか、"
                "S3 バッチレプリケーションでコピーしてください。",
            )
            yield object_to(target, _NO_FURTHER, scope, note=note)


_TEXT: Json = {"type": "string"}
_WHERE: Json = {"to": _TEXT, "prefix": _TEXT}

REPLICATION = (
    Predicate(
        "replicates",
        _replicates,
        {
            "type": "object",
            "properties": {
                **_WHERE,
                "version": {"enum": [1, 2]},
                "having": {"type": "object"},
                "delete_markers": {"enum": ["replicate", "keep"]},
            },
            "required": ["to"],
            "additionalProperties": False,
        },
        Text(
            "An Enabled rule replicates to this bucket; with `prefix`, one wins all exports under it; with `having`, "
            "`version` or "
            "`delete_markers`, that rule is so.",
            "有効なルールがこのバケットへレプリケートする。`prefix` を書くと、"
            "その下のエクスポート全体に効くルールがあること、"
            "`having`・`version`・`delete_markers` を書くと、効くルールがそのとおりであることを確かめる。",
        ),
        example='{at: Replication, replicates: {to: "${destination_bucket.Arn}", prefix: "${subject.ExportPrefix}"}}',
        asks=_rule_asked,
    ),
    Predicate(
        "copies_as",
        _copies_as,
        {"const": "replication_role"},
        Text(
            "The bucket replicates as the role at this node.",
            "バケットは、このノードのロールでレプリケートする。",
        ),
        needs=lambda wanted, _at: (f"?{wanted}.Role",),
        example="{at: Replication, copies_as: replication_role}",
    ),
    Predicate(
        "ends_replication",
        _ends_replication,
        {
            "type": "object",
            "properties": {"back_to": _TEXT, "prefix": _TEXT},
            "required": ["prefix"],
            "additionalProperties": False,
        },
        Text(
            "No Enabled rule of this bucket should carry replicas under the prefix on to another bucket than "
            "`back_to`.",
            "このバケットの有効なルールが、プレフィックスの下のレプリカを `back_to` "
            "以外のバケットへさらに送ろうとしていない。",
        ),
        example='{at: Replication, ends_replication: {prefix: "${source_bucket.ExportPrefix}"}}',
        asks=lambda _wanted: _NO_FURTHER,
    ),
)
