"""Tables to browse what AWS has: kinds with their nodes, facets with their permissions, routes with types and values."""

from __future__ import annotations

from auditor.errors import UsageError
from auditor.files import closest, did_you_mean
from auditor.kinds import KINDS, Kind, kinds_at, nodes

Rows = list[tuple[str, ...]]


def kinds(lang: str) -> Rows:
    """Return each kind, the nodes where it may stand, and what it is."""
    places = {name: [node for node in nodes() if name in kinds_at(node)] for name in KINDS}
    return [(name, " ".join(places[name]), KINDS[name].doc.say(lang)) for name in KINDS]


def facets_of(word: str, lang: str) -> Rows:
    """Return each facet of a kind (or of what may stand at a node), the permissions to read it, and what it is."""
    rows = {facet.name: facet for kind in _meant(word) for facet in kind.facets.values()}
    return [(row.name, " ".join(row.permissions), row.doc.say(lang)) for row in rows.values()]


def routes_of(word: str, facet: str, depth: int) -> Rows:
    """Return each route into a facet with its type and AWS's values. Raises `UsageError` for what does not exist."""
    from auditor.kinds import shapes

    facet, _, below = facet.partition(".")
    for kind in _meant(word):
        if facet in kind.facets:
            start = f"{facet}.{below}" if below else facet
            if problem := shapes.route_problem(kind, start):
                raise UsageError(f"{problem}." if not problem.endswith(("?", ".")) else problem)
            listed = shapes.routes(kind, facet, depth + start.count("."))
            return [(route, form, " ".join(values)) for route, form, values in listed if _below(route, start)]
    known = [name for kind in _meant(word) for name in kind.facets]
    raise UsageError(f"{word} has no facet `{facet}`.", did_you_mean(facet, known).strip())


def _below(route: str, start: str) -> bool:
    return route == start or route.startswith((f"{start}.", f"{start}["))


def _meant(word: str) -> list[Kind]:
    names = (word,) if word in KINDS else kinds_at(word)
    if not names:
        known = [*KINDS, *nodes()]
        hint = did_you_mean(word, known) if closest(word, known) else " `auditor rules routes` lists them."
        raise UsageError(f"There is no kind and no node `{word}`.", hint.strip())
    return [KINDS[name] for name in names]
