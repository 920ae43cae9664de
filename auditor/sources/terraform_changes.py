"""What a plan does to a resource and to the documents that configure it: what goes, and who writes what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.kinds.parts import Part, lifted
from auditor.kinds.planned import Planned
from auditor.kinds.terraform import SPELLINGS
from auditor.model import Json
from auditor.sources.terraform_nodes import Index, Link, Located, links
from auditor.sources.terraform_plan import Instance
from auditor.sources.terraform_values import View


def changes(planned: Planned, found: Located, index: Index, view: View) -> Part:
    """Return the facet `Plan`: the actions on the resource, the documents that go, and who writes each document.

    `Removed` lists each resource that writes a document of this one and is deleted or replaced, with its actions;
    `Owners` maps a facet to the addresses of all that write it after the plan was applied (and of what the plan deletes
    beside another that stays: their order is open).
    """
    instance = found.instance
    made: dict[str, Part] = {}
    if instance is not None:
        said: Json = {"Address": instance.address, "Actions": list(instance.actions)}
        made |= {name: lifted(value, planned.place) for name, value in said.items()}
    spelling = SPELLINGS[found.node.kind]
    removed: list[Part] = []
    owners: dict[str, Part] = {}
    for facet, kinds in spelling.documents.items():
        staying = [one for kind in kinds for one in links(found, kind, index) if one.doubt is None]
        going = [one for kind in kinds for one in links(found, kind, index, removed=True)]
        inline = _inline(instance, spelling.inline.get(facet, ()), view)
        place = index.world.place((staying or going)[0].instance) if staying or going else planned.place
        writers = [one.instance.address for one in staying] + inline
        owners[facet] = lifted(writers + ([one.instance.address for one in going] if writers else []), place)
        if not (instance is not None and "delete" in instance.actions):
            listed = going if not writers else []
            removed += [_row(one, facet, index) for one in (*listed, *_replaced(staying))]
    made["Removed"] = Part(removed, planned.place)
    made["Owners"] = Part({facet: part for facet, part in owners.items() if part.value}, planned.place)
    return Part(made, planned.place)


def _replaced(staying: list[Link]) -> Iterator[Link]:
    yield from (one for one in staying if "delete" in one.instance.actions)


def _row(link: Link, facet: str, index: Index) -> Part:
    instance = link.instance
    row: Mapping[str, Json] = {"Facet": facet, "Address": instance.address, "Actions": list(instance.actions)}
    return lifted(row, index.world.place(instance))


def _inline(instance: Instance | None, names: tuple[str, ...], view: View) -> list[str]:
    """Return the older blocks of the resource itself that the configuration sets."""
    if instance is None:
        return []
    block = view.world.block(instance)
    return [f"{instance.address} ({name})" for name in names if block is not None and name in block.expressions]
