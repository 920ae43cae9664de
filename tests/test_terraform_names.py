"""Names that a plan does not know yet: what follows from references, what from the configuration, and what stays open."""

from __future__ import annotations

import json

import pytest

from auditor.model import Unread
from tests.plans.stack import Stack, encoded, ref
from tests.test_terraform import found, said, snapshot, why

ROLE_TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
BOTH = {"source_bucket": "orders-export", "destination_bucket": {"name": "orders-analytics", "account": "analytics"}}
NODES = {**BOTH, "replication_role": {"role": "replication"}}


def replicating(bucket, role, source="aws_s3_bucket.a.id", **more):
    return {
        "bucket": ref(source),
        "role": role,
        "rule": [
            {
                "id": "x",
                "status": "Enabled",
                "filter": [{"prefix": ""}],
                "priority": 1,
                "destination": [{"bucket": bucket}],
            }
        ],
        **more,
    }


TWO = {
    "aws_s3_bucket.a": {"bucket": "orders-export"},
    "aws_s3_bucket.b": {"bucket": "orders-analytics"},
    "aws_iam_role.r": {"name": "replication", "assume_role_policy": ROLE_TRUST},
}
RULES = "aws_s3_bucket_replication_configuration.a"
DESTINATION = "source_bucket.Replication.Rules[0].Destination.Bucket"


def test_a_reference_alone_is_the_arn_that_it_leads_to(tmp_path):
    stack = Stack({**TWO, RULES: replicating(ref("aws_s3_bucket.b.arn"), ref("aws_iam_role.r.arn"))})
    made = snapshot(tmp_path, stack.plan(), NODES)
    assert found(made, DESTINATION) == "arn:aws:s3:::orders-analytics"
    assert found(made, "source_bucket.Replication.Role") == "arn:aws:iam::111122223333:role/replication"
    assert found(made, "replication_role.Arn") == "arn:aws:iam::111122223333:role/replication"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("arn:aws:s3:::${aws_s3_bucket.b.id}", ["aws_s3_bucket.b.id"]),
        ("${var.other ? aws_s3_bucket.a.arn : aws_s3_bucket.b.arn}", ["aws_s3_bucket.a.arn", "aws_s3_bucket.b.arn", "var.other"]),
        ("${local.destination}", ["local.destination"]),
        ("${random_pet.x.id}", ["random_pet.x.id"]),
    ],
)  # fmt: skip
def test_what_may_be_a_part_of_a_longer_text_is_never_guessed(tmp_path, text, names):
    stack = Stack({**TWO, RULES: replicating(ref(text, *names), ref("aws_iam_role.r.arn"))})
    made = snapshot(tmp_path, stack.plan(), NODES)
    assert why(made, DESTINATION) == "KnownAfterApply"
    assert names[0] in str(said(made, DESTINATION))


def test_only_the_leaf_that_is_not_known_is_unread(tmp_path):
    stack = Stack({**TWO, RULES: replicating(ref("random_pet.x.id"), ref("aws_iam_role.r.arn"))})
    rule = found(snapshot(tmp_path, stack.plan(), NODES), "source_bucket.Replication.Rules")[0]
    assert {name for name, value in rule.items() if isinstance(value, Unread)} == set()
    assert isinstance(rule["Destination"]["Bucket"], Unread)
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""})


def test_a_sensitive_leaf_is_not_looked_at(tmp_path):
    stack = Stack({**TWO, RULES: replicating("arn:aws:s3:::orders-analytics", ref("aws_iam_role.r.arn"))}, exists=True)
    plan = stack.plan()
    change = next(one["change"] for one in plan["resource_changes"] if one["address"] == RULES)
    change["after_sensitive"] = {"rule": [{"destination": [{"bucket": True}]}]}
    made = snapshot(tmp_path, plan, NODES)
    assert why(made, DESTINATION) == "Sensitive"
    assert "orders-analytics" not in str(said(made, DESTINATION))
    assert found(made, "source_bucket.Replication.Rules[0].Status") == "Enabled"


