"""Predicates about several replication rules at once: ranks_rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.exports import narrowed, options, rule_prefix
from auditor.predicates.replication import Standing, contest, rank_of, standings
from auditor.predicates.words import ABSENT
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at

_NO_CONFLICT = Text("rules that do not get in each other's way", "互いに競合しないレプリケーションルール")
_OWN_PRIORITY = Text("a priority of its own", "ほかのルールと重複しない優先度")
_FILTER_TOO = Text("a Filter, as the other rules have", "ほかのルールと同じく Filter があること")


def _ranks_rules(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, prefix = options(wanted, "to", "prefix")
    rules = standings(found, to)
    return [*_duplicates(rules, scope), *_schemas(rules, scope), *_shadows(rules, prefix, scope)]


def _duplicates(rules: tuple[Standing, ...], scope: Scope) -> Iterator[Evidence]:
    ranked = [one for one in rules if one.at("Filter").value is not None]
    counted = Counter(one.priority for one in ranked if not isinstance(one.priority, Unread))
    for one in ranked:
        if isinstance(one.priority, Unread):
            if len(ranked) > 1:
                yield unknown_at(f"{one.route}.Priority", one.priority, _OWN_PRIORITY, scope)
        elif counted[one.priority] > 1:
            note = Text(
                "S3 accepts no two rules with the same priority; Terraform gives 0 to each rule that has none.",
                "S3 は同じ優先度のルールを受け付けません。Terraform では省略すると 0 になります。",
            )
            yield object_to(one.at("Priority"), _OWN_PRIORITY, scope, note=note)


def _schemas(rules: tuple[Standing, ...], scope: Scope) -> Iterator[Evidence]:
    known = [one for one in rules if not isinstance(one.rule, Unread) and one.at("Filter").unread is None]
    old = [one for one in known if one.at("Filter").value is None]
    if old and len(old) < len(known):
        note = Text(
            "One configuration holds rules of one schema: give each rule a Filter and a Priority.",
            "1 つの設定に新旧の形式は混在できません。すべてのルールに Filter と Priority を書いてください。",
        )
        yield object_to(old[0].at("Filter"), _FILTER_TOO, scope, note=note)
    for one in known:
        prefix = one.at("Prefix")
        if one.at("Filter").value is not None and prefix.value and prefix.unread is None:
            note = Text(
                "A rule has either a Filter or a Prefix.", "ルールには Filter と Prefix のどちらか一方だけを書きます。"
            )
            yield object_to(prefix, ABSENT, scope, note=note)


_QUALITIES: Mapping[str, str] = {
    "Destination.Metrics.Status": "Enabled",
    "Destination.ReplicationTime.Status": "Enabled",
    "DeleteMarkerReplication.Status": "Enabled",
    "SourceSelectionCriteria.SseKmsEncryptedObjects.Status": "Enabled",
    "Destination.AccessControlTranslation.Owner": "Destination",
}
"""What a broad rule may have that a narrower one before it lacks."""


def _shadows(rules: tuple[Standing, ...], prefix: str, scope: Scope) -> Iterator[Evidence]:
    """Say where a rule of higher priority takes a part of the exports and does less for them than the rule for all."""
    drawn = contest(rules, prefix)
    for winner in drawn.winners:
        for one in rules:
            if one is winner or one.aimed is not True or rank_of(one) <= rank_of(winner):
                continue
            reach = rule_prefix(one.rule)
            if (
                isinstance(reach, Unread)
                or not reach.startswith(prefix)
                or narrowed(one.rule, "Tag", "Tags") is not False
            ):
                continue
            yield from _less(one, winner, scope)


def _less(narrow: Standing, broad: Standing, scope: Scope) -> Iterator[Evidence]:
    for route, value in _QUALITIES.items():
        here = narrow.at(route)
        if broad.at(route).value == value and here.value != value and here.unread is None:
            note = Text(
                f"This rule has the higher priority and takes “{rule_prefix(narrow.rule)}”, so what {broad.route} "
                f"has does not apply there.",
                f"このルールのほうが優先度が高く「{rule_prefix(narrow.rule)}」を先に取るため、{broad.route} "
                f"の設定はそこでは効きません。",
            )
            yield object_to(here, value, scope, note=note)


_TEXT: Json = {"type": "string"}

RANKING = (
    Predicate(
        "ranks_rules",
        _ranks_rules,
        {
            "type": "object",
            "properties": {"to": _TEXT, "prefix": _TEXT},
            "required": ["to", "prefix"],
            "additionalProperties": False,
        },
        Text(
            "No two rules share a priority or mix the two schemas, and none of higher priority takes a part of the "
            "exports and does less.",
            "優先度の重複も新旧形式の混在もなく、"
            "優先度の高い狭いルールが効果の少ない設定で一部を先取りすることもない。",
        ),
        example='{at: Replication, ranks_rules: {to: "${destination_bucket.Arn}", prefix: "${subject.ExportPrefix}"}}',
        asks=lambda _wanted: _NO_CONFLICT,
    ),
)
