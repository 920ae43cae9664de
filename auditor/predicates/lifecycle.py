"""Predicates about lifecycle rules as they meet exports: manages, outlasts, expires_in_step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.exports import (
    Maybe,
    all_of,
    any_of,
    each_admitted,
    export_keys,
    export_prefix,
    gap,
    miss,
    narrowed,
    options,
    rule_prefix,
    same,
)
from auditor.predicates.words import A_PREFIX_OF, ALL_OF
from auditor.scope import Found, Predicate, Scope, object_to, steps, unknown_at, walk

_SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
_LARGEST = 50 * 1024**4
"""The largest object that S3 keeps: 50 TB (S3UG UploadingObjects)."""

Probe = tuple[str, int]
"""An export object: its key, and its size in bytes."""

_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "Expiration": ("Expiration.Days", "Expiration.Date"),
    "NoncurrentVersionExpiration": ("NoncurrentVersionExpiration.NoncurrentDays",),
    "AbortIncompleteMultipartUpload": ("AbortIncompleteMultipartUpload.DaysAfterInitiation",),
}
_ANY = (*(route for routes in _ACTIONS.values() for route in routes), "Transitions", "NoncurrentVersionTransitions")
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
"""S3 does not replicate objects in these classes (S3UG replication-what-is-isnot-replicated)."""


_AN_ACTION = Text("an action", "何らかのアクション")
_RULE_WITH = Text("an Enabled rule with {} for {}", "{1} を対象に {0} を行う有効なルール（Enabled）")
_RULE_DOING = Text("an Enabled rule with {}", "{} を行う有効なルール（Enabled）")
_A_RULE, _NOTHING = Text("a rule", "ルール"), Text("nothing", "アクションなし")
_RULE_DOES = Text("{} ({}): {}", "{}（{}）: {}")
_DAYS = Text("at least {} days", "{} 日以上")
_EXPIRY = Text("when exports expire", "エクスポートの有効期限")
_EXPIRE_TOO = Text("exports expire, as in {}", "{} と同様に、エクスポートに有効期限があること")
_IN_STEP = Text("exports expire in step with {}", "エクスポートの有効期限が {} とそろっていること")
_NEVER = Text("never", "無期限")
_SOURCE_TOO = Text("the source expires its exports too", "送信元のエクスポートにも有効期限があること")
_AS_LONG = Text("at least {}, as in the source", "送信元と同じ {} 以上")


def _rules(found: Found) -> Iterator[Found]:
    rules = walk(found.value, ("Rules",))
    if isinstance(rules, Unread):
        yield Found(rules, f"{found.route}.Rules")
    elif isinstance(rules, list | tuple):
        yield from (Found(rule, f"{found.route}.Rules[{index}]") for index, rule in enumerate(rules))


def _enabled(rule: Found) -> Maybe:
    return rule.value if isinstance(rule.value, Unread) else same(walk(rule.value, ("Status",)), "Enabled")


def _probes(prefix: str, *documents: Found) -> tuple[Probe, ...]:
    """Return export objects in every size that makes a difference to a rule: data files may have any, manifests are small."""
    bounds = {bound for document in documents for rule in _rules(document) for bound in _bounds(rule.value)}
    sizes = {1} | {size for bound in bounds if isinstance(bound, int) for size in (bound - 1, bound, bound + 1)}
    return tuple((key, size) for size in sorted(sizes) if 1 <= size <= _LARGEST for key in export_keys(prefix))


def _bounds(rule: Json) -> tuple[Json, Json]:
    """Return the sizes that an object has to be above and below, `None` where the rule does not ask."""
    filters = (walk(rule, ("Filter",)), walk(rule, ("Filter", "And")))
    above, below = ([one for each in filters if (one := walk(each, (name,))) is not None] for name in _SIZES)
    return (above or [None])[0], (below or [None])[0]


def _applies(rule: Found, probes: Sequence[Probe]) -> list[Maybe]:
    """Tell of each export object whether an Enabled rule applies to it; exports have no tags."""
    if (on := _enabled(rule)) is False:
        return [False] * len(probes)
    if isinstance(rule.value, Unread):
        return [rule.value] * len(probes)
    bounds = _bounds(rule.value)
    admitted = each_admitted(rule.value, [key for key, _ in probes])
    if bounds == (None, None):
        return [all_of((on, one)) for one in admitted]
    return [all_of((on, one, _fits(size, *bounds))) for one, (_, size) in zip(admitted, probes, strict=True)]


def _fits(size: int, above: Json, below: Json) -> Maybe:
    larger = above if isinstance(above, Unread) else not isinstance(above, int) or size > above
    smaller = below if isinstance(below, Unread) else not isinstance(below, int) or size < below
    return all_of((larger, smaller))


def _does(rule: Found, action: str) -> Maybe:
    """Tell whether a rule has an action (`any`: one that moves or removes something)."""
    if isinstance(rule.value, Unread):
        return rule.value
    values = [walk(rule.value, steps(route)) for route in (_ANY if action == "any" else _ACTIONS[action])]
    return any_of(one if isinstance(one, Unread) else one not in (None, [], 0) for one in values)


def _manages(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    prefix = export_prefix(scope)
    rules, reach = [], {}
    for rule, applies in scope.once(found.value, ("lifecycle", found.route, prefix), lambda: _reaches(found, prefix)):
        if (does := _does(rule, wanted)) is not False:
            rules.append(rule)
            reach[rule.route] = applies if does is True else [all_of((does, one)) for one in applies]
    verdict = all_of(map(any_of, dict.fromkeys(zip(*reach.values(), strict=True)))) if rules else False
    if verdict is True:
        return ()
    said = _AN_ACTION if wanted == "any" else Text(str(wanted), str(wanted))
    if isinstance(verdict, Unread):
        doubt = next(rule for rule in rules if any(isinstance(one, Unread) for one in reach[rule.route]))
        return (unknown_at(*gap(doubt.value, doubt.route), _RULE_WITH.fill(said, prefix), scope),)
    return (_nearest(found, [rule for rule in rules if _does(rule, wanted) is True], prefix, said, scope),)


def _reaches(found: Found, prefix: str) -> list[tuple[Found, list[Maybe]]]:
    """Return the rules, and of each to which export objects it applies."""
    probes = _probes(prefix, found)
    return [(rule, _applies(rule, probes)) for rule in _rules(found)]


def _action_asked(wanted: Json) -> Text:
    return _RULE_DOING.fill(_AN_ACTION if wanted == "any" else wanted)


def _nearest(found: Found, doing: list[Found], prefix: str, said: Text, scope: Scope) -> Evidence:
    """Return the objection of the rule that comes closest: it has the action, but not for all exports."""
    wanted = _RULE_WITH.fill(said, prefix)
    for rule in doing:
        covers = all_of(each_admitted(rule.value, export_keys(prefix))) is True
        if covers and walk(rule.value, ("Status",)) != "Enabled":
            return object_to(Found(walk(rule.value, ("Status",)), f"{rule.route}.Status"), "Enabled", scope)
    for rule in doing:
        if narrowed(rule.value, "Tag", "Tags", *_SIZES) is True:
            note = Text(
                "DynamoDB writes exports without tags and in all sizes: a rule that filters by tag never applies to "
                "them, one that "
                "filters by size leaves the small manifests out.",
                "DynamoDB のエクスポートにはタグがなく、サイズもさまざまです。タグで絞るルールは適用されず、"
                "サイズで絞るルールは小さなマニフェストを取りこぼします。",
            )
            filters = Found(walk(rule.value, ("Filter",)), f"{rule.route}.Filter")
            return object_to(filters, ALL_OF.fill(prefix), scope, note=note)
        reach = str(rule_prefix(rule.value))
        if not prefix.startswith(reach):
            where = Found(reach, f"{rule.route}.{_prefix_route(rule.value)}")
            return object_to(where, A_PREFIX_OF.fill(prefix), scope, note=miss(reach, prefix))
    return object_to(
        found, wanted, scope, shown=None if found.value is None else [_told(rule) for rule in _rules(found)]
    )


def _told(rule: Found) -> Text:
    name, status = walk(rule.value, ("ID",)) or _A_RULE, walk(rule.value, ("Status",))
    actions = [
        action for action in (*_ACTIONS, "Transitions", "NoncurrentVersionTransitions") if walk(rule.value, (action,))
    ]
    return _RULE_DOES.fill(name, status, ", ".join(actions) or _NOTHING)


def _prefix_route(rule: Json) -> str:
    routes = ("Filter.And.Prefix", "Filter.Prefix", "Prefix")
    return next((route for route in routes if walk(rule, steps(route)) is not None), "Filter")


def _outlasts(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    """Object to what takes exports away before the given age: expiration, and archiving out of replication's reach."""
    (days,) = options(wanted, "days")
    keys = export_keys(export_prefix(scope))
    for rule in _rules(found):
        # A rule limited by size still hits those exports that have the size.
        hits = all_of((_enabled(rule), any_of(each_admitted(rule.value, keys))))
        if hits is False:
            continue
        for here, age in _ends(rule, scope):
            if isinstance(age, Unread) or (isinstance(hits, Unread) and age < days):
                reason = age if isinstance(age, Unread) else hits
                yield unknown_at(
                    here.route, reason if isinstance(reason, Unread) else Unread("NotRead"), _DAYS.fill(days), scope
                )
            elif age < days:
                yield object_to(here, _DAYS.fill(days), scope)