def test_sensitive_values_of_a_state_are_not_looked_at(tmp_path):
    state = Stack(
        {**TWO, RULES: replicating("arn:aws:s3:::orders-analytics", "arn:aws:iam::111122223333:role/r")}
    ).state()
    for one in state["values"]["root_module"]["resources"]:
        if one["address"] == RULES:
            one["sensitive_values"] = {"role": True}
    assert why(snapshot(tmp_path, state, NODES), "source_bucket.Replication.Role") == "Sensitive"


MODULES = {"module.a": {}, "module.b": {"arn": ref("module.a.arn")}}


def test_references_lead_through_outputs_and_variables_of_modules(tmp_path):
    stack = Stack(
        {
            "module.a.aws_s3_bucket.this": {"bucket": "orders-analytics"},
            "module.b.aws_s3_bucket.this": {"bucket": "orders-export"},
            "module.b.aws_iam_role.this": {"name": "replication", "assume_role_policy": ROLE_TRUST},
            "module.b.aws_s3_bucket_replication_configuration.this": replicating(
                ref("var.arn"), ref("aws_iam_role.this.arn"), "aws_s3_bucket.this.id"
            ),
        },
        modules=MODULES,
        outputs={"module.a.arn": ref("aws_s3_bucket.this.arn")},
    )
    made = snapshot(tmp_path, stack.plan(), NODES)
    assert found(made, DESTINATION) == "arn:aws:s3:::orders-analytics"
    assert found(made, "source_bucket.Replication.Role") == "arn:aws:iam::111122223333:role/replication"


def test_a_module_and_a_resource_that_are_repeated_go_by_their_keys(tmp_path):
    stack = Stack(
        {
            'module.m["x"].aws_s3_bucket.this[0]': {"bucket": "orders-export"},
            'module.m["x"].aws_s3_bucket_versioning.this[0]': {
                "bucket": ref("aws_s3_bucket.this[0].id"),
                "versioning_configuration": [{"status": "Enabled"}],
            },
            'module.m["y"].aws_s3_bucket.this[0]': {"bucket": "orders-analytics"},
            'module.m["y"].aws_s3_bucket_versioning.this[0]': {
                "bucket": ref("aws_s3_bucket.this[0].id"),
                "versioning_configuration": [{"status": "Suspended"}],
            },
        },
        modules={'module.m["x"]': {}, 'module.m["y"]': {}},
    )
    made = snapshot(tmp_path, stack.plan(), BOTH)
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert found(made, "destination_bucket.Versioning.Status") == "Suspended"


def test_each_key_leads_to_the_instance_of_the_same_key(tmp_path):
    buckets = {
        'aws_s3_bucket.b["x"]': {"bucket": "orders-export"},
        'aws_s3_bucket.b["y"]': {"bucket": "orders-analytics"},
    }
    for key, status in (("x", "Enabled"), ("y", "Suspended")):
        buckets[f'aws_s3_bucket_versioning.b["{key}"]'] = {
            # Terraform tells `aws_s3_bucket.b[each.key].id` without key and attribute.
            "bucket": ref("aws_s3_bucket.b[each.key].id", "aws_s3_bucket.b", "each.key"),
            "versioning_configuration": [{"status": status}],
        }
    made = snapshot(tmp_path, Stack(buckets).plan(), BOTH)
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert found(made, "destination_bucket.Versioning.Status") == "Suspended"


def test_for_each_over_another_resource_leads_to_its_instances(tmp_path):
    buckets = {
        'aws_s3_bucket.b["x"]': {"bucket": "orders-export"},
        'aws_s3_bucket.b["y"]': {"bucket": "orders-analytics"},
    }
    for key, status in (("x", "Enabled"), ("y", "Suspended")):
        buckets[f'aws_s3_bucket_versioning.b["{key}"]'] = {
            "bucket": ref("each.value.id", "each.value.id", "each.value"),
            "versioning_configuration": [{"status": status}],
        }
    plan = Stack(buckets).plan()
    for one in plan["configuration"]["root_module"]["resources"]:
        if one["type"] == "aws_s3_bucket_versioning":
            one["for_each_expression"] = {"references": ["aws_s3_bucket.b"]}
    made = snapshot(tmp_path, plan, BOTH)
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert found(made, "destination_bucket.Versioning.Status") == "Suspended"


