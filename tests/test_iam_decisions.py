"""Whole decisions, as data in iam/decisions_*.yaml.

A case has `ask` (principal, action, resource; "role", "session" and "user" stand for the three below), the policies as lists
of statements (`identity`, `resource`, `boundary`, `session`, `endpoint`; `identities` and `sessions` for several; `scps` and
`rcps` level by level, "full" for the policy that allows everything), `documents` for whole documents, `unread` for sorts of
policy that could not be read, and what is known of the request. `says` pins pieces of the explanation, `by` its first reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from auditor.iam import Policies, Policy, Request, Unreadable, decide

FOLDER = Path(__file__).parent / "iam"
CALLERS = {
    "role": "arn:aws:iam::111122223333:role/exporter",
    "session": "arn:aws:sts::111122223333:assumed-role/exporter/night",
    "user": "arn:aws:iam::111122223333:user/ann",
}
FULL = [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]
UNREAD = Unreadable("the unread one", "AccessDenied on iam:GetPolicy")


def policy(statements, name):
    wanted = FULL if statements == "full" else statements
    return Policy.parse({"Version": "2012-10-17", "Statement": wanted}, name)


def levels(case, name):
    if name in case.get("unread", ()):
        return ((UNREAD,),)
    if name not in case:
        return None
    return tuple(tuple(policy(item, name) for item in level) for level in case[name])


def several(case, name, plural):
    documents = case.get("documents", {})
    found = [policy(case[name], name)] if name in case else []
    found += [policy(item, f"{name} {number}") for number, item in enumerate(case.get(plural, ()), 1)]
    found += [Policy.parse(documents[name], name)] if name in documents else []
    return tuple(found) + ((UNREAD,) if name in case.get("unread", ()) else ())


def single(case, name):
    if name in case.get("unread", ()):
        return UNREAD
    return policy(case[name], name) if name in case else None


def policies(case):
    grants = Policies.of(grants=case.get("grants", ())).grants
    return Policies(
        identity=several(case, "identity", "identities"),
        resource=single(case, "resource"),
        boundary=single(case, "boundary"),
        session=several(case, "session", "sessions"),
        scps=levels(case, "scps"),
        rcps=levels(case, "rcps"),
        endpoint=single(case, "endpoint"),
        grants=grants + ((UNREAD,) if "grants" in case.get("unread", ()) else ()),
        management_account=case.get("management_account", ""),
    )


def request(case):
    principal, action, resource = case["ask"]
    return Request(
        CALLERS.get(principal, principal),
        action,
        resource,
        case.get("context", {}),
        absent=frozenset(case.get("absent", ())),
        unknowable=frozenset(case.get("unknowable", ())),
        one_of={key: tuple(values) for key, values in case.get("one_of", {}).items()},
        unlisted=case.get("unlisted", "absent"),
        resource_account=case.get("owner", ""),
    )


def cases():
    for path in sorted(FOLDER.glob("decisions_*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8")):
            yield pytest.param(case, id=f"{path.stem.partition('_')[2]}: {case['name']}")


@pytest.mark.parametrize("case", list(cases()))
def test_decision(case):
    decision = decide(request(case), policies(case))
    assert decision.effect == case["effect"], decision.explain
    assert decision.by
    assert all(reason.en.endswith(".") and reason.ja.endswith("。") for reason in decision.by)
    for piece in case.get("says", ()):
        assert piece in decision.explain
    for piece in case.get("says_ja", ()):
        assert piece in decision.explain_ja
    for field, value in case.get("by", {}).items():
        assert getattr(decision.by[0], field) == value


@pytest.mark.parametrize("case", list(cases()))
def test_order_does_not_matter(case):
    turned = {
        **case,
        **{name: case[name][::-1] for name in ("identity", "resource", "identities", "session") if name in case},
    }
    assert decide(request(turned), policies(turned)).effect == case["effect"]