def _ends(rule: Found, scope: Scope) -> Iterator[tuple[Found, float | Unread]]:
    """Yield where a rule takes current objects away, and at which age in days; an unread part yields itself."""
    if isinstance(rule.value, Unread):
        yield rule, rule.value
        return
    yield from _age(Found(walk(rule.value, ("Expiration",)), f"{rule.route}.Expiration"), scope)
    moves = walk(rule.value, ("Transitions",))
    if isinstance(moves, Unread):
        yield Found(moves, f"{rule.route}.Transitions"), moves
        return
    for index, move in enumerate(moves or []):
        if walk(move, ("StorageClass",)) in _ARCHIVES:
            yield from _age(Found(move, f"{rule.route}.Transitions[{index}]"), scope)


def _age(action: Found, scope: Scope) -> Iterator[tuple[Found, float | Unread]]:
    days = Found(walk(action.value, ("Days",)), f"{action.route}.Days")
    date = Found(walk(action.value, ("Date",)), f"{action.route}.Date")
    if isinstance(days.value, Unread | int | float):
        yield days, days.value
    if isinstance(date.value, Unread):
        yield date, date.value
    elif date.value is not None and scope.snapshot.taken_at and str(date.value)[:10] <= scope.snapshot.taken_at[:10]:
        # From its date on, S3 applies the action to every object that qualifies, day after day.
        yield date, 0


