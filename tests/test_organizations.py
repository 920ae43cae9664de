"""Organisation policies: read where AWS lets it, judged where they bind, and never the reason why everything is unknown."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import boto3
import pytest
import yaml
from moto.organizations import utils

from auditor.aws import Aws
from auditor.cases import snapshot_of
from auditor.demo import PIPELINE, _profiles
from auditor.engine import evaluate
from auditor.errors import Place, Refused
from auditor.kinds import KINDS, Target
from auditor.model import Account, Unread, Verdict
from auditor.permissions import policies
from auditor.pipeline import parse
from auditor.predicates import PREDICATES
from auditor.render.totals import closing_line, exit_code
from auditor.rule import Case
from auditor.rulebook import each_check, load, selected, wanted_facets
from auditor.run import Settings, audit
from auditor.scope import steps
from auditor.standin import serve
from auditor.standin.pipeline import build_golden

HERE = Path(__file__).parent
PRODUCTION, ANALYTICS, CHIEF, REGION = "111122223333", "444455556666", "777788889999", "ap-northeast-1"
RULES = load(vet=False)
SCP, RCP = "ServiceControlPolicies", "ResourceControlPolicies"
FULL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
NO_COPIES = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "NoCopies", "Effect": "Deny", "Action": "s3:Replicate*", "Resource": "*"}],
}
NOBODY_WRITES = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "NobodyWrites", "Effect": "Deny", "Principal": "*", "Action": "s3:Replicate*", "Resource": "*"}
    ],
}


# How they are read


def organisation(*, parents=None, attached=None, documents=None, told=None):
    """Return a way to ask that answers as AWS does of one organisation, and what it was asked."""
    asked = []
    answers = {
        "DescribeOrganization": lambda _: {
            "Organization": {"Id": "o-a1", "MasterAccountId": CHIEF, "FeatureSet": "ALL", **(told or {})}
        },
        "ListParents": lambda call: {"Parents": [(parents or {})[call.params["ChildId"]]]},
        "ListPoliciesForTarget": lambda call: {"Policies": (attached or {}).get(call.params["TargetId"], [])},
        "DescribePolicy": lambda call: {"Policy": {"Content": (documents or {})[call.params["PolicyId"]]}},
    }

    def ask(call):
        asked.append(call.operation)
        answer = answers[call.operation]
        if isinstance(answer, Exception):
            raise answer
        return answer(call)

    ask.answers, ask.asked = answers, asked
    return ask


ROLE = Target("iam.role", Account("production", PRODUCTION, REGION), REGION, "replication-source-role")
PARENTS = {
    PRODUCTION: {"Id": "ou-ab12-inner", "Type": "ORGANIZATIONAL_UNIT"},
    "ou-ab12-inner": {"Id": "ou-ab12-outer", "Type": "ORGANIZATIONAL_UNIT"},
    "ou-ab12-outer": {"Id": "r-ab12", "Type": "ROOT"},
}
EVERYWHERE = {
    target: [{"Id": "p-FullAWSAccess", "Name": "FullAWSAccess"}] for target in (*PARENTS, "r-ab12", "ou-ab12-inner")
}


def read(ask, facet=SCP):
    return KINDS["iam.role"].facets[facet].read(ask, ROLE)


def test_the_levels_stand_from_the_root_down():
    attached = {**EVERYWHERE, "ou-ab12-outer": [*EVERYWHERE["r-ab12"], {"Id": "p-1", "Name": "no-copies"}]}
    documents = {"p-FullAWSAccess": json.dumps(FULL), "p-1": json.dumps(NO_COPIES)}
    found = read(organisation(parents=PARENTS, attached=attached, documents=documents))
    assert (found["Organization"], found["ManagementAccount"]) == ("o-a1", CHIEF)
    assert [level["Target"] for level in found["Levels"]] == ["r-ab12", "ou-ab12-outer", "ou-ab12-inner", PRODUCTION]
    assert found["Levels"][1]["Policies"] == {"FullAWSAccess": FULL, "no-copies": NO_COPIES}


def test_an_account_in_no_organisation_has_none():
    ask = organisation()
    ask.answers["DescribeOrganization"] = Refused("AWSOrganizationsNotInUseException", "Not in use.")
    assert read(ask) is None
    assert ask.asked == ["DescribeOrganization"]


def test_a_sort_of_policy_that_is_not_enabled_binds_nobody():
    assert read(organisation(parents=PARENTS))["Levels"] == []
    ask = organisation(told={"FeatureSet": "CONSOLIDATED_BILLING"})
    assert read(ask)["Levels"] == []
    assert ask.asked == ["DescribeOrganization"]


def test_where_only_the_organisation_is_told_its_levels_are_unread():
    ask = organisation()
    ask.answers["ListParents"] = Refused("AccessDeniedException", "No.", "organizations:ListParents")
    found = read(ask)
    assert found["Organization"] == "o-a1"
    assert found["Levels"] == Unread("AccessDeniedException", "organizations:ListParents", "No.")
    assert ask.asked == ["DescribeOrganization", "ListParents"]


def test_one_policy_that_may_not_be_read_leaves_the_others_known():
    ask = organisation(parents=PARENTS, attached=EVERYWHERE)
    ask.answers["DescribePolicy"] = Refused("AccessDeniedException", "No.", "organizations:DescribePolicy")
    level = read(ask)["Levels"][0]
    assert level["Policies"]["FullAWSAccess"].permission == "organizations:DescribePolicy"


# What they decide


BASE = yaml.safe_load((HERE / "s3" / "pipelines.yaml").read_text(encoding="utf-8"))["base"]
MORE = yaml.safe_load((HERE / "access" / "pipelines.yaml").read_text(encoding="utf-8"))["base"]
OF_ACCESS = [
    rule for rule in RULES if any(getattr(one, "predicate", "") == "allows" for one, _ in each_check(rule.checks))
]


def laid(*middle, organization="o-a1", full=FULL, chief=CHIEF):
    """Return an organisation with AWS's own policy at every level, and these at the middle one."""
    named = {"FullAWSAccess": full, **{f"policy-{index}": one for index, one in enumerate(middle)}}
    levels = [("r-ab12", {"FullAWSAccess": full}), ("ou-ab12-x", named), ("account", {"FullAWSAccess": full})]
    return {
        "Organization": organization,
        "ManagementAccount": chief,
        "Levels": [{"Target": target, "Policies": one} for target, one in levels],
    }


