"""What AWS has: the kinds of resource that may stand in a pipeline, each with the facets that are read and written."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Place
from auditor.kinds import dynamodb, events, functions, glue, kms, queues, roles, s3, topics
from auditor.kinds.actions import action_of
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target
from auditor.kinds.names import region_of
from auditor.kinds.plans import with_plan
from auditor.model import EMPTY, NODES, Json, Node, Pipeline, Resource, Unread
from auditor.plugins import Table

KINDS: Table[Kind] = Table(
    "auditor.kinds",
    Kind,
    tuple(
        with_plan(kind)
        for kind in (
            dynamodb.TABLE,
            s3.BUCKET,
            roles.ROLE,
            functions.FUNCTION,
            queues.QUEUE,
            topics.TOPIC,
            events.RULE,
            kms.KEY,
            glue.TABLE,
        )
    ),
)
"""Every kind of resource by its name, those of other distributions included."""

MISSING = "missing"
"""The key of the evidence that a resource does not exist; its route begins with the node's name."""

__all__ = [
    "KINDS",
    "MISSING",
    "Ask",
    "Call",
    "Facet",
    "Kind",
    "Shape",
    "Target",
    "action_of",
    "attributes_of",
    "gone",
    "kinds_at",
    "nodes",
    "resource",
    "target_of",
    "wanted",
]


def kinds_at(node: str) -> tuple[str, ...]:
    """Return the kinds that may stand at a node, those of other distributions included; none when there is no such node."""
    return (*NODES.get(node, ()), *(name for name in KINDS.offers() if node in KINDS[name].nodes))


def nodes() -> tuple[str, ...]:
    """Return every node that a pipeline may have, those that other distributions add included."""
    return tuple(dict.fromkeys([*NODES, *(node for name in KINDS.offers() for node in KINDS[name].nodes)]))


def wanted(node: Node, facet: str, intent: Mapping[str, Json]) -> str:
    """Return how much the owner wants a facet: `require` (as of most), `consider` or `ignore`."""
    word = KINDS[node.kind].facets[facet].intent if facet in KINDS[node.kind].facets else ""
    return str(intent.get(word) or "consider") if word else "require"


def gone(resource: Resource, unread: Unread) -> bool:
    """Tell whether a refusal says that the resource does not exist."""
    return unread.reason in KINDS[resource.node.kind].gone


def target_of(node: Node, pipeline: Pipeline | None = None) -> Target:
    """Return what is read or written at a node: in the Region of its ARN, its own, or its account's.

    In its pipeline the source bucket knows the Region in which AWS publishes its metrics, and the destination bucket the
    prefix of its objects: replicas keep their keys.
    """
    region = region_of(node.id) or node.settings.get("region") or node.account.region
    settings = dict(node.settings)
    nodes = pipeline.nodes if pipeline else {}
    if node.name == "source_bucket" and (destination := nodes.get("destination_bucket")):
        settings.setdefault("destination_region", destination.settings.get("region") or destination.account.region)
    if node.name == "destination_bucket" and (source := nodes.get("source_bucket")) and source.settings.get("prefix"):
        settings.setdefault("prefix", source.settings["prefix"])
    return Target(node.kind, node.account, region, node.id, settings)


def attributes_of(node: Node, pipeline: Pipeline | None = None) -> tuple[Mapping[str, Json], Mapping[str, str]]:
    """Return a node's attributes that need no reading, and the aliases of those that are read."""
    kind = KINDS[node.kind]
    return kind.attributes(target_of(node, pipeline)), kind.aliases


def resource(
    node: Node,
    facets: Mapping[str, Json] = EMPTY,
    unread: Mapping[str, Unread] = EMPTY,
    origin: Mapping[str, Place] = EMPTY,
    pipeline: Pipeline | None = None,
) -> Resource:
    """Return what is known of the resource at a node, with its attributes (some of them follow from its pipeline)."""
    attributes, aliases = attributes_of(node, pipeline)
    return Resource(node, facets, unread, attributes, aliases, origin)
