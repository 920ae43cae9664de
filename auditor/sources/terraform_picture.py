"""One pipeline in plans: where its nodes stand, by which names its resources are known, and what they will be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from auditor.errors import Place
from auditor.kinds import KINDS, attributes_of, target_of
from auditor.kinds.declared import Attached
from auditor.kinds.names import bare, wanted_name
from auditor.kinds.parts import Part, places, plain
from auditor.kinds.planned import Facet, Planned
from auditor.kinds.plans import PLAN
from auditor.kinds.terraform import SPELLINGS
from auditor.model import Json, Node, Pipeline, Resource, Snapshot, Text, Unread
from auditor.sources import terraform_nodes as nodes
from auditor.sources.cloudformation_standins import StandIn, buckets, cleared
from auditor.sources.terraform_changes import changes
from auditor.sources.terraform_names import IDENTITIES
from auditor.sources.terraform_nodes import Index, Link, Located
from auditor.sources.terraform_plan import Instance
from auditor.sources.terraform_values import Known, View

# What the spellings raise when a resource is not of the shape that its provider gives to it.
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError)


class Picture:
    """One pipeline in the plans of a run."""

    def __init__(self, index: Index, pipeline: Pipeline, found: Mapping[str, Located | Unread]) -> None:
        self.index = index
        self.pipeline = pipeline
        self.found = found
        known = {}
        for one in found.values():
            if isinstance(one, Located) and one.instance is not None:
                target = target_of(one.node)
                name = "" if one.stands_in else bare(one.node.kind, one.name)
                known[one.instance] = Known(one.node.account, target.region, name, one.node.settings.get("path", ""))
        missing = {
            pipeline.nodes[name].kind: wanted_name(pipeline.nodes[name])
            for name, one in found.items()
            if not (isinstance(one, Located) and one.instance is not None)
        }
        self.view = View(index.world, known, missing)

    def snapshot(self, wanted: Iterable[tuple[str, str]], source: str) -> Snapshot:
        """Return what the plans say of the facets that are wanted."""
        facets: dict[str, list[str]] = {name: [] for name in self.pipeline.nodes}
        for name, facet in sorted(wanted):
            if name in facets and facet in KINDS[self.pipeline.nodes[name].kind].facets:
                facets[name].append(facet)
        unknown = list(self._unknown())
        resources = {name: self._resource(name, listed, unknown) for name, listed in facets.items()}
        return Snapshot(self.pipeline, resources, source)

    def _unknown(self) -> Iterator[StandIn]:
        others = buckets(self.pipeline.nodes.values())
        for one in self.found.values():
            if isinstance(one, Located) and one.stands_in and one.instance is not None:
                instance = one.instance
                given = self.view.given_name(instance)
                where = str(self.index.world.place(instance))
                yield StandIn(
                    bare(one.node.kind, one.name),
                    one.node.kind,
                    one.node.account.id,
                    instance.address,
                    where,
                    unresolved=isinstance(given, Unread),
                    made=_made_up(instance),
                    others=others if one.node.kind == "s3.bucket" else frozenset(),
                )

    def _resource(self, name: str, listed: list[str], unknown: list[StandIn]) -> Resource:
        node, found = self.pipeline.nodes[name], self.found[name]
        if isinstance(found, Unread):
            attributes, aliases = attributes_of(node, self.pipeline)
            return Resource(node, {}, dict.fromkeys(listed, found), attributes, aliases)
        planned = self.planned(found)
        facets: dict[str, Json] = {}
        unread: dict[str, Unread] = {}
        origin = {"": planned.place}
        for facet in listed:
            part = self._facet(planned, found, facet)
            value = (
                cleared(plain(part), unknown, facet, bare(node.kind, found.name)) if isinstance(part, Part) else part
            )
            if isinstance(part, Part):
                origin.update(places(part, facet))
            if isinstance(value, Unread):
                unread[facet] = value
            else:
                facets[facet] = value
        known = node if node.id and not found.qualifier else replace(node, id=found.name)
        attributes, aliases = attributes_of(known, self.pipeline)
        return Resource(node, facets, unread, attributes, aliases, origin)

    def _facet(self, planned: Planned, found: Located, facet: str) -> Part | Unread | None:
        if facet == PLAN:
            return changes(planned, found, self.index, self.view)
        if found.going and found.instance is not None:
            return Unread(
                "Deleted",
                detail=Text(
                    f"The plan deletes {found.instance.address}.", f"プランは {found.instance.address} を削除します。"
                ),
            )
        spelled = SPELLINGS[found.node.kind].facets.get(facet)
        if spelled is None:
            return Unread(
                "NotMapped",
                detail=Text(
                    f"This version does not know how Terraform spells {facet}.",
                    f"Terraform での {facet} の書き方に、このバージョンは未対応です。",
                ),
            )
        try:
            if all(plan.whole for plan in self.index.world.plans):
                return spelled(planned)
            return _in_part(spelled, planned, alone=facet in SPELLINGS[found.node.kind].documents)
        except (RecursionError, *_MALFORMED) as error:
            name = type(error).__name__
            detail = Text("{} is not as Terraform writes it ({}).", "{} が Terraform の書き方と異なります（{}）。")
            return Unread("Malformed", detail=detail.fill(planned.id, name))

    def planned(self, found: Located) -> Planned:
        """Return the resource at a node as the plans declare it."""
        node, instance, view = found.node, found.instance, self.view
        target = replace(target_of(node, self.pipeline), id=found.name)
        reader = partial(view.part, instance) if instance is not None else _nothing
        return Planned(
            instance.type if instance is not None else SPELLINGS[node.kind].types[0],
            instance.address if instance is not None else found.name,
            self.index.world.place(instance) if instance is not None else self._outside(),
            target,
            self._arn(found),
            view.region(instance)
            if instance is not None
            else Unread("NotInPlan", detail=Text("It is not in the plan.", "プランにありません。")),
            reader,
            partial(view.computed, instance) if instance is not None else _never,
            lambda kind: tuple(self._attached(one) for one in nodes.links(found, kind, self.index)),
            lambda kind: tuple(self._attached(one) for one in nodes.links(found, kind, self.index, removed=True)),
            partial(self._managed, found),
            partial(self._key, found),
            lambda kind: tuple(self._account_wide(found, kind)),
            covered=instance is not None and not found.going,
            fresh=instance is not None and instance.made,
        )

    def _outside(self) -> Place:
        return Place(", ".join(plan.file for plan in self.index.world.plans))

    def _arn(self, found: Located) -> str | Unread:
        if found.instance is not None and not found.going:
            arn = self.view.attribute(found.instance, "arn")
            if not isinstance(arn, str | Unread):
                form = IDENTITIES[found.instance.type].forms.get("arn", "")
                arn = self.view.form(found.instance, form) if form else None
        else:
            arn = attributes_of(replace(found.node, id=found.name))[0].get("Arn")
        if isinstance(arn, str) and found.qualifier and not arn.endswith(f":{found.qualifier}"):
            arn = f"{arn}:{found.qualifier}"
        return (
            arn
            if isinstance(arn, str | Unread)
            else Unread("NotInPlan", detail=Text("Its ARN is not in the plan.", "ARN がプランにありません。"))
        )

    def _attached(self, link: Link) -> Attached:
        instance, place = link.instance, self.index.world.place(link.instance)
        return Attached(instance.type, instance.address, place, partial(self.view.part, instance), link.doubt)

    def _account_wide(self, found: Located, kind: str) -> Iterator[Attached]:
        for instance in self.index.loose.get(kind, ()):
            account = self.view.account(instance)
            if account is None or account.id == found.node.account.id:
                yield self._attached(Link(instance))

    def _managed(self, _found: Located, arn: str) -> Part | None:
        """Return the document of a managed policy of the plans by its ARN; a data source knows AWS's own too."""
        for instance in self.index.policies.get(arn.rpartition("/")[2], ()):
            if self.view.attribute(instance, "arn") == arn:
                return self.view.part(instance, "policy")
        return None

    def _key(self, found: Located, said: str) -> Planned | None:
        """Return a KMS key of the plans by id, ARN or alias."""
        name = bare("kms.key", said)
        node = Node(found.node.name, "kms.key", found.node.account, name, found.node.settings)
        for one in self.found.values():
            mine = isinstance(one, Located) and one.instance is not None and one.node.kind == "kms.key"
            if mine and isinstance(one, Located) and name in {one.name, bare("kms.key", one.name)}:
                return self.planned(one)
        located = nodes.locate(node, self.index)
        if isinstance(located, Unread) or located.instance is None:
            listed = self.index.named.get(("kms.key", name), [])
            if len(listed) != 1:
                return None
            located = Located(node, listed[0], name, stands_in=True)
        return self.planned(located)


