"""One pipeline in templates: where its nodes stand, by which names its resources are known, and what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from auditor.kinds import KINDS, attributes_of, target_of
from auditor.kinds.cloudformation import SPELLINGS
from auditor.kinds.declared import ONLY_PLAN, Attached, Declared
from auditor.kinds.names import bare
from auditor.kinds.parts import Part, places, plain
from auditor.kinds.plans import PLAN
from auditor.model import Account, Json, Node, Pipeline, Resource, Snapshot, Text, Unread
from auditor.sources import cloudformation_nodes as nodes
from auditor.sources.cloudformation_names import IDENTITIES
from auditor.sources.cloudformation_nodes import Located, Site
from auditor.sources.cloudformation_standins import StandIn, buckets, cleared
from auditor.sources.cloudformation_template import Template
from auditor.sources.cloudformation_values import Reading

_MAY_ADD = Text(
    "{} at {} may add to it, or to another one. {}",
    "{1} の {0} がここか別のリソースに設定を追加する可能性があります。{2}",
)


@dataclass(slots=True)
class World:
    """The templates of a run, each as a stack of every account and Region that is asked for."""

    templates: list[Template]
    given: Mapping[str, str]
    alone: bool = True
    """False when other sources are read beside the templates."""
    known: dict[tuple[str, str], tuple[Site, ...]] = field(default_factory=dict)

    def sites(self, account: Account, region: str) -> tuple[Site, ...]:
        """Return the templates as stacks of an account and Region."""
        key = (account.id, region)
        if key not in self.known:
            made = [
                nodes.stack_of(one, account, region, self.given, self._mark(index))
                for index, one in enumerate(self.templates)
            ]
            sites = [nodes.bare_site(stack) for stack in made]
            for one in sites:
                one.base.imported = partial(_imported, tuple(sites), lambda site: site.base)
            for one in sites:
                nodes.index(one)
            self.known[key] = tuple(sites)
        return self.known[key]

    def _mark(self, index: int) -> str:
        """Return what tells a template's names that nobody knows yet from those of the others."""
        names = [_short(one.file) for one in self.templates]
        if len(names) == 1:
            return ""
        return f"@{names[index]}" + (f"-{index + 1}" if names.count(names[index]) > 1 else "")


