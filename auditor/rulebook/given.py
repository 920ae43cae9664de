"""Vetting of the cases beside a rule: a case may say only what AWS could say, at nodes and in words that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.errors import Mistake
from auditor.files import did_you_mean, shown
from auditor.kinds import KINDS, kinds_at
from auditor.model import Json, Unread, Verdict
from auditor.rulebook.draft import Draft, Path

SETTINGS = ("name", "kind", "account", "prefix", "region", "absent", "unread")
"""What a case may say of a node beside its facets."""
ATTRIBUTES = ("Arn", "Name", "Account", "Region", "Prefix", "ExportPrefix")
"""Attributes that a case may give where they need no reading."""
_ACCOUNTS = ("production", "analytics")


def case_mistakes(draft: Draft) -> Iterator[Mistake]:
    """Yield what is wrong in the cases of a rule, and which of the three answers none of them expects."""
    tests = draft.document.value.get("tests")
    if not isinstance(tests, list):
        return
    for index, case in enumerate(tests):
        if isinstance(case, Mapping):
            yield from _case(draft, case, ("tests", index))
    expected = [case.get("expect") for case in tests if isinstance(case, Mapping)]
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN):
        if verdict.value not in expected:
            yield draft.at_key(("tests",), f"No test expects {verdict.value}.", "Add at least one case for it.")


def opened(value: Json) -> Json:
    """Turn `{unread: reason}` anywhere inside a given document into an unread part."""
    if isinstance(value, Mapping):
        if set(value) == {"unread"} and isinstance(value["unread"], str):
            return Unread(value["unread"])
        return {key: opened(part) for key, part in value.items()}
    return [opened(part) for part in value] if isinstance(value, list) else value


def _case(draft: Draft, case: Mapping[str, Json], path: Path) -> Iterator[Mistake]:
    given, after = case.get("given"), case.get("after")
    for node, facets in given.items() if isinstance(given, Mapping) else ():
        here = (*path, "given", node)
        if node == "intent":
            yield from _intent(draft, here)
        elif kinds_at(node) and isinstance(facets, Mapping):
            yield from _node(draft, node, facets, here)
    for node, facets in after.items() if isinstance(after, Mapping) else ():
        here = (*path, "after", node)
        if not kinds_at(node):
            yield draft.at_key(here, f"There is no node {shown(node)}.", did_you_mean(node, draft.subjects))
        elif isinstance(facets, Mapping):
            yield from _documents(draft, _kind(node, given), facets, here)
    node = case.get("node")
    if isinstance(node, str) and node not in draft.subjects:
        hint = did_you_mean(node, draft.subjects)
        yield draft.mistake((*path, "node"), f"The rule does not judge {shown(node)}.", hint)


def _kind(node: str, given: Json) -> str:
    facets = given.get(node) if isinstance(given, Mapping) else None
    said = facets.get("kind") if isinstance(facets, Mapping) else None
    return said if said in kinds_at(node) else kinds_at(node)[0]


def _intent(draft: Draft, path: Path) -> Iterator[Mistake]:
    schema = {"type": "object", "properties": dict(draft.words), "additionalProperties": False}
    yield from draft.parameter(path, schema, "`intent`")


def _node(draft: Draft, node: str, given: Mapping[str, Json], path: Path) -> Iterator[Mistake]:
    kinds = kinds_at(node)
    kind = given.get("kind", kinds[0])
    if kind not in kinds:
        yield draft.mistake(
            (*path, "kind"), f"{shown(kind)} is no kind of {shown(node)}.", did_you_mean(str(kind), kinds)
        )
        return
    account = given.get("account", _ACCOUNTS[0])
    if account not in _ACCOUNTS:
        yield draft.mistake(
            (*path, "account"), f"A case has no account {shown(account)}.", did_you_mean(str(account), _ACCOUNTS)
        )
    yield from _unread(draft, kind, given.get("unread"), (*path, "unread"))
    facets = {name: part for name, part in given.items() if name not in SETTINGS and name not in ATTRIBUTES}
    yield from _documents(draft, kind, facets, path)


def _unread(draft: Draft, kind: str, reasons: Json, path: Path) -> Iterator[Mistake]:
    if reasons is None:
        return
    schema = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
    yield from draft.parameter(path, schema, "`unread`")
    for facet in reasons if isinstance(reasons, Mapping) else ():
        if facet not in KINDS[kind].facets:
            yield draft.at_key(
                (*path, facet), f"{kind} has no facet {shown(facet)}.", did_you_mean(facet, KINDS[kind].facets)
            )


def _documents(draft: Draft, kind: str, facets: Mapping[str, Json], path: Path) -> Iterator[Mistake]:
    from auditor.kinds import shapes

    for facet, document in facets.items():
        here = (*path, facet)
        if facet not in KINDS[kind].facets:
            yield draft.at_key(here, f"{kind} has no facet {shown(facet)}.", did_you_mean(facet, KINDS[kind].facets))
            continue
        for part, problem in shapes.document_misfits(kind, facet, opened(document)):
            sentence, _, hint = problem.replace("the document", facet, 1).partition(". ")
            at = draft.at_key if " has no " in sentence and " has no value" not in sentence else draft.mistake
            yield at((*here, *part), f"AWS never says this: {sentence.removesuffix('.')}.", hint)