def test_a_setting_of_one_of_two_buckets_is_open_for_both_and_for_no_third(tmp_path):
    stack = Stack(
        {
            **TWO,
            "aws_s3_bucket.c": {"bucket": "third"},
            "aws_s3_bucket_versioning.x": {
                "bucket": ref(
                    "${var.x ? aws_s3_bucket.a.id : aws_s3_bucket.b.id}", "aws_s3_bucket.a.id", "aws_s3_bucket.b.id"
                ),
                "versioning_configuration": [{"status": "Enabled"}],
            },
        }
    )
    made = snapshot(tmp_path, stack.plan(), BOTH)
    assert {why(made, f"{node}.Versioning") for node in BOTH} == {"KnownAfterApply"}
    third = snapshot(tmp_path, stack.plan(), {"source_bucket": "third"})
    assert found(third, "source_bucket.Versioning") == {}


def test_a_setting_of_nobody_knows_which_bucket_is_open_for_new_buckets_without_one(tmp_path):
    stack = Stack(
        {
            **TWO,
            "aws_s3_bucket_versioning.x": {
                "bucket": ref("local.bucket"),
                "versioning_configuration": [{"status": "Enabled"}],
            },
            "aws_s3_bucket_versioning.b": {
                "bucket": ref("aws_s3_bucket.b.id"),
                "versioning_configuration": [{"status": "Enabled"}],
            },
        }
    )
    made = snapshot(tmp_path, stack.plan(), BOTH)
    assert why(made, "source_bucket.Versioning") == "KnownAfterApply"
    assert found(made, "destination_bucket.Versioning.Status") == "Enabled"


MADE_UP = {
    "aws_s3_bucket.a": {"bucket_prefix": "orders-", "bucket": None},
    "aws_s3_bucket.b": {"bucket": "orders-analytics"},
    "aws_iam_role.r": {"name": "replication", "assume_role_policy": ROLE_TRUST},
    RULES: replicating(ref("aws_s3_bucket.b.arn"), ref("aws_iam_role.r.arn")),
    "aws_s3_bucket_versioning.a": {
        "bucket": ref("aws_s3_bucket.a.id"),
        "versioning_configuration": [{"status": "Enabled"}],
    },
}


def made_up():
    """Return a first plan with a bucket whose name the provider makes up."""
    resources = {**MADE_UP, "aws_s3_bucket.a": {"bucket_prefix": "orders-"}}
    plan = Stack(resources).plan()
    change = next(one["change"] for one in plan["resource_changes"] if one["address"] == "aws_s3_bucket.a")
    change["after_unknown"]["bucket"] = True
    return plan


def test_a_name_that_the_provider_makes_up_is_found_by_its_address(tmp_path):
    nodes = {"source_bucket": {"terraform": "aws_s3_bucket.a"}, "destination_bucket": BOTH["destination_bucket"]}
    made = snapshot(tmp_path, made_up(), nodes)
    assert found(made, "source_bucket.Arn") == "arn:aws:s3:::(aws_s3_bucket.a)"
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert found(made, DESTINATION) == "arn:aws:s3:::orders-analytics"


def test_the_pipeline_may_know_the_name_that_the_plan_does_not(tmp_path):
    nodes = {"source_bucket": {"terraform": "aws_s3_bucket.a", "name": "orders-2026"}}
    made = snapshot(tmp_path, made_up(), nodes)
    assert found(made, "source_bucket.Arn") == "arn:aws:s3:::orders-2026"
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"


def test_a_name_alone_does_not_find_what_has_no_name_yet(tmp_path):
    made = snapshot(tmp_path, made_up(), {"source_bucket": "orders-2026"})
    assert why(made, "source_bucket.Versioning") == "NotInPlan"
    assert "terraform:`: aws_s3_bucket.a" in str(said(made, "source_bucket.Versioning"))