def _short(file: str) -> str:
    """Return a file's name without its endings, in characters that no name in AWS is cut at."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(file).name.partition(".")[0])


def _imported(sites: tuple[Site, ...], reading: Callable[[Site], Reading], name: str) -> Part | None:
    """Return what the one of the templates that exports a name exports under it."""
    for site in sites:
        output = site.exports().get(name)
        if output is not None:
            return site.stack.once(f"export {name}", output.place, partial(reading(site).resolve, output))
    return None


class Picture:
    """One pipeline in the templates: where its nodes stand, and by which names its reader knows the resources."""

    def __init__(self, world: World, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.sites: dict[str, tuple[Site, ...]] = {}
        self.found: dict[str, Located | Unread] = {}
        for name, node in pipeline.nodes.items():
            self._find(name, node, world)
        self._tell_apart()
        self.names = self._names()
        self.together = {id(site): sites for sites in self.sites.values() for site in sites}
        self.readings: dict[int, Reading] = {}

    def _find(self, name: str, node: Node, world: World) -> None:
        """Look for a node in its Region; for a role, which has none, also where the account's other nodes are."""
        regions = [target_of(node).region]
        if node.kind == "iam.role":
            regions += [
                target_of(one).region for one in self.pipeline.nodes.values() if one.account.id == node.account.id
            ]
        first: tuple[tuple[Site, ...], Located | Unread] | None = None
        for region in dict.fromkeys(regions):
            sites = world.sites(node.account, region)
            found = nodes.locate(node, sites)
            first = first or (sites, found)
            if isinstance(found, Located):
                first = (sites, found)
                break
        assert first is not None
        self.sites[name], self.found[name] = first
        if isinstance(first[1], Located) and first[1].stands_in and not world.alone:
            detail = f"The name of {first[1].logical} is known only after deployment: declare it."
            self.found[name] = Unread("Unresolved", detail=detail)

    def _tell_apart(self) -> None:
        """Give names that nobody knows yet their account and Region where one template makes several stacks."""
        unknown = {
            name: one
            for name, one in self.found.items()
            if isinstance(one, Located) and one.stands_in and one.node.kind != "iam.role"
        }
        stacks: dict[str, set[tuple[str, str]]] = {}
        for one in unknown.values():
            stack = one.site.stack
            stacks.setdefault(stack.template.file, set()).add((stack.account.id, stack.region))
        for name, one in unknown.items():
            stack = one.site.stack
            if len(stacks[stack.template.file]) > 1:
                mark = f".{stack.account.id}.{stack.region})"
                self.found[name] = replace(one, name=one.name.replace(")", mark, 1), marked=True)

    def _names(self) -> dict[int, dict[str, str | Unread]]:
        """Return, by site, the names that the pipeline knows better than the template, and those nobody may compare."""
        known: dict[int, dict[str, str | Unread]] = {}
        located = [one for one in self.found.values() if isinstance(one, Located)]
        taken = {(id(one.site), one.logical) for one in located}
        for one in located:
            for site in self._alike(one):
                names = known.setdefault(id(site), {})
                if one.marked or not (one.stands_in or isinstance(one.site.base.given_name(one.logical), str)):
                    names[one.logical] = bare(one.node.kind, one.name)
                if path := one.node.settings.get("path"):
                    names[f"{one.logical} path"] = path
        for name, node in self.pipeline.nodes.items():
            if isinstance(self.found[name], Unread):
                for site, logical, why in nodes.doubtful(node, self.sites[name], taken):
                    known.setdefault(id(site), {})[logical] = why
        return known

    def _alike(self, one: Located) -> list[Site]:
        """Return the stacks whose readers should know a located resource by its name: a role is known in every Region."""
        if one.node.kind != "iam.role":
            return [one.site]
        listed = {id(site): site for sites in self.sites.values() for site in sites}
        stack = one.site.stack
        return [
            site
            for site in listed.values()
            if site.template is stack.template and site.stack.account.id == stack.account.id
        ]

    def _reading(self, site: Site) -> Reading:
        if not self.names:
            return site.base
        if id(site) not in self.readings:
            imported = partial(_imported, self.together[id(site)], self._reading)
            self.readings[id(site)] = Reading(site.stack, self.names.get(id(site), {}), imported)
        return self.readings[id(site)]

    def snapshot(self, wanted: Iterable[tuple[str, str]], source: str) -> Snapshot:
        """Return what the templates say of the facets that are wanted."""
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
            if isinstance(one, Located) and one.stands_in:
                place = one.site.template.resources[one.logical].place
                lower = IDENTITIES[one.site.stack.type_of(one.logical)].lower
                yield StandIn(
                    bare(one.node.kind, one.name),
                    one.node.kind,
                    one.node.account.id,
                    one.logical,
                    str(place),
                    one.unresolved,
                    lower,
                    others=others if one.node.kind == "s3.bucket" else frozenset(),
                )

    def _resource(self, name: str, listed: list[str], unknown: list[StandIn]) -> Resource:
        node, found = self.pipeline.nodes[name], self.found[name]
        if isinstance(found, Unread):
            attributes, aliases = attributes_of(node, self.pipeline)
            unfound = {facet: ONLY_PLAN if facet == PLAN else found for facet in listed}
            return Resource(node, {}, unfound, attributes, aliases)
        facets: dict[str, Json] = {}
        unread: dict[str, Unread] = {}
        origin = {"": found.site.template.resources[found.logical].place}
        for facet, part in self._parts(found, listed):
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

    def _parts(self, one: Located, listed: list[str]) -> Iterator[tuple[str, Part | Unread | None]]:
        # Often the rules selected want nothing of half the nodes.
        if listed:
            declared = self._declared(one)
            yield from ((facet, _facet(declared, one.node.kind, facet)) for facet in listed)

    def _declared(self, one: Located) -> Declared:
        reading = self._reading(one.site)
        return _declared(self, reading, one)

    def attached(self, one: Located, kind: str) -> Iterator[Attached]:
        """Yield the resources of a type that add to a located one, from any template of its account and Region."""
        own = one.site.base.given_name(one.logical)
        stands = own if isinstance(own, str) else one.site.stack.stand_in(one.logical)
        for site in self.sites[one.node.name]:
            names = {bare(one.node.kind, one.name)} | ({stands} if site is one.site else set())
            logicals = dict.fromkeys(
                logical
                for name in names
                for logical in site.added.get((one.node.kind, name), ())
                if site.stack.type_of(logical) == kind
            )
            for logical in logicals:
                yield self._attached(site, logical, None)
            for logical, why in site.adrift.get(one.node.kind, ()):
                if site.stack.type_of(logical) == kind and logical not in logicals:
                    yield self._attached(site, logical, _perhaps(site, logical, why))
            yield from self._perhaps_attached(one, site, kind)
            for logical in site.free:
                if site.stack.type_of(logical) == kind:
                    yield self._attached(site, logical, None)

    def _perhaps_attached(self, one: Located, site: Site, kind: str) -> Iterator[Attached]:
        """Yield what adds to a name that may turn out to be this resource's."""
        for name in site.added_outside(one.node.kind) if one.stands_in else ():
            if nodes.may_be(one.site, one.logical, one.node.kind, name):
                why = Unread("Unresolved", detail=f"It names {name}.")
                for logical in site.added[one.node.kind, name]:
                    if site.stack.type_of(logical) == kind:
                        yield self._attached(site, logical, _perhaps(site, logical, why))

    def _attached(self, site: Site, logical: str, doubt: Unread | None) -> Attached:
        exists = site.stack.exists(logical)
        reading = self._reading(site)
        why = doubt or (exists if isinstance(exists, Unread) else None) or _changed(site, logical)
        place = site.template.resources[logical].place
        return Attached(site.stack.type_of(logical), logical, place, _reader(reading, logical), why)

    def managed(self, one: Located, arn: str) -> Part | None:
        """Return the document of a managed policy in the templates of the account, by ARN."""
        for site in self.sites[one.node.name]:
            reading = self._reading(site)
            for logical in site.managed:
                if reading.answer(logical) == arn:
                    attached = self._attached(site, logical, None)
                    return Part(attached.doubt, attached.place) if attached.doubt else attached.read("PolicyDocument")
        return None

    def key(self, one: Located, said: str) -> Declared | None:
        """Return a KMS key in the templates of the account by id, ARN or alias."""
        for site in self.sites[one.node.name]:
            name = bare("kms.key", said)
            known = self.names.get(id(site), {})
            bound = next((logical for logical, bound in known.items() if bound == name), None)
            listed = [bound] if bound else site.named.get(("kms.key", site.aliases.get(name, name)), [])
            for logical in listed:
                node = Node(one.node.name, "kms.key", one.node.account, "", one.node.settings)
                stands = self._reading(site).name(logical)
                if isinstance(stands, str) and site.stack.exists(logical) is True:
                    return _declared(self, self._reading(site), Located(node, site, logical, stands, stands_in=True))
        return None