def _in_part(spelled: Facet, planned: Planned, *, alone: bool) -> Part | Unread | None:
    """Return a facet of a plan that is not whole: what it lacks may be there. `alone`: one resource writes the document."""
    asked: list[bool] = []

    def attached(kind: str) -> tuple[Attached, ...]:
        found = planned.attached(kind)
        asked.append(bool(found))
        return found

    part = spelled(replace(planned, attached=attached))
    lacking = asked and not (alone and any(asked))
    return INCOMPLETE if lacking or part is None else part


INCOMPLETE = Unread(
    "IncompletePlan",
    detail=Text(
        "The plan is incomplete, so what it does not have may still be there.",
        "プランが不完全なため、プランにないものも存在する可能性があります。",
    ),
)


def _nothing(_name: str) -> None:
    return None


def _never(_name: str) -> bool:
    return False


def _made_up(instance: Instance) -> str:
    """Return the pattern of the names that the provider makes up for a resource (kept as `name_prefix` and a time)."""
    import re

    identity = IDENTITIES.get(instance.type)
    prefix = instance.values.get(identity.prefix) if identity is not None and identity.prefix else None
    if instance.type.startswith("aws_kms_"):
        return ""
    return re.escape(prefix if isinstance(prefix, str) and prefix else "terraform-") + "[0-9]{18}[0-9a-f]{8}(\\.fifo)?"
