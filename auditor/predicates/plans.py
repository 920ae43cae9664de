"""Predicates about what a Terraform plan is about to do: to the resource, and to the documents that configure it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from auditor.model import Evidence, Json, Text
from auditor.scope import Found, Predicate, Scope, object_to

HOLDING_DATA = frozenset({"dynamodb.table", "s3.bucket", "kms.key"})

_STAYS = Text("neither deleted nor replaced", "削除も再作成もされない")
_DELETED = Text("{} is deleted", "{} が削除される")
_REPLACED = Text("{} is deleted and made anew", "{} が削除されて再作成される")
_LATE = Text(
    "The new one is made first, and deleting the old one then takes the configuration away again.",
    "先に新しいものが作られ、その後に古いものが削除されるため、設定も消えます。",
)
_MEANWHILE = Text(
    "Between the two calls there is none: what is written meanwhile is neither replicated nor reported.",
    "2 つの呼び出しの間は設定がなく、その間に書き込まれたものはレプリケーションも通知もされません。",
)
_KEEPS = Text("{} stays as it is or is changed in place", "{} がそのまま残るか、その場で更新される")
_ONE = Text("one resource that writes {}", "{} を書くリソースが 1 つだけ")


def _survives(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    actions = _actions(found.value)
    if "delete" in actions:
        route = Found(actions, f"{found.route}.Actions")
        yield object_to(route, _STAYS, scope, shown=_done(actions, found.value.get("Address")))


def _keeps_documents(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    actions = _actions(found.value)
    if actions == ["delete"] and scope.me.node.kind not in HOLDING_DATA:
        route = Found(actions, f"{found.route}.Actions")
        yield object_to(route, _STAYS, scope, shown=_done(actions, found.value.get("Address")))
    for index, one in enumerate(_rows(found.value, "Removed")):
        facet, told = str(one.get("Facet", "")), _actions(one)
        note = None if told == ["delete"] else _LATE if told[:1] == ["create"] else _MEANWHILE
        route = Found(one, f"{found.route}.Removed[{index}]")
        shown = _done(told, one.get("Address"))
        yield object_to(route, _KEEPS.fill(facet), scope, note=note, key=facet, shown=shown)


def _one_writer(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    owners = found.value.get("Owners") if isinstance(found.value, Mapping) else None
    for facet, addresses in (owners or {}).items():
        if isinstance(addresses, list) and len(addresses) > 1:
            route = Found(addresses, f"{found.route}.Owners.{facet}")
            yield object_to(route, _ONE.fill(facet), scope, key=facet)


def _actions(value: Json) -> list[str]:
    said = value.get("Actions") if isinstance(value, Mapping) else None
    return [str(one) for one in said] if isinstance(said, list) else []


def _rows(value: Json, name: str) -> list[Mapping[str, Json]]:
    said = value.get(name) if isinstance(value, Mapping) else None
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def _done(actions: Iterable[str], address: Json) -> Text:
    return (_REPLACED if "create" in actions else _DELETED).fill(str(address))


_TRUE: Json = {"const": True}

PLANS = (
    Predicate(
        "survives",
        _survives,
        _TRUE,
        Text("The plan neither deletes nor replaces the resource.", "プランがリソースを削除も再作成もしない。"),
        example="{at: Plan, survives: true}",
        whole=True,
    ),
    Predicate(
        "keeps_documents",
        _keeps_documents,
        _TRUE,
        Text(
            "The plan takes away none of the documents that configure the resource, not even for a moment.",
            "リソースの設定をプランが一時的にも取り除かない。",
        ),
        example="{at: Plan, keeps_documents: true}",
        whole=True,
    ),
    Predicate(
        "one_writer",
        _one_writer,
        _TRUE,
        Text(
            "Each document of the resource is written by one resource of the plan.",
            "リソースの各設定を書くプランのリソースがそれぞれ 1 つだけである。",
        ),
        example="{at: Plan, one_writer: true}",
        whole=True,
    ),
)
