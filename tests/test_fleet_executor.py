"""A fleet read by the workers of a Dask cluster: the report of one process, whatever becomes of a worker."""

import json
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
import zlib
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from auditor.aws.plain_client import client
from auditor.cli import cli
from auditor.demo import PIPELINE, _profiles
from auditor.errors import UsageError
from auditor.fleet import executor, executor_dask, executor_shard
from auditor.fleet.executor import Engine, Fleet, Patience
from auditor.fleet.executor_dask import connected
from auditor.kinds import KINDS
from auditor.model import Account, Node, Pipeline, Severity, Verdict, Waiver
from auditor.pipeline import load as load_pipelines
from auditor.render.totals import exit_code
from auditor.rulebook import load as load_rules
from auditor.rulebook import selected
from auditor.run import Settings, audit
from auditor.standin import serve
from auditor.standin.pipeline import build_misset

pytestmark = pytest.mark.slow

WAIVERS = """\
  small:
    table: {account: production, name: my-table}
    destination_bucket: {account: analytics, name: orders-analytics}
waivers:
  - {rule: pitr-enabled, pipeline: orders, reason: known, owner: data-team, until: "2999-01-01"}
"""
RULE = """\
id: table-is-small
title: {en: The table is small, ja: テーブルが小さい}
severity: low
subject: table
why: {en: A large one costs more., ja: 大きいと高くつきます。}
check: [{at: Description.TableSizeBytes, equals: 1}]
tests:
  - {name: small, given: {table: {Description: {TableSizeBytes: 1}}}, expect: pass}
  - {name: large, given: {table: {Description: {TableSizeBytes: 2}}}, expect: fail}
  - {name: may not look, given: {table: {unread: {Description: AccessDenied}}}, expect: unknown}
"""
SLOW = {"service": "s3", "operation": "GetBucketVersioning", "account": "444455556666", "delay": 20, "times": 1}
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=\"seconds\": )[\d.]+|[\d.]+(?= s\"| 秒)")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The mis-set pipeline on a stand-in, whose calls and faults are at hand, with files to audit it by."""
    folder = tmp_path_factory.mktemp("stage")
    with serve(isolated=True) as running, _profiles(folder, running.url):
        build_misset(partial(client, endpoint=running.url))
        (folder / "pipeline.yaml").write_text(PIPELINE + WAIVERS, encoding="utf-8")
        (folder / "own").mkdir()
        (folder / "own/table-is-small.yaml").write_text(RULE, encoding="utf-8")
        running.folder = folder
        yield running


@pytest.fixture(scope="module")
def machines(server):
    """Two worker processes; the stand-in's profiles are in their own environment."""
    from distributed import LocalCluster

    options = {"processes": True, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "silence_logs": 60}
    with pytest.MonkeyPatch.context() as patch:
        # What the deployment example says, for its reason.
        patch.setenv("DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED", "False")
        with LocalCluster(n_workers=2, threads_per_worker=1, **options) as made:
            yield made


@pytest.fixture
def cluster(machines):
    """The cluster with both workers at work, for a test before may have killed one."""
    machines.wait_for_workers(2, timeout=60)
    return machines


@pytest.fixture
def pipelines(server):
    return load_pipelines([server.folder / "pipeline.yaml"])


def rules(*names):
    return selected(load_rules(vet=False), names, (), Severity.INFO)


@contextmanager
def slow(server):
    """Make the first look at the destination's versioning hang, and forget what was asked before."""
    server.clear()
    server.faults([SLOW])
    yield
    server.clear()


def killing(server, cluster):
    """Kill the worker that waits for the slow answer, as soon as it waits; return the thread and the pids it killed."""
    from distributed import Client

    killed = []

    def run():
        while not any(
            one["operation"] == "GetBucketVersioning" and "analytics" in one["resource"] for one in server.calls()
        ):
            time.sleep(0.05)
        with Client(cluster.scheduler_address, set_as_default=False) as dask:
            pids, busy = dask.run(os.getpid), []
            while len(busy) != 1:
                busy = [address for address, keys in dask.processing().items() if keys]
        killed.append(pids[busy[0]])
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, killed


