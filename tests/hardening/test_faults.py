"""AWS at its worst, over real HTTP: what was not heard is unknown, what was heard keeps its verdict, nothing hangs."""

import time
from contextlib import nullcontext

import pytest

from auditor.aws import Aws, Patience
from auditor.kinds import KINDS
from auditor.pipeline import load as load_pipelines
from auditor.rulebook import load as load_rules
from auditor.rulebook import wanted_facets
from auditor.run import Settings, audit
from tests.hardening.stage import ANALYTICS, PRODUCTION

RULES = load_rules(vet=False)
QUICK = Patience(
    attempts=4, silent_attempts=2, first_wait=0.01, longest_wait=0.05, connect_timeout=2.0, read_timeout=1.0
)
# With a third of all calls failing, twelve attempts leave three calls in a million without an answer.
PATIENT = Patience(first_wait=0.01, longest_wait=0.1)


@pytest.fixture
def judged(monkeypatch):
    """Audit a stage in this process and return its report."""

    def judge(world, *, patience=QUICK, aws=None, **settings):
        for name, value in world.environment.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        pipelines = load_pipelines([world.folder / "pipeline.yaml"])
        with nullcontext(aws) if aws else Aws(patience=patience) as way:
            return audit(pipelines, RULES, Settings(**settings), aws=way)

    return judge


@pytest.fixture
def door():
    with Aws(patience=QUICK) as way:
        yield way


def verdicts(report):
    return {(one.rule, one.node): one.verdict.value for one in report.findings}


def asking(pipeline, service, operation, account):
    """The rules that need an answer which this call gives in this account."""
    name = f"{service}:{operation}"
    return {
        rule.id
        for rule in RULES
        for node, facet in wanted_facets([rule], pipeline)
        if pipeline.nodes[node].account.id == account
        and (operation == "GetCallerIdentity" or name in KINDS[pipeline.nodes[node].kind].facets[facet].calls)
    }


@pytest.fixture(params=["correct", "mis-set"])
def world(request):
    if request.param == "correct":
        return request.getfixturevalue("golden")
    broken = request.getfixturevalue("broken_world")
    broken.server.clear()
    request.addfinalizer(broken.server.clear)
    return broken


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_changes_no_verdict(world, judged, seed):
    quiet = verdicts(judged(world))
    world.server.faults(
        [
            {"service": "(?!sts).*", "status": 503, "code": "SlowDown", "probability": 0.12, "seed": seed},
            {"status": 400, "code": "ThrottlingException", "probability": 0.1, "seed": seed + 10},
            {"status": 500, "code": "InternalError", "probability": 0.1, "seed": seed + 20},
            {"drop": True, "probability": 0.1, "seed": seed + 30},
        ]
    )
    report = judged(world, patience=PATIENT)
    assert verdicts(report) == quiet
    assert report.usage.retries > 10


def test_any_one_call_refused_for_good_opens_what_needs_it_and_nothing_else(world, judged, door):
    world.server.clear()
    report = judged(world)
    quiet, [pipeline] = verdicts(report), [one.pipeline for one in report.snapshots]
    asked = sorted({(one["service"], one["operation"], one["account"]) for one in world.server.calls()})
    assert len(asked) > 25
    silent = []
    for service, operation, account in asked:
        # Whose credentials these are is asked once; all other calls may go through one door.
        way = door if operation != "GetCallerIdentity" else None
        world.server.faults(
            [{"service": service, "operation": operation, "account": account, "status": 403, "code": "AccessDenied"}]
        )
        now = verdicts(judged(world, aws=way))
        needy = asking(pipeline, service, operation, account)
        changed = {key: (quiet[key], now[key]) for key in quiet if quiet[key] != now[key]}
        assert now.keys() == quiet.keys(), operation
        assert {key: pair for key, pair in changed.items() if pair[1] != "unknown"} == {}, operation
        assert {key[0] for key in changed} <= needy, operation
        if "unknown" not in now.values():
            silent.append((operation, account))
    if "fail" not in quiet.values():
        assert set(silent) == UNMOVED


