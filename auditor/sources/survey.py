"""What a run over many pipelines will want, known before it begins: how much, of which accounts, and what is wanted again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from auditor.kinds import KINDS, Target, target_of
from auditor.kinds.facet import way_in
from auditor.kinds.names import resource_of
from auditor.model import Account, Pipeline
from auditor.sources import bulk
from auditor.sources.memo import Key

Needs = Mapping[str, Iterable[tuple[str, str]]]


class Survey:
    """What a run will want, seen before it begins.

    `uses` counts the nodes at which a resource stands, by the hash of what names it, where it stands at several, and `total`
    the facets. `roles` names for each account the roles whose policies are wanted, with the calls that reading all roles at
    once would save, and `nodes` counts for each account the nodes at which something of it is wanted.
    """

    def __init__(self, pipelines: tuple[Pipeline, ...], needs: Needs) -> None:
        uses: Counter[int] = Counter()
        self.nodes: Counter[Key] = Counter()
        self.roles: dict[Key, tuple[Account, set[str], int]] = {}
        facets_of: dict[int, frozenset[str]] = {}
        alike: dict[frozenset[str], frozenset[str]] = {}
        for pipeline in pipelines:
            for name, facets in by_node(pipeline, needs):
                target = target_of(pipeline.nodes[name], pipeline)
                about = about_of(target)
                uses[hash(about)] += 1
                self.nodes[way_in(target.account)] += 1
                key = hash((*about, tuple(sorted(target.settings.items()))))
                wanted = facets_of.get(key, frozenset()).union(facets)
                # Thousands of resources share a few sets of facets.
                facets_of[key] = alike.setdefault(wanted, wanted)
                if target.kind == "iam.role" and target.id and (calls := bulk.saved(facets)):
                    account, names, before = self.roles.get(way_in(target.account), (target.account, set(), 0))
                    known = bare_name(target) in names
                    names.add(bare_name(target))
                    self.roles[way_in(target.account)] = (account, names, before if known else before + calls)
        self.total = sum(map(len, facets_of.values()))
        # Nearly all resources stand at one node.
        self.uses = {about: nodes for about, nodes in uses.items() if nodes > 1}


def by_node(pipeline: Pipeline, needs: Needs) -> list[tuple[str, tuple[str, ...]]]:
    """Return the nodes of which something is wanted, with the facets that their kinds have."""
    found: dict[str, list[str]] = {}
    for name, facet in sorted(needs.get(pipeline.name, ())):
        node = pipeline.nodes.get(name)
        if node is not None and facet in KINDS[node.kind].facets:
            found.setdefault(name, []).append(facet)
    return [(name, tuple(facets)) for name, facets in found.items()]


def about_of(target: Target) -> Key:
    """Return what names a resource, whatever is asked about it."""
    return (*way_in(target.account), target.kind, target.region, target.id)


def bare_name(target: Target) -> str:
    """Return a resource's name without its path or ARN."""
    return resource_of(target.id).rpartition("/")[2].rpartition(":")[2]
