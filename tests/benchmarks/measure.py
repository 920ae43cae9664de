"""Run a program and say what it took: wall seconds, CPU seconds, peak memory; and the world it talks to."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.benchmarks.fleet import write_fleet

ROOT = Path(__file__).resolve().parents[2]
# jsonschema loads rfc3987_syntax when it happens to be installed (for a format that no schema here has), which takes a
# second and a half; nothing that auditor requires brings it along.
AUDITOR = (
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None; from auditor.cli import main; main()",
)
"""The program, as its command starts it."""

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


# A process counts as its own peak what its parent held when it was forked, so a small one forks it.
_LAUNCH = """
import json, os, sys, time
begun = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
told = [os.waitstatus_to_exitcode(status), time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
"""


def run(words, env=None):
    """Run a program to its end and return its cost, start-up included."""
    with tempfile.NamedTemporaryFile("r") as told:
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, told.name, *words]
        done = subprocess.run(launch, capture_output=True, text=True, env=env, cwd=ROOT, check=True)
        return Cost(*json.load(told), done.stdout, done.stderr)


@contextmanager
def world(pipelines, delay_ms, extra_roles=0, *, whole=False):
    """Serve a fleet; yields (folder with its files, environment, URL). With `whole` each account lists all of it."""
    words = [sys.executable, "-m", "tests.benchmarks.world", str(pipelines), str(delay_ms), str(extra_roles)]
    words += ["whole"] if whole else []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as name:
            folder = Path(name)
            write_fleet(folder, url, range(1, pipelines + 1))
            env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
            env |= {"AWS_CONFIG_FILE": str(folder / "aws"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
            env |= {"XDG_STATE_HOME": str(folder / "state"), "AWS_EC2_METADATA_DISABLED": "true"}
            try:
                yield folder, env, url
            finally:
                server.stdin.close()


def usage(url):
    """Return what the world counted."""
    with urlopen(url + "/_usage") as answer:
        told = json.load(answer)
    if told["strange"]:
        raise SystemExit(f"The world has no answer to {told['strange'][0]!r}: python -m tests.benchmarks.record")
    return told