def judged(changes, intent=None):
    """Return what a right pipeline is found to be once these values stand at routes."""
    given = copy.deepcopy(BASE)
    for route, value in {**MORE, **changes}.items():
        *path, last = steps(route)
        place = given
        for step in path:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        place[last] = copy.deepcopy(value)
    given["intent"] = {**given.get("intent", {}), **(intent or {})}
    snapshot = snapshot_of(Case("a pipeline", given, Verdict.PASS, Place("here")))
    return [one for one in evaluate(snapshot, OF_ACCESS, PREDICATES) if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}]


def said(findings):
    return [f"{one.rule}@{one.node} {one.verdict.value}" for one in findings]


@pytest.mark.parametrize(
    ("changes", "finds"),
    [
        ({f"replication_role.{SCP}": laid(NO_COPIES)}, ["replication-role-permissions@replication_role fail"]),
        ({f"replication_role.{SCP}": laid(NO_COPIES, chief=PRODUCTION)}, []),
        ({f"replication_role.{SCP}": laid()}, []),
        ({f"destination_bucket.{RCP}": laid(NOBODY_WRITES, full=OPEN)}, ["destination-policy@destination_bucket fail"]),
        ({f"destination_bucket.{RCP}": laid(NOBODY_WRITES, full=OPEN, chief=ANALYTICS)}, []),
        ({f"destination_bucket.{RCP}": laid(full=OPEN), f"source_bucket.{RCP}": laid(full=OPEN)}, []),
        ({f"exporter.{SCP}": laid(NO_COPIES), f"source_bucket.{RCP}": laid(NOBODY_WRITES, full=OPEN)}, []),
    ],
    ids=["scp", "scp of the chief", "full", "rcp", "rcp of the chief", "full rcp", "elsewhere"],
)
def test_a_policy_that_blocks_is_one_finding_where_it_blocks(changes, finds):
    assert said(judged(changes)) == finds


