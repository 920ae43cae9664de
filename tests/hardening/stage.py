"""A stand-in with a pipeline in it, and the real command run against it as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from auditor.aws.plain_client import client as plain_client
from auditor.demo import _PROFILES, PIPELINE

PRODUCTION, ANALYTICS, REGION = "111122223333", "444455556666", "ap-northeast-1"
SECONDS = 120
# boto3 waits for its own token file and metadata service where it finds no keys; none of that belongs here.
_QUIET = {"AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True)
class Stage:
    """A folder with `pipeline.yaml` and profiles, and the server that they lead to."""

    server: object
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a run: nothing of AWS or of the locale but what the folder says."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LC_", "LANG"))}
        own = {"AWS_CONFIG_FILE": str(self.folder / "aws"), "XDG_STATE_HOME": str(self.folder / "state")}
        return clean | _QUIET | own | {"AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws")}

    def run(self, *words, stdin="", before=(), **env):
        return subprocess.run(
            [*before, sys.executable, "-m", "auditor", *map(str, words)],
            cwd=self.folder,
            env=self.environment | env,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
            check=False,
        )

    def start(self, *words, **env):
        return subprocess.Popen(
            [sys.executable, "-m", "auditor", *map(str, words)],
            cwd=self.folder,
            env=self.environment | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def report(self, *words):
        """Audit and return the report; an exit code that no audit has fails the test."""
        done = self.run("audit", "pipeline.yaml", "--format", "json", *words)
        assert done.returncode in {0, 1, 3}, done.stderr
        return json.loads(done.stdout)


def raised(server, folder, build):
    """Empty the server, build a pipeline in it, and return the stage."""
    server.reset()
    build(lambda service, account, region: plain_client(service, account, region, server.url))
    (folder / "aws").write_text(_PROFILES.format(url=server.url), encoding="utf-8")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    server.clear()
    return Stage(server, folder)


def verdicts(report):
    """What was judged: rule and node to verdict."""
    return {(one["rule"], one["node"]): one["verdict"] for one in report["findings"]}