def test_what_may_be_a_node_that_was_not_found_is_open_and_never_another_bucket(tmp_path):
    resources = {
        "aws_s3_bucket.a": {"bucket": "orders-export"},
        "aws_s3_bucket.b": {"bucket_prefix": "orders-"},
        RULES: replicating(ref("aws_s3_bucket.b.arn"), "arn:aws:iam::111122223333:role/r"),
    }
    plan = Stack(resources).plan()
    next(one for one in plan["resource_changes"] if one["address"] == "aws_s3_bucket.b")["change"]["after_unknown"][
        "bucket"
    ] = True
    assert why(snapshot(tmp_path, plan, BOTH), DESTINATION) == "KnownAfterApply"
    other = {**BOTH, "destination_bucket": {"name": "analytics", "account": "analytics"}}
    assert found(snapshot(tmp_path, plan, other), DESTINATION) == "arn:aws:s3:::(aws_s3_bucket.b)"


def test_a_wildcard_that_may_cover_a_name_to_come_is_open(tmp_path):
    plan = made_up()
    policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::orders-2*", "arn:aws:s3:::other"]}
        ]
    }
    plan["resource_changes"].append(
        json.loads(json.dumps(next(one for one in plan["resource_changes"] if one["address"] == "aws_s3_bucket_versioning.a")))
        | {
            "address": "aws_iam_role_policy.r", "type": "aws_iam_role_policy", "name": "r",
            "change": {"actions": ["create"], "before": None, "after": {"name": "p", "role": "replication", "policy": json.dumps(policy)}, "after_unknown": {"id": True}},
        }
    )  # fmt: skip
    nodes = {"source_bucket": {"terraform": "aws_s3_bucket.a"}, "replication_role": {"role": "replication"}}
    resources = found(snapshot(tmp_path, plan, nodes), "replication_role.InlinePolicies.p.Statement[0].Resource")
    assert isinstance(resources[0], Unread)
    assert resources[1] == "arn:aws:s3:::other"


@pytest.mark.parametrize(
    ("node", "reason", "says"),
    [
        ({"name": "none-such"}, "NotInPlan", "has no aws_s3_bucket named none-such"),
        ({"terraform": "aws_s3_bucket.c"}, "NotInPlan", "has no resource aws_s3_bucket.c"),
        ({"terraform": "aws_iam_role.r"}, "NotInPlan", "is no aws_s3_bucket"),
        ({"terraform": "aws_s3_bucket.a", "name": "another"}, "NotInPlan", "is named orders-export"),
        ({"terraform": "aws_s3_bucket.n"}, "Ambiguous", "aws_s3_bucket.n[0], aws_s3_bucket.n[1]"),
    ],
)
def test_a_node_that_is_not_found_says_why(tmp_path, node, reason, says):
    stack = Stack({**TWO, "aws_s3_bucket.n[0]": {"bucket": "n0"}, "aws_s3_bucket.n[1]": {"bucket": "n1"}})
    made = snapshot(tmp_path, stack.plan(), {"source_bucket": node})
    assert why(made, "source_bucket.Versioning") == reason
    assert says in str(said(made, "source_bucket.Versioning"))


def test_one_instance_of_a_repeated_resource_is_found_without_its_key(tmp_path):
    made = snapshot(
        tmp_path,
        Stack({"aws_s3_bucket.n[0]": {"bucket": "n0"}}).plan(),
        {"source_bucket": {"terraform": "aws_s3_bucket.n"}},
    )
    assert found(made, "source_bucket.Arn") == "arn:aws:s3:::n0"


def test_equal_names_in_two_accounts_are_told_apart(tmp_path):
    resources = {
        "aws_iam_role.a": {"name": "worker", "assume_role_policy": ROLE_TRUST},
        "aws_iam_role.b": {"name": "worker", "assume_role_policy": ROLE_TRUST},
        "aws_iam_role_policy.a": {
            "name": "p",
            "role": ref("aws_iam_role.a.id"),
            "policy": json.dumps({"Statement": []}),
        },
        "aws_iam_role_policy.b": {
            "name": "q",
            "role": ref("aws_iam_role.b.id"),
            "policy": json.dumps({"Statement": []}),
        },
    }
    stack = Stack(
        resources, exists=True, providers={"aws_iam_role.b": "aws.analytics", "aws_iam_role_policy.b": "aws.analytics"}
    )
    nodes = {"exporter": {"role": "worker"}, "replication_role": {"role": "worker", "account": "analytics"}}
    made = snapshot(tmp_path, stack.plan(), nodes)
    assert list(found(made, "exporter.InlinePolicies")) == ["p"]
    assert list(found(made, "replication_role.InlinePolicies")) == ["q"]


