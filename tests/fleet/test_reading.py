"""A fleet read over HTTP: as by single calls, in fewer of them, and without remembering what is done with."""

import gc
import os
from dataclasses import replace
from http.client import HTTPResponse
from types import TracebackType

import pytest

from auditor.aws import Aws, Patience
from auditor.errors import Refused
from auditor.kinds import Call
from auditor.pipeline import load
from auditor.rulebook import load as load_rules
from auditor.rulebook import wanted_facets
from auditor.sources import bulk, live
from tests.benchmarks.fleet import write_fleet
from tests.benchmarks.measure import usage, world

HASTY = Patience(attempts=2, silent_attempts=1, first_wait=0.001, longest_wait=0.002, connect_timeout=5, read_timeout=5)
RULES = load_rules(vet=False)
PIPELINES = 12


@pytest.fixture(scope="module")
def fleet():
    """Serve pipelines whose accounts have 2,500 roles more; yields (pipelines, function that counts requests)."""
    with world(PIPELINES, 0, extra_roles=2500) as (folder, env, url):
        before = os.environ.get("AWS_CONFIG_FILE")
        os.environ["AWS_CONFIG_FILE"] = env["AWS_CONFIG_FILE"]
        yield load([folder / "pipelines.yaml"]), lambda: usage(url)["requests"]
        if before is None:
            del os.environ["AWS_CONFIG_FILE"]
        else:
            os.environ["AWS_CONFIG_FILE"] = before


def needs_of(pipelines):
    return {one.name: wanted_facets(RULES, one) for one in pipelines}


class Counting(Aws):
    """A door that remembers which operations it was asked for, and refuses some."""

    def __init__(self, refuse=()):
        super().__init__(patience=HASTY)
        self.operations = []
        self.refuse = refuse

    def ask(self, account, region):
        ask = super().ask(account, region)

        def heard(call):
            self.operations.append(call.operation)
            if call.operation in self.refuse:
                raise Refused("AccessDenied", f"{call.operation} is refused.", f"iam:{call.operation}")
            return ask(call)

        return heard


def roles_read(pipelines, monkeypatch, *, at_least=bulk.AT_LEAST, refuse=()):
    """Return what was read of the roles, and how often each operation was called."""
    monkeypatch.setattr(bulk, "AT_LEAST", at_least)
    with Counting(refuse) as aws:
        snapshots = list(live.read(pipelines, needs_of(pipelines), aws))
    found = {
        (one.pipeline.name, name): (resource.facets, resource.unread)
        for one in snapshots
        for name, resource in one.resources.items()
        if resource.node.kind == "iam.role"
    }
    return found, {operation: aws.operations.count(operation) for operation in set(aws.operations)}


def test_roles_read_in_pages_are_the_roles_read_one_by_one(fleet, monkeypatch):
    pipelines, _ = fleet
    singly, calls = roles_read(pipelines, monkeypatch, at_least=10_000)
    assert calls["GetRolePolicy"] == calls["ListRolePolicies"] == 2 * PIPELINES
    assert "GetAccountAuthorizationDetails" not in calls
    in_pages, fewer = roles_read(pipelines, monkeypatch)
    assert in_pages == singly
    assert fewer["GetAccountAuthorizationDetails"] == 3
    assert not {"GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies"} & set(fewer)
    assert fewer["GetRole"] == calls["GetRole"] == 2 * PIPELINES


def test_a_refused_page_leaves_the_roles_to_be_read_one_by_one(fleet, monkeypatch):
    pipelines, _ = fleet
    singly, calls = roles_read(pipelines, monkeypatch, at_least=10_000)
    refused, more = roles_read(pipelines, monkeypatch, refuse={"GetAccountAuthorizationDetails"})
    assert refused == singly
    assert more == {**calls, "GetAccountAuthorizationDetails": 1}


def test_a_few_roles_are_not_worth_a_page(fleet, monkeypatch):
    pipelines, _ = fleet
    _, calls = roles_read(pipelines[:2], monkeypatch)
    assert "GetAccountAuthorizationDetails" not in calls


def test_pages_end_where_the_rest_is_cheaper_one_by_one():
    # Three pipelines have six roles, whose policies take 18 calls: that is worth four pages at the most.
    asked = []

    def ask(call):
        asked.append(call)
        return {"RoleDetailList": [], "Policies": [], "IsTruncated": True, "Marker": str(len(asked))}

    roles = bulk.Roles(ask, {"a"}, 18)
    assert roles.answer(Call("iam", "ListRolePolicies", {"RoleName": "a"})) is None
    assert [call.params.get("Marker") for call in asked] == [None, "1", "2", "3"]
    assert roles.answer(Call("iam", "ListRolePolicies", {"RoleName": "a"})) is None
    assert len(asked) == 4


