"""Nodes and kinds that other distributions add to pipelines: looked for only where a file says a name that is not ours."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from auditor.kinds import KINDS
from auditor.model import EMPTY, NODES, Json

Added = Mapping[str, tuple[str, ...]]
"""By node, the kinds of other distributions that may stand there."""


def added_by_others(raw: Json) -> Added:
    """Return what other distributions add, when a pipeline file names a node or a kind that is not ours; else nothing."""
    pipelines = raw.get("pipelines") if isinstance(raw, Mapping) else None
    declared = [
        one for one in (pipelines.values() if isinstance(pipelines, Mapping) else ()) if isinstance(one, Mapping)
    ]
    if not any(_foreign(name, node) for pipeline in declared for name, node in pipeline.items()):
        return EMPTY
    added: dict[str, tuple[str, ...]] = {}
    for name in KINDS.offers():
        for node in KINDS[name].nodes:
            added[node] = (*added.get(node, ()), name)
    return added


def _foreign(name: str, node: Json) -> bool:
    if name not in NODES:
        return name != "intent"
    kind = node.get("kind") if isinstance(node, Mapping) else None
    return isinstance(kind, str) and kind not in NODES[name]


def with_added(schema: Json, added: Added) -> Json:
    """Return the schema of pipeline files in which the added nodes and kinds may stand."""
    if not added:
        return schema
    made = copy.deepcopy(schema)
    definitions = made["$defs"]
    places: dict[str, Any] = definitions["pipeline"]["properties"]
    for node, kinds in added.items():
        if node == "consumer":
            _as_consumer(places["consumer"], kinds, places["table"]["properties"]["name"])
        elif node not in NODES:
            places[node] = copy.deepcopy(places["table"])
            places[node]["description"] = KINDS[kinds[0]].doc.en
            places[node]["properties"]["name"]["description"] = "The resource's name or ARN."
            places[node]["properties"]["kind"] = {"enum": list(kinds)}
    waived = definitions["waiver"]["properties"]["node"]["enum"]
    waived.extend(node for node in added if node not in waived)
    return made


def _as_consumer(consumer: Json, kinds: tuple[str, ...], name: Json) -> None:
    """Let a consumer be of an added kind, named by `kind` and `name`."""
    consumer["properties"]["kind"]["enum"] = [*consumer["properties"]["kind"]["enum"], *kinds]
    consumer["properties"]["name"] = {**name, "description": "The resource's name or ARN, beside a `kind` of a plugin."}
    consumer["anyOf"] = [*consumer["anyOf"], {"required": ["kind", "name"]}]
    consumer["dependentRequired"] = {**consumer.get("dependentRequired", {}), "name": ["kind"]}
