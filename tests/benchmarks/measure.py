"""Run a program and say what it took: wall seconds, CPU seconds, peak memory; and the world it talks to."""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.benchmarks.fleet import write_fleet

ROOT = Path(__file__).resolve().parents[2]
FEW = (
    "table-deletion-protection",
    "pitr-enabled",
    "pitr-recovery-period",
    "versioning-enabled",
    "replication-configured",
    "replication-covers-exports",
    "replication-rules-unambiguous",
    "replication-delete-markers",
    "replication-time-control",
    "replication-metrics",
    "notification-hears-exports",
    "notification-unambiguous",
    "replication-role-trust",
)
"""Rules that look at the table, its recovery, versioning, replication, notification and the role's trust policy."""


@dataclass(frozen=True)
class Cost:
    """What a run took; `peak` is in MiB."""

    code: int
    wall: float
    cpu: float
    peak: float
    out: str
    err: str
    requests: int = 0


def run(words, env=None, cwd=None):
    """Run a program to its end and return its cost, start-up included."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.perf_counter()
        child = subprocess.Popen(words, stdout=out, stderr=err, env=env, cwd=cwd or ROOT)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        cpu = used.ru_utime + used.ru_stime
        return Cost(child.returncode, wall, cpu, used.ru_maxrss / 1024, out.read(), err.read())


@contextmanager
def world(pipelines, delay_ms, extra_roles=0):
    """Serve a fleet; yields (folder with its files, environment, function that tells the requests made since)."""
    words = [sys.executable, "-m", "tests.benchmarks.world", str(pipelines), str(delay_ms), str(extra_roles)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as name:
            folder = Path(name)
            write_fleet(folder, url, range(1, pipelines + 1))
            env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
            env |= {"AWS_CONFIG_FILE": str(folder / "aws"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
            env |= {"XDG_STATE_HOME": str(folder / "state"), "AWS_EC2_METADATA_DISABLED": "true"}
            yield folder, env, url
        server.stdin.close()


def usage(url):
    """Return what the world counted."""
    with urlopen(url + "/_usage") as answer:
        told = json.load(answer)
    if told["strange"]:
        raise SystemExit(f"The world has no answer to {told['strange'][0]!r}: python -m tests.benchmarks.record")
    return told