def told(server, tmp_path, *words):
    """Run the command with everything that could get lost on the way; return its exit code and the files it wrote."""
    folder = server.folder
    files = {name: tmp_path / f"report.{name}" for name in ("json", "csv")}
    pairs = [word for name, file in files.items() for word in ("--format", name, "--output", str(file))]
    ran = CliRunner().invoke(
        cli,
        [
            *("audit", str(folder / "pipeline.yaml"), "--rules", str(folder / "own"), "--lang", "ja", "--no-history"),
            *("--skip", "health", "--baseline", str(folder / "baseline.json"), *pairs, *words),
        ],
        standalone_mode=False,
    )
    if ran.exception is not None:
        raise ran.exception
    return ran.return_value, {name: TIMES.sub("-", file.read_text(encoding="utf-8")) for name, file in files.items()}


def test_the_report_is_that_of_one_process_to_the_byte(server, cluster, tmp_path):
    words = (
        "baseline",
        str(server.folder / "pipeline.yaml"),
        "--select",
        "tls-only",
        "--select",
        "lifecycle-configured",
    )
    made = CliRunner().invoke(cli, [*words, "-o", str(server.folder / "baseline.json")], standalone_mode=False)
    assert made.exception is None
    here = told(server, tmp_path, "--executor", "local")
    there = told(server, tmp_path, "--executor", f"dask={cluster.scheduler_address}")
    assert there[0] == here[0]
    for name, text in here[1].items():
        assert there[1][name].splitlines() == text.splitlines(), name
    document = json.loads(here[1]["json"].replace('"seconds": -', '"seconds": 0'))
    verdicts = {(one["rule"], one["pipeline"]): one for one in document["findings"]}
    assert verdicts["table-is-small", "small"]["verdict"] == "fail"
    assert verdicts["pitr-enabled", "orders"]["waiver"]["owner"] == "data-team"
    assert any(one["known"] for one in document["findings"])
    assert document["totals"]["calls"] > 20


def test_a_lost_workers_shard_is_run_again(server, cluster, pipelines):
    book = rules("pitr-enabled", "versioning-enabled", "public-access-blocked")
    here = audit(pipelines, book)
    with slow(server):
        thread, killed = killing(server, cluster)
        with connected(cluster.scheduler_address) as engine:
            there = audit(pipelines, book, reader=Fleet(engine))
        thread.join()
    assert len(killed) == 1
    assert same(there) == same(here)
    assert there.usage.calls == here.usage.calls


def same(report):
    return replace(report, started_at="", usage=None, snapshots=[replace(one, taken_at="") for one in report.snapshots])


def test_what_no_worker_can_read_is_unknown_and_nothing_is_left_out(server, cluster, pipelines):
    book = rules("versioning-enabled")
    cluster.scheduler.allowed_failures = 0
    try:
        with slow(server):
            thread, killed = killing(server, cluster)
            with connected(cluster.scheduler_address) as engine:
                report = audit(pipelines, book, reader=Fleet(engine))
            thread.join()
    finally:
        cluster.scheduler.allowed_failures = 3
    assert len(killed) == 1
    assert {(one.pipeline, one.node): one.verdict for one in report.findings} == {
        ("orders", "source_bucket"): Verdict.PASS,
        ("orders", "destination_bucket"): Verdict.UNKNOWN,
        ("small", "destination_bucket"): Verdict.UNKNOWN,
    }
    assert exit_code(report, Severity.LOW) == 3
    why = report.snapshots[0].resources["destination_bucket"].unread["Versioning"]
    assert why.reason == "WorkerLost"
    assert why.detail.en.endswith("was lost, and so was every other that tried (tries: 1).")


