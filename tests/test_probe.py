"""The probe: one object written like an export, watched on its way, and gone afterwards whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from auditor.permissions import Permission, policies
from auditor.pipeline import load
from auditor.probe import needs
from auditor.standin import serve
from tests.faults.matrix import FAULTS, Entry
from tests.faults.world import ACCOUNTS, PRODUCTION, PROFILES, REGION, World

FOLDER = "exports/AWSDynamoDB/_auditor-probe/"
READS = {
    "GetCallerIdentity",
    "GetBucketLocation",
    "ListExports",
    "DescribeExport",
    "GetBucketNotificationConfiguration",
    "GetQueueAttributes",
    "ReceiveMessage",
    "HeadObject",
    "ListObjectVersions",
}
WRITES = {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "DeleteObject"}


@pytest.fixture(scope="module")
def world():
    with serve(isolated=True) as server:
        yield World(server)


@pytest.fixture
def build(world, tmp_path):
    def made(variants=(), **changed):
        world.server.options(enforce=False)
        (tmp_path / "aws").write_text(PROFILES.format(url=world.server.url), encoding="utf-8")
        entry = Entry("probe", "test", changed.get("set", {}), variants)
        (tmp_path / "pipeline.yaml").write_text(world.build(entry), encoding="utf-8")
        world.server.clear()

    return made


@pytest.fixture
def auditor(tmp_path):
    """Run the command line in the folder of the pipeline."""

    def run(*words, **options):
        return subprocess.run(
            command(*words),
            **at(tmp_path),
            input="",
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            **options,
        )

    return run


def command(*words):
    return [sys.executable, "-m", "auditor", "probe", "pipeline.yaml", "--state-dir", "state", *words]


def at(folder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LC_", "LANG"))}
    return {"cwd": folder, "env": clean | {"AWS_CONFIG_FILE": str(folder / "aws")}}


def left(world):
    """Return what lies under the probe's folder on either side: versions, delete markers and unfinished uploads."""
    found = []
    for account, bucket in (("production", "orders-export"), ("analytics", "orders-analytics")):
        s3 = world.at("s3", account)
        listed = s3.list_object_versions(Bucket=bucket, Prefix=FOLDER)
        found += [(bucket, one["Key"]) for name in ("Versions", "DeleteMarkers") for one in listed.get(name, [])]
        uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=FOLDER).get("Uploads", [])
        found += [(bucket, one["UploadId"]) for one in uploads]
    return found


def notes(tmp_path):
    return list((tmp_path / "state" / "probes").glob("*"))