# What the rest already proves in the correct pipeline, so that a refusal changes nothing.
UNMOVED = {
    ("DescribeAlarms", PRODUCTION),  # failures are told to a queue
    ("GetBucketAcl", PRODUCTION),  # ownership is enforced, so ACLs mean nothing
    ("GetBucketAcl", ANALYTICS),
    ("GetBucketLocation", ANALYTICS),
    ("HeadObject", PRODUCTION),  # its owner wants nothing of objects of before
    ("ListObjectVersions", PRODUCTION),
    ("GetPublicAccessBlock", PRODUCTION),  # of the account: the bucket's own blocks all
    ("GetPublicAccessBlock", ANALYTICS),
    ("ListJobs", PRODUCTION),
    ("GetObjectLockConfiguration", ANALYTICS),  # nothing at the source is locked
    ("DescribeOrganization", PRODUCTION),  # no condition asks for the organisation
    ("DescribeOrganization", ANALYTICS),
}


KINDS_OF_FAULT = {
    "forbidden": {"status": 403, "code": "AccessDenied"},
    "forbidden without a word": {"status": 403, "body": ""},
    "no such thing": {"status": 404, "code": "NotFoundByStandIn"},
    "internal error": {"status": 500, "code": "InternalError"},
    "unavailable": {"status": 503, "code": "ServiceUnavailable"},
    "throttled": {"status": 429, "code": "TooManyRequestsException"},
    "dropped": {"drop": True},
    "cut off": {"truncate": 20},
    "empty": {"body": ""},
    "wrong XML": {"body": "<Versioning<"},
    "other XML": {"body": "<?xml version='1.0'?><Nothing/>"},
    "wrong JSON": {"body": "{"},
    "other JSON": {"body": "[1, 2]"},
    "a proxy's page": {"body": "<!DOCTYPE html><html><body>Sign in</body></html>"},
    "bytes": {"body": "\u0001\u0002\u0003"},
    "expired": {"expired": True},
    "redirect": {"redirect": "eu-west-9"},
    "late": {"delay": 3.0},
}
CALLS = [
    ("s3", "GetBucketVersioning"),
    ("s3", "GetBucketReplication"),
    ("s3", "GetBucketNotification.*"),
    ("s3", "GetBucketPolicy"),
    ("iam", "GetRole"),
    ("iam", "ListRolePolicies"),
    ("dynamodb", "DescribeContinuousBackups"),
    ("lambda", "GetPolicy"),
    ("sts", "GetCallerIdentity"),
]


@pytest.mark.parametrize("kind", KINDS_OF_FAULT)
def test_every_kind_of_fault_is_unknown_and_never_a_verdict(golden, judged, door, kind):
    quiet = verdicts(judged(golden, aws=door))
    for service, operation in CALLS:
        golden.server.faults([KINDS_OF_FAULT[kind] | {"service": service, "operation": operation}])
        begun = time.monotonic()
        now = verdicts(judged(golden, aws=None if service == "sts" else door))
        assert time.monotonic() - begun < 60, operation
        lies = {key: now[key] for key in quiet if now[key] not in {quiet[key], "unknown"}}
        assert lies == {}, (kind, operation)
        assert "unknown" in now.values(), (kind, operation)


@pytest.mark.parametrize("account", [PRODUCTION, ANALYTICS])
def test_the_wrong_owner_and_the_expired_session_leave_an_account_unread(golden, judged, account):
    quiet = verdicts(judged(golden))
    for fault in (
        {"status": 403, "code": "AccessDenied", "service": "s3"},
        {"expired": True},
        {"expired": True, "skip": 4},
    ):
        golden.server.faults([fault | {"account": account}])
        now = verdicts(judged(golden))
        assert {key: now[key] for key in quiet if now[key] not in {quiet[key], "unknown"}} == {}
        assert "unknown" in now.values()


def test_nothing_hangs_past_its_time(golden, judged):
    golden.server.faults([{"delay": 8.0}])
    begun = time.monotonic()
    report = judged(golden, timeout=2.0)
    assert time.monotonic() - begun < 8
    assert {one.verdict.value for one in report.findings} <= {"unknown", "not_applicable"}
    assert report.read == 0