@pytest.mark.parametrize("reason", ["Timeout", "Interrupted"])
def test_a_run_that_ends_early_judges_what_it_has(server, cluster, pipelines, reason, monkeypatch):
    book = rules("pitr-enabled", "versioning-enabled", "public-access-blocked")
    calls = audit(pipelines, book).usage.calls

    def only_the_slow_one_is_left():
        return [one["status"] for one in server.calls()].count(None) == 1 and len(server.calls()) == calls

    class Clock:
        """A clock on which the time is over as soon as nothing but the slow answer is waited for."""

        @staticmethod
        def monotonic():
            return time.monotonic() + (5000 if reason == "Timeout" and only_the_slow_one_is_left() else 0)

    with slow(server), connected(cluster.scheduler_address) as engine:
        monkeypatch.setattr(executor, "time", Clock)
        interrupted = only_the_slow_one_is_left if reason == "Interrupted" else None
        report = audit(pipelines, book, Settings(timeout=4000), reader=Fleet(engine), interrupted=interrupted)
    unread = {
        (pipeline.pipeline.name, node, facet): why.reason
        for pipeline in report.snapshots
        for node, resource in pipeline.resources.items()
        for facet, why in resource.unread.items()
        if facet != "Plan"
    }
    assert {("orders", "destination_bucket", "Versioning"), ("small", "destination_bucket", "Versioning")} <= set(
        unread
    )
    assert set(unread.values()) == {reason}
    assert report.read > 0
    assert len(report.findings) == len(audit(pipelines, book).findings)
    assert [one.kind for one in report.notices] == (["interrupted"] if reason == "Interrupted" else [])


def test_workers_of_another_version_are_refused(server, cluster, pipelines, monkeypatch):
    for module in (executor, executor_shard):
        monkeypatch.setattr(module, "__version__", "9.9")
    with (
        connected(cluster.scheduler_address) as engine,
        pytest.raises(UsageError, match=r"run auditor \d\S+, and this is 9\.9\. Install the same"),
    ):
        audit(pipelines, rules("pitr-enabled"), reader=Fleet(engine))


def test_workers_without_auditor_are_refused(server, cluster, pipelines, monkeypatch):
    monkeypatch.setattr(executor, "ENTRY", executor.ENTRY.replace("auditor.", "no_auditor."))
    with (
        connected(cluster.scheduler_address) as engine,
        pytest.raises(UsageError, match=r"cannot run auditor: No module named 'no_auditor'\. Install auditor \d"),
    ):
        audit(pipelines, rules("pitr-enabled"), reader=Fleet(engine))


def test_a_worker_is_no_scheduler(cluster):
    address = next(iter(cluster.scheduler.workers))
    with pytest.raises(UsageError, match="what answers there is no scheduler"), connected(address):
        pass


def test_an_address_where_nobody_answers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(executor_dask, "_CONNECT", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for address, sentence in (
            (f"tcp://127.0.0.1:{silent.getsockname()[1]}", "no scheduler answers there"),
            ("tcp://127.0.0.1:1", "no scheduler answers there"),
            ("carrier-pigeon://roof:1", "unknown address scheme 'carrier-pigeon'"),
            ("127.0.0.1", "missing port number"),
        ):
            with pytest.raises(UsageError, match=re.escape(sentence)) as refused, connected(address):
                pass
            assert f"--executor dask={address}: " in str(refused.value)
            assert len(str(refused.value).splitlines()) == 1
            assert refused.value.code == 2


def test_without_distributed_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UsageError, match=r"distributed, which is not installed\. pip install 'auditor\[dask\]'"),
        connected("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--executor", "dusk"], "there is no such executor"),
        (["--executor", "dask="], "there is no such executor"),
        (["--executor", "local=tcp://127.0.0.1:1"], "there is no such executor"),
        (["--executor", "dask=tcp://127.0.0.1:1", "--fix"], "--fix"),
        (["--executor", "dask=tcp://127.0.0.1:1", "--source", "snapshot:x.json"], "--source live"),
    ],
)
def test_what_cannot_be_is_refused_before_anybody_is_asked(server, words, sentence):
    ran = CliRunner().invoke(cli, ["audit", str(server.folder / "pipeline.yaml"), *words], standalone_mode=False)
    assert isinstance(ran.exception, UsageError)
    assert sentence in str(ran.exception)


def account(number):
    return Account(f"a{number}", f"{number:012d}", "ap-northeast-1", profile=f"p{number}", external_id="x")


def pipeline(name, *numbers):
    nodes = zip(("source_bucket", "destination_bucket"), numbers, strict=False)
    return Pipeline(name, {node: Node(node, "s3.bucket", account(one), f"{name}-{node}") for node, one in nodes})


fleets = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=2), min_size=1, max_size=12)


