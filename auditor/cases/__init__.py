"""Run the cases beside a rule, the three laws of its fix, and its mutants, without AWS."""

from __future__ import annotations

from auditor.cases.mutants import Coverage, Mutant, coverage, mutants
from auditor.cases.running import Failure, failures, run, verdict_of
from auditor.cases.standard import snapshot_of, subject_of

__all__ = [
    "Coverage",
    "Failure",
    "Mutant",
    "coverage",
    "failures",
    "mutants",
    "run",
    "snapshot_of",
    "subject_of",
    "verdict_of",
]