def test_managed_policies_and_boundaries_come_from_the_page_too():
    document = {"Version": "2012-10-17", "Statement": []}
    page = {
        "RoleDetailList": [
            {
                "RoleName": "a",
                "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": document}],
                "AttachedManagedPolicies": [{"PolicyName": "m", "PolicyArn": "arn:m"}],
                "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:b"},
            }
        ],
        "Policies": [
            {
                "Arn": arn,
                "DefaultVersionId": "v2",
                "PolicyVersionList": [{"VersionId": "v1", "Document": {}}, {"VersionId": "v2", "Document": document}],
            }
            for arn in ("arn:m", "arn:b", "arn:other")
        ],
    }
    roles = bulk.Roles(lambda _: page, {"a"}, 20)
    assert roles.answer(Call("iam", "ListAttachedRolePolicies", {"RoleName": "a"}))["AttachedPolicies"] == [
        {"PolicyName": "m", "PolicyArn": "arn:m"}
    ]
    for arn in ("arn:m", "arn:b"):
        assert roles.answer(Call("iam", "GetPolicy", {"PolicyArn": arn}))["Policy"]["DefaultVersionId"] == "v2"
        version = roles.answer(Call("iam", "GetPolicyVersion", {"PolicyArn": arn, "VersionId": "v2"}))
        assert version["PolicyVersion"]["Document"] == document
    assert roles.answer(Call("iam", "GetPolicy", {"PolicyArn": "arn:other"})) is None
    assert roles.answer(Call("iam", "ListRolePolicies", {"RoleName": "b"})) is None
    roles.forget("a")
    assert roles.answer(Call("iam", "ListRolePolicies", {"RoleName": "a"})) is None


def test_no_more_is_read_ahead_than_keeps_the_readers_busy(fleet):
    pipelines, requests = fleet
    many = [replace(one, name=f"{one.name}-{turn}") for turn in range(3) for one in pipelines]
    with Aws(patience=HASTY) as aws:
        reading = live.read(many, needs_of(many), aws, concurrency=1)
        before = requests()
        next(reading)
        assert requests() - before < 150
        reading.close()


def test_what_pipelines_share_is_read_once(fleet):
    pipelines, _ = fleet
    many = [replace(one, name=f"{one.name}-{turn}") for turn in range(2) for one in pipelines]
    with Counting() as aws:
        list(live.read(many, needs_of(many), aws))
        once = [name for name in aws.operations if name not in {"HeadObject", "GetCallerIdentity"}]
        assert once.count("DescribeTable") == once.count("GetBucketReplication") // 2 == PIPELINES


def test_memory_of_a_run_is_empty_at_its_end(fleet, monkeypatch):
    pipelines, _ = fleet
    runs = []
    original = live._Run

    def remembered(*arguments):
        runs.append(original(*arguments))
        return runs[-1]

    monkeypatch.setattr(live, "_Run", remembered)
    with Aws(patience=HASTY) as aws:
        list(live.read(pipelines, needs_of(pipelines), aws))
    (run,) = runs
    assert run._wanted == {}
    assert run._memo._about == {}
    assert run._memo._answers == {}
    assert run._uses == run._roles == {}


def test_an_account_is_left_with_the_last_pipeline_in_it(tmp_path, monkeypatch):
    numbers = [1, 100, 101, 200, 300]
    with world(max(numbers), 0) as (folder, env, url):
        monkeypatch.setenv("AWS_CONFIG_FILE", env["AWS_CONFIG_FILE"])
        write_fleet(folder, url, numbers)
        pipelines = load([folder / "pipelines.yaml"])
        with Aws() as aws:
            first = usage(url)["requests"]
            snapshots, left = [], []
            monkeypatch.setattr(aws, "leave", lambda account: (left.append(account.id), Aws.leave(aws, account)))
            for one in live.read(pipelines, needs_of(pipelines), aws):
                snapshots.append(one)
                assert len(left) == 2 * sum(len(snapshots) >= done for done in (1, 3, 4, 5))
            again = list(live.read(pipelines[:1], needs_of(pipelines[:1]), aws))
        assert again[0].resources == snapshots[0].resources
        assert aws.usage().calls == usage(url)["requests"] - first


def test_a_refusal_is_freed_at_once_with_all_that_led_to_it(fleet):
    def held():
        return [one for one in gc.get_objects() if isinstance(one, Refused | HTTPResponse | TracebackType)]

    pipelines, _ = fleet
    gc.collect()
    before = {id(one) for one in held()}
    gc.disable()
    try:
        with Aws(patience=HASTY) as aws:
            list(live.read(pipelines, needs_of(pipelines), aws))
        left = [one for one in held() if id(one) not in before]
    finally:
        gc.enable()
    assert left == []