@given(fleets, st.integers(1, 9))
def test_an_account_is_read_in_one_shard_and_all_that_is_wanted_is_in_some(accounts, at_most):
    fleet = [pipeline(f"p{place}", *each) for place, each in enumerate(accounts)]
    needs = {one.name: [(node, facet) for node in one.nodes for facet in ("Versioning", "Policy")] for one in fleet}
    shards = executor_shard.cut(fleet, needs, at_most)
    homes = [account for shard in shards for account in shard.accounts]
    assert len(homes) == len(set(homes)) == len({one for each in accounts for one in each})
    assert len(shards) == min(at_most, len(homes))
    wanted = sorted((name, *pair) for name, pairs in needs.items() for pair in pairs)
    assert sorted((name, *pair) for shard in shards for name, pairs in shard.needs.items() for pair in pairs) == wanted
    for shard in shards:
        assert [fleet[place] for place in shard.places] == list(shard.pipelines)
        for one in shard.pipelines:
            assert {one.nodes[node].account.id for node, _ in shard.needs[one.name]} <= set(shard.accounts)
    assert executor_shard.cut(fleet, needs, at_most) == shards


def test_a_fleet_of_many_accounts_is_cut_evenly():
    fleet = [pipeline(f"p{number}", number, number % 3 + 1) for number in range(1, 101)]
    needs = {one.name: [(node, "Versioning") for node in one.nodes] for one in fleet}
    weights = [shard.weight for shard in executor_shard.cut(fleet, needs, 5)]
    assert sum(weights) == 200
    assert max(weights) - min(weights) <= 1


def test_no_credentials_and_no_judgement_travel(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "sesame-token")
    waiver = Waiver("sesame-reason", "data-team", date(2999, 1, 1), rule="pitr-enabled")
    one = replace(pipeline("p1", 1, 2), waivers=(waiver,))
    (shard,) = executor_shard.cut([one], {"p1": [("source_bucket", "Versioning")]}, 1)
    sent = executor_shard.order(shard, 4, executor_dask.DaskStop("run"))
    raw = zlib.decompress(sent["sent"])
    assert b"p1" in raw
    assert b"sesame" not in raw
    assert {type(value) for value in pickle.loads(pickle.dumps(sent)).values()} == {str, bytes}


class Idle(Executor):
    """An executor that nobody works for."""

    def submit(self, _fn, /, *_args, **_kwargs):
        return Future()


def test_a_run_that_no_worker_comes_to_ends(server, pipelines):
    ended = []
    engine = Engine("idle", Idle(), lambda: 0, executor_dask.DaskStop("x"), lambda: ended.append(1), lambda _: None)
    report = audit(pipelines, rules("pitr-enabled"), reader=Fleet(engine, Patience(no_workers=0.0)))
    assert {one.verdict for one in report.findings} == {Verdict.UNKNOWN}
    assert {one.pipeline for one in report.findings} == {"orders", "small"}
    assert ended == [1]


class Broken(Executor):
    """An executor whose worker fails in a way that nobody foresaw."""

    def submit(self, _fn, /, *_args, **_kwargs):
        future = Future()
        future.set_exception(ZeroDivisionError("a fault of the program"))
        return future


def test_a_fault_of_the_program_is_not_taken_for_a_lost_worker(server, pipelines):
    engine = Engine("x", Broken(), lambda: 1, executor_dask.DaskStop("x"), lambda: None, executor_dask._lost)
    with pytest.raises(ZeroDivisionError):
        audit(pipelines, rules("pitr-enabled"), reader=Fleet(engine))


def test_what_an_engine_loses_is_told_apart():
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker, WorkerState

    worker = WorkerState(
        address="tcp://127.0.0.1:1",
        status=None,
        pid=1,
        name="x",
        nthreads=1,
        memory_limit=0,
        local_directory="",
        nanny="",
        server_id="x",
    )
    assert executor_dask._lost(KilledWorker("task", worker, 3)).detail.ja.count("試行 4 回") == 1
    for error in (CancelledError(), CommClosedError("gone")):
        assert "connection to the cluster" in executor_dask._lost(error).detail.en
    assert "No space left" in executor_dask._lost(OSError(28, "No space left")).detail.en
    assert executor_dask._lost(ValueError("x")) is None


def test_facets_that_a_kind_does_not_have_are_nobodys():
    one = pipeline("p1", 1)
    assert "Nonsense" not in KINDS["s3.bucket"].facets
    assert executor_shard.cut([one], {"p1": [("source_bucket", "Nonsense"), ("table", "Description")]}, 3) == ()
