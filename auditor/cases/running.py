"""Judge each case of a rule, and say what did not come out as the case expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.cases.laws import broken, said
from auditor.cases.standard import snapshot_of, subject_of
from auditor.engine import judge
from auditor.model import Finding, Safety, Snapshot, Verdict
from auditor.predicates import PREDICATES
from auditor.render.sentences import finding_sentences
from auditor.rule import Case, Rule


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that did not hold, or a law that a fix broke."""

    rule: Rule
    case: Case
    sentence: str

    def __str__(self) -> str:
        return f"{self.case.place}: {self.rule.id}, case “{self.case.name}”: {self.sentence}"


def failures(rule: Rule) -> Iterator[Failure]:
    """Yield what is wrong with a rule's cases: the verdict, the evidence, a law of fixes broken."""
    for case in rule.cases:
        snapshot = snapshot_of(case)
        for sentence in (*unmet(rule, case, snapshot), *unlawful(rule, case, snapshot)):
            yield Failure(rule, case, sentence)


def verdict_of(case: Case, rule: Rule, snapshot: Snapshot | None = None) -> Finding | None:
    """Return the finding that a case leads to; `None` when a node that the rule needs is absent."""
    snapshot, node = snapshot or snapshot_of(case), subject_of(case, rule)
    if node not in snapshot.resources or any(other not in snapshot.resources for other in rule.required):
        return None
    return judge(rule, node, snapshot, PREDICATES)


def unmet(rule: Rule, case: Case, snapshot: Snapshot) -> Iterator[str]:
    """Yield why a case does not hold: another verdict, or evidence that does not say what it pins."""
    finding = verdict_of(case, rule, snapshot)
    verdict = finding.verdict if finding else Verdict.NOT_APPLICABLE
    if verdict is not case.expect:
        shown = "; ".join(finding_sentences(finding, "en")) if finding else ""
        yield f"expected {case.expect.value}, judged {verdict.value}{shown and f' ({shown})'}"
    elif case.says and finding:
        lines = [said(finding, index) for index in range(len(finding.evidence))]
        if not any(case.says in line for line in lines):
            yield f"no evidence says “{case.says}”: " + "; ".join(lines)


def unlawful(rule: Rule, case: Case, snapshot: Snapshot) -> Iterator[str]:
    """Yield which law a rule's fix breaks on a case that fails as it should."""
    if case.expect is not Verdict.FAIL or rule.fix is None or rule.fix.safety is Safety.MANUAL:
        return
    finding = verdict_of(case, rule, snapshot)
    if finding is not None and finding.verdict is Verdict.FAIL:
        yield from broken(rule, case, snapshot, subject_of(case, rule))


def run(rules: Iterable[Rule]) -> tuple[int, tuple[Failure, ...]]:
    """Return how many cases were run, and all failures."""
    listed = tuple(rules)
    return sum(len(rule.cases) for rule in listed), tuple(bad for rule in listed for bad in failures(rule))