def _expires_in_step(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    other = Found(scope.take(wanted), str(wanted))
    probes = _probes(export_prefix(scope), found, other)
    ours, theirs = _appliers(found, probes), _appliers(other, probes)
    # Most objects are alike to the rules, and those that are expire alike.
    for mine, yours in dict.fromkeys(zip(ours, theirs, strict=True)):
        here, there = _first_expiry(found, mine), _first_expiry(other, yours)
        gaps = [(side, one) for side, one in ((found, here), (other, there)) if isinstance(one[1], Unread)]
        if gaps:
            side, (_, why) = gaps[0]
            yield unknown_at(side.route, why if isinstance(why, Unread) else Unread("NotRead"), _EXPIRY, scope)
            return
        if objection := _out_of_step(found, here, there, scope):
            yield objection
            return


def _out_of_step(found: Found, here: Expiry, there: Expiry, scope: Scope) -> Evidence | None:
    (mine, days), (theirs, other_days) = here, there
    if mine is None and theirs is not None:
        note = Text(
            "The source expires its exports, and the destination keeps the replicas for ever: lifecycle actions are "
            "not replicated.",
            "送信元ではエクスポートが期限切れになりますが、送信先のレプリカは残り続けます。"
            "ライフサイクルの動作はレプリケートされません。",
        )
        return object_to(found, _EXPIRE_TOO.fill(theirs.route), scope, note=note, shown=_NEVER)
    if mine is not None and theirs is None:
        note = Text(
            "The destination expires the replicas, and the source keeps the exports for ever.",
            "送信先のレプリカは期限切れになりますが、送信元のエクスポートは残り続けます。",
        )
        return object_to(mine, _SOURCE_TOO, scope, note=note)
    if mine is not None and isinstance(days, int) and isinstance(other_days, int) and days < other_days:
        note = Text(
            "A replica's age counts from the original's creation: what arrives late, or is replicated afterwards, is "
            "removed at once.",
            "レプリカの経過日数は元のオブジェクトの作成日から数えます。"
            "遅れて届いたものや後からレプリケートしたものは、すぐに削除されます。",
        )
        return object_to(mine, _AS_LONG.fill(other_days), scope, note=note)
    return None


Expiry = tuple[Found | None, Json]


def _appliers(side: Found, probes: Sequence[Probe]) -> list[tuple[Maybe, ...]]:
    """Return of each object whether each rule of one side applies to it."""
    reach = [_applies(rule, probes) for rule in _rules(side)]
    return list(zip(*reach, strict=True)) if reach else [()] * len(probes)


def _first_expiry(side: Found, applies: Iterable[Maybe]) -> Expiry:
    """Return what expires an object on one side first, and its days (`None` for a date), or why that is not known."""
    best: Expiry = (None, None)
    for rule, one in zip(_rules(side), applies, strict=True):
        hits = all_of((one, _does(rule, "Expiration")))
        if isinstance(hits, Unread):
            return None, hits
        if not hits:
            continue
        days = walk(rule.value, ("Expiration", "Days"))
        if isinstance(days, Unread):
            return None, days
        route = f"{rule.route}.Expiration.{'Days' if days is not None else 'Date'}"
        found = Found(days if days is not None else walk(rule.value, ("Expiration", "Date")), route)
        if best[0] is None or days is None or (isinstance(best[1], int) and days < best[1]):
            best = (found, days)
    return best


LIFECYCLE = (
    Predicate(
        "manages",
        _manages,
        {"enum": ["any", *_ACTIONS]},
        Text(
            "Enabled lifecycle rules have this action (`any`: some action) for every exported object, whatever its "
            "size.",
            "有効なライフサイクルルールが、サイズを問わずすべてのエクスポートに対してこのアクション（`any` "
            "なら何らかのアクション）を持つ。",
        ),
        example="{at: Lifecycle, manages: AbortIncompleteMultipartUpload}",
        asks=_action_asked,
    ),
    Predicate(
        "outlasts",
        _outlasts,
        {
            "type": "object",
            "properties": {"days": {"type": "number", "minimum": 1}},
            "required": ["days"],
            "additionalProperties": False,
        },
        Text(
            "No Enabled rule expires exports, or moves them to an archive class that is not replicated, before this "
            "age.",
            "有効なルールが、この日数より前にエクスポートを期限切れにしたり、"
            "レプリケートできないアーカイブクラスへ移したりしない。",
        ),
        example="{at: Lifecycle, outlasts: {days: 3}}",
        asks=lambda wanted: _DAYS.fill(wanted["days"]),
    ),
    Predicate(
        "expires_in_step",
        _expires_in_step,
        {"type": "string"},
        Text(
            "Exports expire here if and only if they do at the other bucket, and no sooner.",
            "もう一方のバケットでエクスポートが期限切れになるならここでもなり、しかもそれより早くはならない。",
        ),
        needs=lambda wanted, _at: (str(wanted),),
        example="{at: Lifecycle, expires_in_step: source_bucket.Lifecycle}",
        asks=_IN_STEP.fill,
    ),
)