def test_a_perimeter_of_the_organisation_lets_its_own_role_in():
    perimeter = copy.deepcopy(NOBODY_WRITES)
    perimeter["Statement"][0]["Condition"] = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a1"}}
    guarded = {f"destination_bucket.{RCP}": laid(perimeter, full=OPEN)}
    assert said(judged({**guarded, f"replication_role.{SCP}": laid()})) == []
    stranger = {**guarded, f"replication_role.{SCP}": laid(organization="o-z9")}
    assert said(judged(stranger)) == ["destination-policy@destination_bucket fail"]
    alone = {**guarded, f"replication_role.{SCP}": None}
    # The key is absent for a principal of no organisation: …IfExists then holds.
    assert said(judged(alone)) == ["destination-policy@destination_bucket fail"]


def test_the_evidence_leads_to_the_statement_of_the_organisation():
    (finding,) = judged({f"replication_role.{SCP}": laid(NO_COPIES)})
    evidence = finding.evidence[0]
    assert evidence.route == f"replication_role.{SCP}"
    assert evidence.found.en == "explicitly denied"
    assert "NoCopies" in evidence.note.en
    assert "service control policy" in evidence.note.en
    assert "SCP" in evidence.note.ja


def test_what_nobody_may_read_is_said_beside_failures_only():
    unread = {SCP: "AccessDeniedException"}
    assert judged({"replication_role.unread": unread, "exporter.unread": unread}) == []
    broken = {
        "replication_role.unread": unread,
        "replication_role.InlinePolicies.replication.Statement[2].Action": "s3:ReplicateObject",
    }
    (finding,) = judged(broken)
    notes = [one.note.en for one in finding.evidence if "were not considered" in one.note.en]
    assert len(notes) == 1
    assert "(AccessDeniedException: organizations:DescribeOrganization)" in notes[0]
    assert judged(broken, {"organization_policies": "ignore"})[0].evidence[0].note.en.count("not considered") == 0


def test_required_and_unread_is_unknown_and_names_the_permission():
    changes = {
        f"{node}.unread": {facet: "AccessDeniedException"}
        for node, facet in (("replication_role", SCP), ("exporter", SCP), ("destination_bucket", RCP))
    }
    changes[f"source_bucket.{RCP}"] = laid(full=OPEN)
    found = judged(changes, {"organization_policies": "require"})
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert {one.rule for one in found} == {"export-permissions", "replication-role-permissions", "destination-policy"}
    for one in found:
        assert {e.unread.permission for e in one.evidence} == {"organizations:DescribeOrganization"}


# What is asked, and what is counted


ACCESS_RULES = selected(RULES, ["export-permissions", "replication-role-permissions", "destination-policy"])


def declared(word=""):
    text = (
        PIPELINE
        if not word
        else PIPELINE.replace("    intent:\n", f"    intent:\n      organization_policies: {word}\n")
    )
    return parse(text, "pipeline.yaml")


def test_intent_decides_what_is_read_and_what_must_be_granted():
    facets = {SCP, RCP}
    for word, reads, grants in (("", True, False), ("require", True, True), ("ignore", False, False)):
        (pipeline,) = declared(word)
        wanted = {pair for pair in wanted_facets(ACCESS_RULES, pipeline) if pair[1] in facets}
        assert bool(wanted) is reads, word
        actions = json.dumps(policies([pipeline], ACCESS_RULES))
        assert ("organizations:DescribePolicy" in actions) is grants, word