def test_what_arrives_is_told_hop_by_hop_and_taken_away(build, auditor, world, tmp_path):
    build(("queue",))
    done = auditor("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    drawing = done.stdout
    assert drawing.index("s3://orders-export") < drawing.index("export-events") < drawing.index("s3://orders-analytics")
    for words in ("the event arrived", "replicated", "the same version, readable in its account"):
        assert words in drawing
    assert "1 version deleted in orders-export" in done.stderr
    assert "1 version deleted in orders-analytics" in done.stderr
    assert {call["operation"] for call in world.server.calls()} <= READS | WRITES
    assert left(world) == []
    assert notes(tmp_path) == []


def test_it_says_what_it_will_write_and_writes_nothing_without_a_yes(build, auditor, world):
    build()
    done = auditor()
    assert done.returncode == 2
    assert "s3://orders-export/exports/AWSDynamoDB/_auditor-probe/" in done.stderr
    assert "orders-analytics (account analytics)" in done.stderr
    assert "on-export may be woken" in done.stderr
    assert "--yes" in done.stderr
    assert done.stdout == ""
    assert {call["operation"] for call in world.server.calls()} <= READS
    assert left(world) == []


def test_the_object_is_written_in_parts_beside_the_exports_and_never_among_the_data(build, auditor, world):
    build()
    auditor("--yes")
    written = [call["resource"] for call in world.server.calls() if call["operation"] == "CompleteMultipartUpload"]
    assert len(written) == 1
    assert written[0].startswith(f"orders-export/{FOLDER}")
    assert "/data/" not in written[0]
    assert [
        one["event"] for one in world.server.events() if FOLDER in one["key"] and one["bucket"] == "orders-export"
    ] == ["s3:ObjectCreated:CompleteMultipartUpload"]


def test_a_queue_is_looked_into_without_taking_anything_out(build, auditor, world):
    build(("queue",))
    sqs = world.at("sqs")
    url = sqs.get_queue_url(QueueName="export-events")["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=f"somebody's message {number}")
    assert auditor("--yes").returncode == 0
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    assert len([one for one in found if one["Body"].startswith("somebody's message")]) == 3


def test_a_queue_that_counts_deliveries_is_left_alone(build, auditor, world):
    build(("queue",))
    sqs = world.at("sqs")
    url = sqs.get_queue_url(QueueName="export-events")["QueueUrl"]
    dead = f"arn:aws:sqs:{REGION}:{PRODUCTION}:orders-replication-failures"
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    world.server.clear()
    done = auditor("--yes")
    assert done.returncode == 0
    assert "RedrivePolicy" in done.stdout
    assert "ReceiveMessage" not in {call["operation"] for call in world.server.calls()}


def test_a_filter_that_keeps_the_probe_out_is_no_failure(build, auditor):
    build(
        ("queue",),
        set={
            "source_bucket.Notification.QueueConfigurations[1].Filter.Key.FilterRules[1]": {
                "Name": "Suffix",
                "Value": ".json.gz",
            }
        },
    )
    done = auditor("--yes")
    assert done.returncode == 0
    assert "does not let the probe's key through" in done.stdout


@pytest.mark.parametrize(
    "mistake",
    [
        "the destination takes no objects",
        "the role may not replicate objects",
        "another service in the trust policy",
        "versioning of the destination is suspended",
    ],
)
def test_what_does_not_arrive_is_told_and_taken_away(build, auditor, world, tmp_path, mistake):
    build(set=next(fault.set for fault in FAULTS if fault.name == mistake))
    done = auditor("--yes", "--timeout", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" in done.stdout
    assert "no replica arrived" in done.stdout
    assert left(world) == []
    assert notes(tmp_path) == []


def test_what_cannot_be_seen_is_unknown(build, auditor, world):
    build()
    world.server.faults([{"service": "s3", "operation": "HeadObject", "status": 403, "code": "AccessDenied"}])
    done = auditor("--yes", "--timeout", "1")
    assert done.returncode == 3
    assert "AccessDenied" in done.stdout
    assert left(world) == []


def test_what_could_not_be_written_tells_nothing(build, auditor, world, tmp_path):
    build()
    world.server.faults(
        [{"service": "s3", "operation": "CreateMultipartUpload", "status": 403, "code": "AccessDenied"}]
    )
    done = auditor("--yes")
    assert done.returncode == 3
    assert "could not be written" in done.stdout
    assert "s3:PutObject" in done.stdout or "AccessDenied" in done.stdout
    assert notes(tmp_path) == []


def test_an_upload_that_stops_half_way_is_aborted(build, auditor, world):
    build()
    world.server.faults(
        [{"service": "s3", "operation": "CompleteMultipartUpload", "status": 403, "code": "AccessDenied"}]
    )
    assert auditor("--yes").returncode == 3
    assert "AbortMultipartUpload" in {call["operation"] for call in world.server.calls()}
    assert left(world) == []


def test_what_could_not_be_deleted_is_told_noted_and_cleaned_later(build, auditor, world, tmp_path):
    build()
    world.server.faults([{"service": "s3", "operation": "DeleteObject", "status": 403, "code": "AccessDenied"}])
    done = auditor("--yes")
    assert done.returncode == 4
    assert "auditor probe --clean" in done.stderr
    assert {bucket for bucket, _ in left(world)} == {"orders-export", "orders-analytics"}
    assert len(notes(tmp_path)) == 1
    assert auditor("--clean").returncode == 4
    world.server.clear()
    assert auditor("--clean").returncode == 0
    assert left(world) == []
    assert notes(tmp_path) == []
    assert "No probe has left anything behind" in auditor("--clean").stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_probe_cleans_up(build, world, tmp_path, number):
    build()
    running, err = interrupted(world, tmp_path, number)
    assert running == 130, err
    assert left(world) == []
    assert notes(tmp_path) == []


def test_a_killed_probe_is_cleaned_up_by_the_next_command(build, auditor, world, tmp_path):
    build()
    interrupted(world, tmp_path, signal.SIGKILL)
    assert len(notes(tmp_path)) == 1
    assert left(world)
    done = auditor("--clean")
    assert done.returncode == 0, done.stderr
    assert left(world) == []
    assert notes(tmp_path) == []


def interrupted(world, folder, number):
    """Start a probe that waits for a replica that does not come, and strike it when the object is there."""
    world.server.faults([{"service": "s3", "operation": "HeadObject", "status": 404, "code": "NoSuchKey"}])
    started = subprocess.Popen(
        command("--yes", "--timeout", "60"),
        **at(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while "HeadObject" not in {call["operation"] for call in world.server.calls()} and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(number)
    _, err = started.communicate(timeout=60)
    return started.returncode, err


def test_a_probe_of_another_process_is_not_swept_away(build, auditor, world, tmp_path):
    build()
    world.server.faults([{"service": "s3", "operation": "DeleteObject", "status": 403, "code": "AccessDenied"}])
    auditor("--yes")
    world.server.clear()
    (note,) = notes(tmp_path)
    note.write_text(
        json.dumps(json.loads(note.read_text(encoding="utf-8")) | {"process": os.getpid()}), encoding="utf-8"
    )
    auditor("--clean")
    assert note.exists()
    assert left(world)


def test_nothing_is_deleted_but_what_the_probe_made(build, auditor, world):
    build()
    s3 = world.at("s3")
    s3.put_object(Bucket="orders-export", Key=f"{FOLDER}somebody-elses", Body=b"x")
    before = s3.list_object_versions(Bucket="orders-export").get("Versions", [])
    assert auditor("--yes").returncode == 0
    assert auditor("--clean").returncode == 0
    after = s3.list_object_versions(Bucket="orders-export").get("Versions", [])
    assert [one["VersionId"] for one in after] == [one["VersionId"] for one in before]


def test_the_permissions_that_are_told_are_enough(build, auditor, world, tmp_path):
    build(("queue",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
        listed = load([tmp_path / "pipeline.yaml"])
    more = [Permission(*one) for pipeline in listed for one in needs(pipeline)]
    lines = []
    for name, account in ACCOUNTS.items():
        iam = world.at("iam", name)
        iam.create_user(UserName="prober")
        key = iam.create_access_key(UserName="prober")["AccessKey"]
        document = json.dumps(policies([], [], more=more)[account])
        iam.put_user_policy(UserName="prober", PolicyName="probe", PolicyDocument=document)
        lines.append(
            f"[profile {name}]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
            f"region = {REGION}\nendpoint_url = {world.server.url}\n"
        )
    (tmp_path / "aws").write_text("".join(lines), encoding="utf-8")
    world.server.options(enforce=True)
    world.server.clear()
    done = auditor("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [call for call in world.server.calls() if call["status"] == 403] == []
    world.server.options(enforce=False)
    assert left(world) == []


def test_a_pipeline_without_a_bucket_cannot_be_probed(auditor, build, tmp_path):
    build()
    text = "version: 1\naccounts: {p: {id: '111122223333', region: ap-northeast-1, profile: production}}\npipelines: {x: {table: {account: p, name: orders}}}\n"
    (tmp_path / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = auditor("--yes")
    assert done.returncode == 2
    assert "declares no source bucket" in done.stderr
