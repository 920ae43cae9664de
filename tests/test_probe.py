"""The canary over HTTP: it arrives, it says where it stopped, it asks first, and nothing of it stays."""

import os
import signal
import subprocess
import sys
import time

import pytest

from auditor.aws.plain_client import client
from auditor.demo import _PROFILES, PIPELINE
from auditor.standin import serve
from auditor.standin.pipeline import build_golden

PRODUCTION, ANALYTICS, REGION = "111122223333", "444455556666", "ap-northeast-1"
SIDES = ((PRODUCTION, "orders-export"), (ANALYTICS, "orders-analytics"))


@pytest.fixture(scope="module")
def server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture
def world(server, tmp_path):
    server.reset()
    build_golden(lambda service, account, region: client(service, account, region, server.url))
    (tmp_path / "aws").write_text(_PROFILES.format(url=server.url), encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    server.clear()
    return tmp_path


def command(folder, *words):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = clean | {"AWS_CONFIG_FILE": str(folder / "aws"), "XDG_STATE_HOME": str(folder / "state"), "LANG": "C.UTF-8"}
    words = [sys.executable, "-m", "auditor", "probe", "pipeline.yaml", *words]
    return {"args": words, "cwd": folder, "env": env, "stdin": subprocess.DEVNULL, "text": True}


def probe(folder, *words):
    return subprocess.run(**command(folder, *words), capture_output=True, timeout=60, check=False)


def left(server):
    found = []
    for account, bucket in SIDES:
        s3 = client("s3", account, REGION, server.url)
        listing = s3.list_object_versions(Bucket=bucket, Prefix="exports/AWSDynamoDB/_auditor-probe/")
        found += [one["Key"] for one in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))]
    return found


def test_a_probe_arrives_and_leaves_nothing(world, server):
    done = probe(world, "--yes")
    assert done.returncode == 0, done.stderr
    assert "✓ replication" in done.stdout
    assert "✓ replica" in done.stdout
    assert "CreateMultipartUpload" in {one["operation"] for one in server.calls()}
    assert left(server) == []
    assert list((world / "state/auditor/probes").glob("*.json")) == []


def test_it_asks_before_it_writes(world, server):
    done = probe(world)
    assert done.returncode == 2
    assert "s3://orders-export/exports/AWSDynamoDB/_auditor-probe/" in done.stderr
    assert {one["operation"] for one in server.calls()} <= {"GetCallerIdentity"}


def test_it_says_where_it_stopped(world, server):
    client("iam", PRODUCTION, REGION, server.url).delete_role_policy(
        RoleName="replication-source-role", PolicyName="pipeline"
    )
    done = probe(world, "--yes", "--timeout", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ replication" in done.stdout
    assert left(server) == []


def test_what_could_not_be_removed_is_said_and_removed_later(world, server):
    server.faults(
        [
            {
                "service": "s3",
                "operation": "DeleteObject",
                "resource": "orders-analytics",
                "status": 403,
                "code": "AccessDenied",
            }
        ]
    )
    done = probe(world, "--yes")
    assert done.returncode == 4
    assert "orders-analytics/exports/AWSDynamoDB/_auditor-probe/" in done.stderr
    server.clear()
    assert left(server) != []
    assert probe(world, "--clean").returncode == 0
    assert left(server) == []


def test_an_interrupted_probe_is_removed(world, server):
    server.faults([{"service": "s3", "operation": "HeadObject", "status": 503, "code": "SlowDown"}])
    running = subprocess.Popen(
        **command(world, "--yes", "--timeout", "50"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 40
    while not left(server) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=40)
    assert running.returncode == 130, said
    assert left(server) == []
