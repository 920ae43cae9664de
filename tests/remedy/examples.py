"""Write the golden examples of plan-v1 and journal-v1 anew: `python -m tests.remedy.examples`."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from unittest import mock

from auditor.remedy import apply, begin, dump, reopen, rollback, runs
from auditor.remedy.journal import Run
from tests.remedy.world import QUICK
from tests.test_remedy import MISSET, example

PLACE = Path(__file__).parents[2] / "reports" / "examples"
RUN = "20260115T093012000000Z-0a1b2c3d"


class Remembered:
    """An AWS that holds each document of the mis-set pipeline and changes it as the plan says."""

    def __init__(self, plan):
        self.plan = plan
        self.now = {change.id: change.before for change in plan.changes}

    def reader(self, change):
        return self.now[change.id]

    def ask(self, _account, _region):
        return lambda _call: {}

    def tell(self, _account, _region):
        def call(one):
            for change in self.plan.changes:
                if one in change.do:
                    self.now[change.id] = change.after
                elif one in change.undo:
                    self.now[change.id] = {"Status": "Suspended"} if change.facet == "Versioning" else change.before

        return call


def journal(plan):
    """The lines of a run that was applied and rolled back, at fixed times."""
    clock = (f"2026-01-15T09:30:{12 + number // 10:02d}.{number % 10}00Z" for number in itertools.count())
    aws = Remembered(plan)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("auditor.remedy.journal._now", lambda: next(clock)),
        mock.patch("auditor.remedy.journal.new_id", lambda: RUN),
        mock.patch("auditor.remedy.apply.read", lambda _aws, change: aws.reader(change)),
        mock.patch("auditor.remedy.rollback.read", lambda _aws, change: aws.reader(change)),
        mock.patch("auditor.remedy.writing.read", lambda _aws, change: aws.reader(change)),
    ):
        with begin(plan, Path(folder)) as opened:
            apply(plan, aws, opened, patience=QUICK)
        (run,) = runs(Path(folder))
        assert isinstance(run, Run)
        with reopen(run) as opened:
            rollback(run, aws, opened, patience=QUICK)
        return run.path.read_text(encoding="utf-8")


def main():
    assert MISSET
    plan = example()
    (PLACE / "plan-v1.json").write_text(json.dumps(dump(plan), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (PLACE / "journal-v1.jsonl").write_text(journal(plan), encoding="utf-8")


if __name__ == "__main__":
    main()