def _perhaps(site: Site, logical: str, why: Unread) -> Unread:
    place = site.template.resources[logical].place
    return replace(why, detail=_MAY_ADD.fill(logical, place, why.detail))


def _changed(site: Site, logical: str) -> Unread | None:
    return nodes.changed(site.template, logical) if site.template.macro else None


def _declared(picture: Picture, reading: Reading, one: Located) -> Declared:
    node, stack = one.node, one.site.stack
    name = one.name
    arn = _arn(reading, one.logical)
    if isinstance(arn, str) and one.qualifier:
        arn = f"{arn}:{one.qualifier}"
    target = replace(target_of(node, picture.pipeline), id=name, region=stack.region)
    return Declared(
        stack.type_of(one.logical),
        one.logical,
        one.site.template.resources[one.logical].place,
        target,
        arn,
        _reader(reading, one.logical),
        lambda kind: tuple(picture.attached(one, kind)),
        partial(picture.managed, one),
        partial(picture.key, one),
    )


def _arn(reading: Reading, logical: str) -> str | Unread:
    identity = IDENTITIES.get(reading.stack.type_of(logical))
    known = (name for name in (identity.attributes if identity else ()) if name.endswith("Arn"))
    return reading.answer(logical, next(known, ""))


def _reader(reading: Reading, logical: str) -> Callable[[str], Part | None]:
    """Return what reads a resource's properties; `Arn` is what the template's own references would get."""

    def read_property(name: str) -> Part | None:
        if name == "Arn":
            return Part(_arn(reading, logical), reading.stack.template.resources[logical].place)
        return reading.value_of(logical, name)

    return read_property


def _facet(declared: Declared, kind: str, facet: str) -> Part | Unread | None:
    """Return a facet's document; what is nested too deep to follow is unread."""
    try:
        return SPELLINGS[kind].facets[facet](declared)
    except RecursionError:
        return Unread("Malformed", detail=f"{declared.id} at {declared.place} is nested too deep.")
