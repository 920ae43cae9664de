"""A process that applies or rolls back, and is killed at a chosen instant: run as `python -m tests.remedy.crash`.

It reads one order a line (JSON) and forks for each, so that what is killed is a process of its own with the modules
already in it. It answers with the signal that ended the child.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fatal(order, remedy_journal, door_class):
    """Arrange for SIGKILL: after the n-th line, in the middle of it, or after the n-th call."""
    counted = {"line": 0, "call": 0}
    write_whole, tell = remedy_journal._write_whole, door_class.tell

    def written(handle, content):
        counted["line"] += 1
        if order["when"] == "torn" and counted["line"] == order["at"]:
            write_whole(handle, content[: len(content) // 2])
            kill()
        write_whole(handle, content)
        if order["when"] == "line" and counted["line"] == order["at"]:
            kill()

    def told(self, account, region):
        make = tell(self, account, region)

        def call(one):
            answer = make(one)
            counted["call"] += 1
            if order["when"] == "call" and counted["call"] == order["at"]:
                kill()
            return answer

        return call

    remedy_journal._write_whole = written
    door_class.tell = told


def work(order):
    from auditor.aws import Aws
    from auditor.remedy import apply, begin, find, journal, load, reopen, rollback
    from tests.remedy import world

    os.environ.update(order["env"])
    state_dir = Path(order["state_dir"])
    fatal(order, journal, Aws)
    with world.door() as aws:
        if order["do"] == "apply":
            plan = load(Path(order["plan"]))
            with begin(plan, state_dir) as open_journal:
                apply(plan, aws, open_journal, patience=world.QUICK)
        else:
            run = find("last", state_dir)
            with reopen(run) as open_journal:
                rollback(run, aws, open_journal, patience=world.QUICK)


def main():
    import boto3  # noqa: F401 - loaded once, before the forks

    from tests.remedy import world  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)


if __name__ == "__main__":
    main()