@pytest.fixture
def world(tmp_path):
    """The right pipeline on the stand-in, and clients of any account."""
    with serve() as server, _profiles(tmp_path, server.url):
        server.reset()

        def client(service, account, region=REGION):
            return boto3.client(
                service,
                region_name=region,
                endpoint_url=server.url,
                aws_access_key_id=account,
                aws_secret_access_key="-",
            )

        build_golden(client)
        server.clear()
        yield server, client
        server.reset()


def run(word=""):
    with Aws() as aws:
        return audit(declared(word), ACCESS_RULES, Settings(), aws=aws)


def asked(server):
    return [one for one in server.calls() if one["service"] == "organizations"]


def test_a_plain_account_costs_one_call_and_changes_nothing(world):
    server, _ = world
    report = run()
    assert exit_code(report) == 0
    assert sorted((one["operation"], one["account"]) for one in asked(server)) == [
        ("DescribeOrganization", PRODUCTION),
        ("DescribeOrganization", ANALYTICS),
    ]


def test_a_refusal_is_neither_declared_nor_unknown(world):
    server, _ = world
    before = run()
    server.clear()
    server.faults([{"service": "organizations", "status": 400, "code": "AccessDeniedException"}])
    report = run()
    assert exit_code(report) == 0
    assert "0 unknown" in closing_line(report, "en")
    assert report.declared == report.read < before.read
    refused = [(one["operation"], one["account"]) for one in asked(server)]
    assert sorted(refused) == [("DescribeOrganization", PRODUCTION), ("DescribeOrganization", ANALYTICS)]
    assert exit_code(run("require")) == 3
    assert run("require").declared > report.declared


@pytest.fixture
def founded(world, monkeypatch):
    """An organisation of both accounts, whose policies a delegated administrator may read."""
    server, client = world
    ids = iter(["000000000000", PRODUCTION, ANALYTICS])
    monkeypatch.setattr(utils, "make_random_account_id", lambda: next(ids))
    chief = client("organizations", CHIEF)
    chief.create_organization(FeatureSet="ALL")
    for name in ("production", "analytics"):
        chief.create_account(AccountName=name, Email=f"{name}@example.com")
    yield server, chief


def lay(chief, name, sort, document, target):
    made = chief.create_policy(Content=json.dumps(document), Description=name, Name=name, Type=sort)
    chief.attach_policy(PolicyId=made["Policy"]["PolicySummary"]["Id"], TargetId=target)


def test_a_member_knows_its_organisation_and_not_its_policies(founded):
    server, chief = founded
    lay(chief, "no-copies", "SERVICE_CONTROL_POLICY", NO_COPIES, PRODUCTION)
    server.clear()
    report = run()
    assert exit_code(report) == 0
    refused = [(one["operation"], one["account"]) for one in asked(server) if one["status"] != 200]
    assert sorted(refused) == [("ListParents", PRODUCTION), ("ListParents", ANALYTICS)]
    assert {one.rule for one in run("require").findings if one.verdict is Verdict.UNKNOWN} >= {"destination-policy"}


def test_a_delegated_administrator_sees_what_blocks(founded):
    _, chief = founded
    for account in (PRODUCTION, ANALYTICS):
        chief.register_delegated_administrator(AccountId=account, ServicePrincipal="access-analyzer.amazonaws.com")
    assert exit_code(run("require")) == 0
    lay(chief, "no-copies", "SERVICE_CONTROL_POLICY", NO_COPIES, PRODUCTION)
    lay(chief, "nobody-writes", "RESOURCE_CONTROL_POLICY", NOBODY_WRITES, ANALYTICS)
    report = run()
    failed = {(one.rule, one.node) for one in report.findings if one.verdict is Verdict.FAIL}
    assert failed == {
        ("replication-role-permissions", "replication_role"),
        ("destination-policy", "destination_bucket"),
    }
    assert not [one for one in report.findings if one.verdict is Verdict.UNKNOWN]