def test_two_plans_are_read_together(tmp_path):
    source = Stack({**TWO, RULES: replicating("arn:aws:s3:::orders-analytics", "arn:aws:iam::111122223333:role/r")})
    del source.resources["aws_s3_bucket.b"]
    other = Stack(
        {
            "aws_s3_bucket.b": {"bucket": "orders-analytics"},
            "aws_s3_bucket_notification.far": {"bucket": "orders-export", "eventbridge": True},
        },
        exists=True,
    )
    made = snapshot(tmp_path, [source.plan(), other.plan()], BOTH)
    assert found(made, "source_bucket.Notification") == {"EventBridgeConfiguration": {}}
    assert found(made, "destination_bucket.Replication") is None


def test_a_plan_that_is_not_whole_says_nothing_of_what_it_lacks(tmp_path):
    policy = {"name": "p", "role": ref("aws_iam_role.r.id"), "policy": json.dumps({"Statement": []})}
    versioned = {"bucket": ref("aws_s3_bucket.a.id"), "versioning_configuration": [{"status": "Enabled"}]}
    stack = Stack({**TWO, "aws_iam_role_policy.p": policy, "aws_s3_bucket_versioning.a": versioned})
    made = snapshot(tmp_path, stack.plan(errored=True), NODES)
    lacking = ("Lifecycle", "Notification", "Policy", "PublicAccessBlock", "Encryption")
    assert {why(made, f"source_bucket.{name}") for name in lacking} == {"IncompletePlan"}
    assert why(made, "replication_role.InlinePolicies") == "IncompletePlan"
    assert found(made, "source_bucket.Versioning.Status") == "Enabled"
    assert found(made, "replication_role.Trust") == json.loads(ROLE_TRUST)


DOCUMENT = {
    "data.aws_iam_policy_document.d": {
        "statement": [
            {
                "sid": "Own",
                "effect": "Allow",
                "actions": ["s3:ReplicateObject"],
                "resources": [ref("${aws_s3_bucket.b.arn}/*")],
                "principals": [{"type": "AWS", "identifiers": [ref("aws_iam_role.r.arn")]}],
                "condition": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}],
            }
        ]
    },
    "aws_s3_bucket_policy.b": {
        "bucket": ref("aws_s3_bucket.b.id"),
        "policy": ref("data.aws_iam_policy_document.d.json"),
    },
}


def test_a_policy_document_is_put_together_as_far_as_it_is_known(tmp_path):
    plan = Stack({**TWO, **DOCUMENT}).plan()
    statement = found(snapshot(tmp_path, plan, NODES), "destination_bucket.Policy.Statement")[0]
    assert (statement["Sid"], statement["Effect"], statement["Action"]) == ("Own", "Allow", ["s3:ReplicateObject"])
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::111122223333:role/replication"]}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": ["true"]}}
    assert [one.reason for one in statement["Resource"]] == ["KnownAfterApply"]


def test_with_its_configuration_a_policy_document_is_known_whole(tmp_path):
    stack = Stack({**TWO, **DOCUMENT})
    made = snapshot(tmp_path, stack.plan(), BOTH, {"main.tf": stack.hcl()})
    assert found(made, "destination_bucket.Policy.Statement[0].Resource") == ["arn:aws:s3:::orders-analytics/*"]


def test_an_encoded_policy_is_known_by_its_configuration_except_what_nobody_knows(tmp_path):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:*",
                "Resource": [ref("aws_s3_bucket.b.arn"), ref("arn:aws:s3:::${random_pet.p.id}")],
            }
        ],
    }
    stack = Stack({**TWO, "aws_s3_bucket_policy.b": {"bucket": ref("aws_s3_bucket.b.id"), "policy": encoded(policy)}})
    assert why(snapshot(tmp_path, stack.plan(), BOTH), "destination_bucket.Policy") == "KnownAfterApply"
    made = snapshot(tmp_path, stack.plan(), BOTH, {"main.tf": stack.hcl()})
    resources = found(made, "destination_bucket.Policy.Statement[0].Resource")
    assert resources[0] == "arn:aws:s3:::orders-analytics"
    assert isinstance(resources[1], Unread)
