"""The golden pipeline, its variants, its styles and its single mistakes, as snapshots."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from auditor import rulebook
from auditor.cases import snapshot_of
from auditor.engine import evaluate
from auditor.errors import Place
from auditor.kinds import KINDS
from auditor.model import Safety, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Case
from auditor.scope import steps

HERE = Path(__file__).parent
GOLDEN = yaml.safe_load((HERE / "golden.yaml").read_text(encoding="utf-8"))
# What only a Terraform plan can tell is no matter of a pipeline that runs.
RULES = tuple(rule for rule in rulebook.load(vet=False) if "subject.Plan" not in rule.needs)
BY_ID = {rule.id: rule for rule in RULES}


@dataclass(frozen=True)
class Entry:
    """One pipeline: what differs from the golden one, and what is to be found in it.

    `person`: its fix may be automatic, and here a person is needed. `maybe`: why nobody can tell, so that unknown is right.
    `writes`: what its fix writes, where that is not what its rule always writes. `later`: what only AWS can tell after it.
    `live`: how the stand-in is brought there (calls; empty: by the documents), or why it is not (a sentence). `first`: these
    calls come before replication is configured. `without`: steps of the golden pipeline that are left out.
    """

    name: str
    file: str
    set: dict = field(default_factory=dict)
    variants: tuple = ()
    finds: dict = field(default_factory=dict)
    person: bool = False
    maybe: str = ""
    writes: tuple = ()
    later: tuple = ()
    live: list | str | None = None
    first: bool = False
    without: tuple = ()

    @property
    def expected(self):
        """Return what is to be found as (rule, node) pairs."""
        return sorted(self.finds.items())

    @property
    def mended(self):
        """Tell whether a fix mends it without a person."""
        return not (self.person or self.maybe or any(BY_ID[rule].fix.safety is Safety.MANUAL for rule in self.finds))

    @property
    def written(self):
        """Return what the fix writes, as `node.Facet`: as a rule, the facet of its only edit."""
        if self.writes:
            return sorted(self.writes)
        edits = [(edit.node or node, edit.facet) for rule, node in self.expected for edit in BY_ID[rule].fix.edits]
        there = self.snapshot().resources
        return sorted({f"{node}.{facet}" for node, facet in edits if facet in KINDS[there[node].node.kind].facets})

    @property
    def sets(self):
        """Return the changes in the order in which they are made."""
        return [*(GOLDEN["variants"][name] for name in self.variants), self.set]

    def given(self, *, whole=True):
        """Return the documents of every node; those of the variant alone when not `whole`."""
        documents = json.loads(json.dumps(GOLDEN["base"]))  # nothing is shared
        for one in self.sets if whole else self.sets[:-1]:
            before = copy.deepcopy(documents)
            change(documents, one)
            assert documents != before or not one, f"{self.name}: nothing changes"
        return documents

    def snapshot(self):
        """Return the pipeline as a snapshot."""
        return snapshot_of(Case(self.name, self.given(), Verdict.PASS, Place(self.file)))


def change(documents, routes):
    """Put values at routes; "-" takes one away, and a list grows at its end."""
    for route, value in routes.items():
        *path, last = steps(route)
        place = documents
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        if value == "-":
            place.pop(last)
        elif isinstance(place, list) and last >= len(place):
            place.append(copy.deepcopy(value))
        else:
            place[last] = copy.deepcopy(value)


_TUPLES = {"without", "writes", "later"}


def _entries(pattern):
    for path in sorted(HERE.glob(pattern)):
        for told in yaml.safe_load(path.read_text(encoding="utf-8")):
            one = dict(told)
            yield Entry(
                file=path.name,
                variants=tuple(one.pop("from", ())),
                **{key: tuple(value) if key in _TUPLES else value for key, value in one.items()},
            )


STYLES = tuple(_entries("styles*.yaml"))
FAULTS = tuple(_entries("faults_*.yaml"))


def wrong(snapshot, rules=RULES):
    """Return the findings that failed or are unknown."""
    found = evaluate(snapshot, rules, PREDICATES)
    return [one for one in found if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]


def told(findings):
    """Return findings as lines to read."""
    return "\n".join(
        f"{one.rule}@{one.node} {one.verdict.value}: "
        + "; ".join(
            f"{e.route}: {e.wanted} / {e.found} {e.unread or ''} {e.note.en if e.note else ''}" for e in one.evidence
        )
        for one in findings
    )
