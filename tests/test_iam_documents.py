"""Documents: what is malformed and where, what AWS would refuse, what is public, and what a policy grants to whom."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from auditor.iam import (
    Grant,
    Policies,
    Policy,
    PolicyError,
    Unreadable,
    foreign_principals,
    granted_actions,
    grants,
    is_public,
    overbroad,
    principals,
    problems,
)

FOLDER = Path(__file__).parent / "iam"
ROLE = "arn:aws:iam::111122223333:role/replication"


def rows(name):
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def one(statement, **more):
    return Policy.parse({"Version": "2012-10-17", "Statement": {**statement, **more}}, "p")


@pytest.mark.parametrize(("document", "place", "message"), rows("malformed.yaml"))
def test_malformed(document, place, message):
    with pytest.raises(PolicyError) as caught:
        Policy.parse(document, "bucket policy")
    assert caught.value.place == place
    assert message in caught.value.problem
    assert str(caught.value).startswith(f"bucket policy: {place}: " if place else "bucket policy: ")


@pytest.mark.parametrize("document", ["[" * 100_000, '{"a":' * 100_000, '{"Statement": ' + "9" * 10_000 + "}"])
def test_monsters_are_refused_in_a_sentence(document):
    with pytest.raises(PolicyError, match=r"^policy: .{5,200}$"):
        Policy.parse(document)


def test_a_number_too_large_to_print_is_refused():
    with pytest.raises(PolicyError, match="too large"):
        one({"Effect": "Allow", "Action": "*", "Resource": "*"}, Condition={"NumericEquals": {"a": 10**5000}})


def test_mappings_and_tuples_of_any_sort_are_read():
    statement = MappingProxyType({"Effect": "Allow", "Action": ("s3:Get*", "s3:List*"), "Resource": "*"})
    found = Policy.parse(MappingProxyType({"Statement": (statement,)}))
    assert found.version == "2008-10-17"
    assert found.statements[0].actions.written == ("s3:Get*", "s3:List*")


@pytest.mark.parametrize("row", rows("refused.yaml"), ids=str)
def test_refused(row):
    kind, given, place, *message = row
    document = given if "Statement" in given else {"Version": "2012-10-17", "Statement": [given]}
    found = problems(json.dumps(document), kind, "x")
    assert [error.place for error in found] == ([] if place is None else [place])
    assert all(message[0] in error.problem for error in found)


@pytest.mark.parametrize(("statement", "expected"), rows("public.yaml"))
def test_public(statement, expected):
    base = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    assert is_public(one(base, **statement)) is expected
    private = {**base, "Principal": {"AWS": "111122223333"}}
    both = Policy.parse({"Version": "2012-10-17", "Statement": [private, {**base, **statement}]})
    assert is_public(both) is expected


def test_nobody_knows_whether_an_unread_policy_is_public():
    assert is_public(Unreadable("bucket policy", "AccessDenied")) is None


SAMPLE = Policy.parse(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Replicate",
                "Effect": "Allow",
                "Principal": {"AWS": [ROLE, "444455556666"], "Service": "logging.s3.amazonaws.com"},
                "Action": ["s3:ReplicateObject", "s3:PutBucketVersioning"],
                "Resource": "arn:aws:s3:::b/*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-home"}},
            },
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": "AROAEXAMPLE"},
                "NotAction": "s3:Put*",
                "NotResource": "arn:aws:s3:::x",
            },
        ],
    }
)


def test_what_a_policy_grants():
    first, second = granted_actions(SAMPLE)
    assert (first.statement, first.actions) == ("Replicate", ("s3:ReplicateObject", "s3:PutBucketVersioning"))
    assert first.conditions == ("StringEquals aws:PrincipalOrgID",)
    assert (second.statement, second.all_but_actions, second.all_but_resources) == (2, True, True)


def test_who_is_granted_an_action():
    assert [found.statement for found in grants(SAMPLE, "S3:putbucketversioning")] == ["Replicate"]
    assert [found.statement for found in grants(SAMPLE, "s3:GetObject")] == [2]


def test_whom_a_policy_names():
    assert [(named.type, named.value, named.account) for named in principals(SAMPLE)] == [
        ("AWS", ROLE, "111122223333"),
        ("AWS", "444455556666", "444455556666"),
        ("Service", "logging.s3.amazonaws.com", ""),
        ("AWS", "AROAEXAMPLE", ""),
    ]
    assert [named.value for named in principals(SAMPLE, allows=False)] == ["*"]
    assert len(principals(SAMPLE, allows=None)) == 5


def test_whom_a_policy_lets_in_from_outside():
    assert [named.value for named in foreign_principals(SAMPLE, ["111122223333"])] == ["444455556666", "AROAEXAMPLE"]
    everyone = one({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"})
    assert [named.value for named in foreign_principals(everyone, ["111122223333"])] == ["*"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}, []),
        ({"Action": "s3:Get*", "Resource": "arn:aws:s3:::b*"}, []),
        ({"Action": "*", "Resource": "arn:aws:s3:::b"}, ["every_action"]),
        ({"Action": "*:*", "Resource": "arn:aws:s3:::b"}, ["every_action"]),
        ({"Action": ["s3:GetObject", "s3:*"], "Resource": "arn:aws:s3:::b"}, ["every_action_of_service"]),
        ({"Action": "s3:GetObject", "Resource": "*"}, ["every_resource"]),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"}, ["every_resource"]),
        ({"NotAction": "iam:*", "Resource": "arn:aws:s3:::b"}, ["not_action"]),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}, ["not_resource"]),
        ({"NotPrincipal": {"AWS": "1"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}, ["not_principal"]),
        ({"Action": "*", "Resource": "*"}, ["every_action", "every_resource"]),
    ],
)
def test_overbroad(statement, expected):
    assert [breadth.excess for breadth in overbroad(one(statement, Effect="Allow"))] == expected
    assert overbroad(one(statement, Effect="Deny")) == ()


def test_policies_take_documents_of_every_sort():
    allow = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    unread = Unreadable("managed policy", "AccessDenied")
    found = Policies.of([json.dumps(allow), allow, unread], allow, scps=[[allow, allow], allow], endpoint=unread)
    assert [policy.name for policy in found.identity] == ["identity policy 1", "identity policy 2", "managed policy"]
    assert [len(level) for level in found.scps] == [2, 1]
    assert (found.rcps, found.boundary, found.endpoint) == (None, None, unread)
    with pytest.raises(PolicyError, match=r"permissions boundary: has no Statement"):
        Policies.of(boundary={})


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({}, "GranteePrincipal"),
        ({"GranteePrincipal": ROLE}, "Operations"),
        ({"GranteePrincipal": ROLE, "Operations": [1]}, "Operations"),
        ({"GranteePrincipal": ROLE, "Operations": [], "Constraints": [1]}, "Constraints"),
        (
            {"GranteePrincipal": ROLE, "Operations": [], "Constraints": {"EncryptionContextSubset": {"a": 1}}},
            "Constraints",
        ),
    ],
)
def test_malformed_grants(entry, place):
    with pytest.raises(PolicyError) as caught:
        Grant.parse(entry)
    assert caught.value.place == place


def test_a_policy_may_be_read_as_one_of_a_kind():
    old = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    assert Policy.parse(old).version == "2008-10-17"
    with pytest.raises(PolicyError, match="role policy: Version: must be '2012-10-17'"):
        Policy.parse(old, "role policy", kind="identity")
