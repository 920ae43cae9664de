"""The routes that a rule names: where they begin, and which facets they lead into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from auditor.edits import EDITS
from auditor.kinds import KINDS, wanted
from auditor.model import NODES, Pipeline
from auditor.predicates import PREDICATES
from auditor.rule import Among, AnyCheck, Check, Rule
from auditor.scope import holes, steps

_HEADS = ("intent", "subject")


def absolute(route: str, inside: str = "") -> str:
    """Return a route that begins with a node, `intent` or `subject`; `inside` is the item that it is relative to."""
    path = steps(route)
    if path and (path[0] in NODES or path[0] in _HEADS or _added(str(path[0]))):
        return route
    start = inside or "subject"
    return start if not path else f"{start}.{route}"


def _added(head: str) -> bool:
    """Tell whether a first step is a node that another distribution adds (AWS's own words begin with a capital)."""
    return head.islower() and any(head in KINDS[name].nodes for name in KINDS.offers())


def each_check(checks: Iterable[AnyCheck]) -> Iterator[tuple[Check | Among, str]]:
    """Yield every simple check and every `in:` with the route of the list it stands in (empty at the top)."""
    yield from _each(checks, "")


def _each(checks: Iterable[AnyCheck], inside: str) -> Iterator[tuple[Check | Among, str]]:
    for check in checks:
        if isinstance(check, Check):
            yield check, inside
        elif isinstance(check, Among):
            yield check, inside
            yield from _each(check.checks, absolute(check.route, inside) + "[0]")
        else:
            yield from _each(check.checks, inside)


def with_needs(rule: Rule) -> Rule:
    """Return a rule that knows which nodes it requires, and which routes it and its fix read."""
    reads = [route for check, inside in each_check(rule.checks) for route in _reads(check, inside)]
    conditions = [route for check, inside in each_check(rule.when) for route in _reads(check, inside)]
    edits = rule.fix.edits if rule.fix else ()
    mends = [f"{edit.node or 'subject'}.{edit.facet}" for edit in edits]
    mends += [hole for edit in edits for hole in holes(edit.wanted)]
    mends += [
        route
        for edit in edits
        for route in EDITS[edit.action].needs(edit.wanted, f"{edit.node or 'subject'}.{edit.facet}")
    ]
    needs = dict.fromkeys(route.removeprefix("?") for route in (*reads, *conditions))
    named = {str(steps(route)[0]) for route in reads if not route.startswith("?")}
    return replace(
        rule,
        required=frozenset(named - set(_HEADS)),
        needs=tuple(needs),
        fix_needs=tuple(dict.fromkeys(route.removeprefix("?") for route in mends)),
    )


def _reads(check: Check | Among, inside: str) -> Iterator[str]:
    if isinstance(check, Among):
        yield absolute(check.route, inside)
        return
    at = absolute(check.at, inside)
    yield at
    yield from (absolute(hole, inside) for hole in (*holes(check.wanted), *holes(check.default)))
    for route in PREDICATES[check.predicate].needs(check.wanted, at):
        yield "?" + absolute(route[1:]) if route.startswith("?") else absolute(route)


def words_read(rule: Rule) -> frozenset[str]:
    """Return the words of `intent` that a rule and its fix name in their routes."""
    paths = [steps(route) for route in (*rule.needs, *rule.fix_needs)]
    return frozenset(str(path[1]) for path in paths if len(path) > 1 and path[0] == "intent")


def wanted_facets(rules: Iterable[Rule], pipeline: Pipeline, *, to_fix: bool = False) -> frozenset[tuple[str, str]]:
    """Return the (node, facet) pairs of a pipeline that the rules read, and with `to_fix` those that their edits need."""
    wanted = set()
    for rule in rules:
        for subject in rule.subjects:
            if subject not in pipeline.nodes or any(node not in pipeline.nodes for node in rule.required):
                continue
            routes = rule.needs + (rule.fix_needs if to_fix else ())
            wanted |= {pair for route in routes for pair in _facet_of(route, subject, pipeline)}
    return frozenset(wanted)


def _facet_of(route: str, subject: str, pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    path = steps(route)
    node = subject if path and path[0] == "subject" else str(path[0]) if path else ""
    declared = pipeline.nodes.get(node)
    if declared is None or len(path) < 2:
        return
    kind = KINDS[declared.kind]
    name = str(path[1])
    name = str(steps(kind.aliases[name])[0]) if name in kind.aliases else name
    if name in kind.facets and wanted(declared, name, pipeline.intent) != "ignore":
        yield node, name
