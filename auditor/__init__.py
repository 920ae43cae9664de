"""Audit DynamoDB-to-S3-to-replication pipelines: judge them with declarative rules, and mend them safely.

What the command line does, a program does with five functions. Values go in, values come out; only `audit` with a live
source reads AWS, and only `apply` and `roll_back` write to it.

>>> import auditor
>>> pipelines, rules = auditor.load("pipeline.yaml")
>>> report = auditor.audit(pipelines, rules, to_fix=True)
>>> sorted(finding.rule for finding in report.findings if finding.verdict.value == "fail")
['table-deletion-protection', 'tls-only']

A finding carries its evidence: where, what was wanted, and what was found.

>>> evidence = next(one for one in report.findings if one.rule.startswith("table")).evidence[0]
>>> evidence.route
'table.Description.DeletionProtectionEnabled'
>>> (evidence.wanted, evidence.found)
(True, False)

A plan says what would be written; what a safe plan leaves needs review, or a person.

>>> plan = auditor.plan(report, rules)
>>> [change.facet for change in plan.changes]
['Description']
>>> [left.rule for left in plan.left]
['tls-only']
>>> outcome = auditor.apply(plan)
>>> outcome.complete
True
>>> again = auditor.audit(pipelines, rules)
>>> [finding.rule for finding in again.findings if finding.verdict.value == "fail"]
['tls-only']

Every run can be undone.

>>> auditor.roll_back(outcome.run).complete
True
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.version import __version__

if TYPE_CHECKING:
    from auditor.model import Pipeline, Report
    from auditor.remedy import Outcome, Plan
    from auditor.rule import Rule

__all__ = ["__version__", "apply", "audit", "load", "plan", "roll_back"]


def load(
    *paths: str | Path,
    rules: Iterable[str | Path] = (),
    select: Iterable[str] = (),
    skip: Iterable[str] = (),
    min_severity: str = "info",
) -> tuple[tuple[Pipeline, ...], tuple[Rule, ...]]:
    """Return the pipelines of files and folders, and the rules to judge them by.

    The rules are the shipped ones and those below the folders `rules`, chosen by id, tag, pack or severity. Raises
    `auditor.errors.InputError` with all mistakes of all files, each with its line and column, and `UsageError` when no
    rule is left. Shipped rules come without the cases that prove them.

    >>> pipelines, rules = load("pipeline.yaml", select=["dynamodb"], min_severity="high")
    >>> [pipeline.name for pipeline in pipelines]
    ['orders']
    >>> [rule.id for rule in rules]
    ['pitr-continuous', 'pitr-enabled']
    """
    from auditor.errors import InputError, Mistake, PipelineError, UsageError
    from auditor.model import Severity
    from auditor.pipeline import load as load_pipelines
    from auditor.pipeline import unknown_rules
    from auditor.rulebook import load as load_rules
    from auditor.rulebook import selected

    mistakes: list[Mistake] = []
    everything: tuple[Rule, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    try:
        everything = load_rules([Path(folder) for folder in rules], vet=False, with_cases=False)
    except InputError as error:
        mistakes.extend(error.mistakes)
    try:
        words = {name: schema for rule in everything for name, schema in rule.parameters.items()}
        pipelines = load_pipelines([Path(path) for path in paths], intent=words)
    except InputError as error:
        mistakes.extend(error.mistakes)
    if everything and pipelines:
        mistakes.extend(unknown_rules(pipelines, [rule.id for rule in everything]))
    if mistakes:
        raise PipelineError(mistakes)
    chosen = selected(everything, select, skip, Severity(min_severity))
    if not chosen:
        raise UsageError("No rule is left to judge by.", "Loosen --select, --skip or --min-severity.")
    return pipelines, chosen


def audit(
    pipelines: Iterable[Pipeline],
    rules: Iterable[Rule],
    *,
    source: str | Iterable[str] = "live",
    to_fix: bool = False,
    timeout: float | None = None,
) -> Report:
    """Return what the rules find in the pipelines; what could not be read is unknown, and says why.

    `source` is `live`, `snapshot:FILE`, `terraform:PLAN.json` or `cloudformation:TEMPLATE`, or several of them. With
    `to_fix` what a plan needs is read too. After `timeout` seconds the rest is unknown.

    >>> pipelines, rules = load("pipeline.yaml", select=["versioning-enabled"])
    >>> report = audit(pipelines, rules)
    >>> [(finding.node, finding.verdict.value) for finding in report.findings]
    [('source_bucket', 'pass'), ('destination_bucket', 'pass')]
    """
    from auditor.run import Settings
    from auditor.run import audit as run

    sources = (source,) if isinstance(source, str) else tuple(source)
    return run(pipelines, rules, Settings(sources=sources, to_fix=to_fix, timeout=timeout))


def plan(report: Report, rules: Iterable[Rule], *, safety: str = "safe") -> Plan:
    """Return the changes that would mend what failed, none bolder than `safety` (`safe` or `review`), and what they leave.

    Nothing is written. The report must be of an audit `to_fix`: a document that was not read is never changed.
    """
    from auditor.model import Safety
    from auditor.remedy import draft
    from auditor.run import Settings, judged

    book = tuple(rules)
    pipelines = [snapshot.pipeline for snapshot in report.snapshots]
    return draft(
        report.snapshots,
        report.findings,
        book,
        safety=Safety(safety),
        judge=lambda snapshot: judged(snapshot, book, pipelines, Settings()),
    )


def apply(plan: Plan, *, state_dir: Path | None = None) -> Outcome:
    """Make exactly the changes of a plan, each only if its document is as the plan saw it, and return what became of each.

    Each write is journalled before it is made, below `state_dir` (without it where the command line keeps its own).
    """
    from auditor.aws import Aws
    from auditor.remedy import apply as carry_out
    from auditor.remedy import begin

    with Aws() as aws, begin(plan, state_dir) as journal:
        return carry_out(plan, aws, journal)


def roll_back(run: str = "last", *, state_dir: Path | None = None) -> Outcome:
    """Undo what a run wrote, last write first, and return what became of each change; `last` is the newest run.

    What somebody changed since is left alone, and said.
    """
    from auditor.aws import Aws
    from auditor.remedy import find, reopen, rollback

    found = find(run, state_dir)
    with Aws() as aws, reopen(found) as journal:
        return rollback(found, aws, journal)
