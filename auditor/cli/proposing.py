"""What `auditor init --source …` finds: the pipelines that the references of a plan or of templates make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import Text

if TYPE_CHECKING:
    from auditor.fleet.discovery_found import Discovery, FoundNode
    from auditor.model import Account
    from auditor.run import Settings
    from auditor.sources.proposals import Place, Proposal

_WHY = Text("the {} references", "{} の参照")
_OPEN = Text("{} could not be told from the {} file", "{} は {} のファイルからは分かりませんでした")
_SPOKEN = {"terraform": "Terraform", "cloudformation": "CloudFormation"}


def proposed(choices: Mapping[str, Any], accounts: Sequence[Account], lang: str) -> Discovery:
    """Return what the sources' references make up, in the first of the accounts unless the source itself tells another.

    Raises `UsageError` for sources that cannot be read together, and `SourceError` for a file that cannot be used.
    """
    from auditor.fleet.discovery_found import Discovery, FoundPipeline
    from auditor.sources import cloudformation, proposals, terraform

    kind, files = _files(choices["sources"])
    road = terraform if kind == "terraform" else cloudformation
    made = road.propose(files, _settings(choices), accounts[0])
    known = _told(accounts, made)
    plain = proposals.plain(made, kind, accounts[0].name, accounts[0].region)
    found = [
        FoundPipeline(
            one.name,
            _nodes(nodes, known, _WHY.fill(_SPOKEN[kind]).say(lang)),
            (),
            tuple(_OPEN.fill(end, _SPOKEN[kind]).say(lang) for end in one.open_ends),
        )
        for one, nodes in zip(made, plain.values(), strict=True)
    ]
    return Discovery(tuple(known.values()), tuple(found))


def _files(sources: Iterable[str]) -> tuple[str, list[Path]]:
    from auditor.errors import UsageError

    said = [word.partition(":") for word in sources]
    for kind, colon, file in said:
        if kind not in _SPOKEN or not file:
            raise UsageError(
                f"--source {kind}{colon}{file}: there is no such source to discover from.",
                "Say live, terraform:PLAN.json or cloudformation:TEMPLATE.",
            )
    if len({kind for kind, _, _ in said}) > 1:
        raise UsageError("Plans and templates cannot be discovered from together.", "Say `auditor init` for each.")
    return said[0][0], [Path(file) for _, _, file in said]


def _settings(choices: Mapping[str, Any]) -> Settings:
    from auditor.cli.running import settings_of

    return settings_of({**choices, "concurrency": 1, "timeout": None})


def _told(accounts: Sequence[Account], made: Iterable[Proposal]) -> dict[str, Account]:
    """Return the accounts by id, those too that only the source tells; such a one has no other name."""
    from auditor.model import Account as Made

    known = {one.id: one for one in accounts}
    places: list[Place] = [place for one in made for place in one.nodes.values()]
    for place in places:
        if place.account and place.account not in known:
            region = next((one.region for one in places if one.account == place.account and one.region), "")
            known[place.account] = Made(place.account, place.account, region or accounts[0].region)
    return known


def _nodes(nodes: Mapping[str, Mapping[str, str]], known: Mapping[str, Account], why: str) -> dict[str, FoundNode]:
    from auditor.fleet.discovery_found import FoundNode

    result = {}
    for name, words in nodes.items():
        account = known.get(words["account"])
        said = {**words, "account": account.name} if account is not None else dict(words)
        if account is not None and said.get("region") == account.region:
            said.pop("region")
        result[name] = FoundNode(said, why)
    return result
