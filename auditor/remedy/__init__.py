"""How a fix is made: drafted as a plan, shown, applied with a journal, resumed after a crash, and rolled back."""

from __future__ import annotations

from auditor.remedy.apply import apply, inspect
from auditor.remedy.change import Change, Left, Plan
from auditor.remedy.entering import entered
from auditor.remedy.journal import Journal, Run, begin, find, reopen, runs, unfinished
from auditor.remedy.outcome import OnEvent, Outcome, Result, State
from auditor.remedy.plan import draft
from auditor.remedy.rollback import resume, rollback
from auditor.remedy.saved import digest, dump, load, save
from auditor.remedy.writing import Door, Patience

__all__ = [
    "Change",
    "Door",
    "Journal",
    "Left",
    "OnEvent",
    "Outcome",
    "Patience",
    "Plan",
    "Result",
    "Run",
    "State",
    "apply",
    "begin",
    "digest",
    "draft",
    "dump",
    "entered",
    "find",
    "inspect",
    "load",
    "reopen",
    "resume",
    "rollback",
    "runs",
    "save",
    "unfinished",
]
