"""What policies allow, judged by rules: any style that grants passes, any gap fails, and less knowledge changes no side."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import cases, rulebook
from auditor.edits.compose import mended, with_documents
from auditor.engine import judge
from auditor.errors import Place
from auditor.kinds import wanted
from auditor.model import Unread, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Case

OURS = (
    "destination-policy",
    "export-bucket-policy",
    "export-kms-permissions",
    "export-permissions",
    "export-recent",
    "export-target-accepts",
    "key-rotation",
    "known-principals",
    "least-privilege",
    "notification-target-key",
    "notification-target-permits",
    "pitr-continuous",
    "pitr-enabled",
    "pitr-recovery-period",
    "replication-role-permissions",
    "replication-role-trust",
    "table-deletion-protection",
)
RULES = {rule.id: rule for rule in rulebook.load(vet=False)}
SOURCE, DESTINATION = "arn:aws:s3:::orders-export", "arn:aws:s3:::orders-analytics"
ROLE = "arn:aws:iam::111122223333:role/replication-source-role"
NEEDED = (
    ("s3:GetReplicationConfiguration", SOURCE),
    ("s3:ListBucket", SOURCE),
    ("s3:GetObjectVersionForReplication", f"{SOURCE}/*"),
    ("s3:GetObjectVersionAcl", f"{SOURCE}/*"),
    ("s3:GetObjectVersionTagging", f"{SOURCE}/*"),
    ("s3:ReplicateObject", f"{DESTINATION}/*"),
    ("s3:ReplicateDelete", f"{DESTINATION}/*"),
    ("s3:ReplicateTags", f"{DESTINATION}/*"),
)


def snapshot(**nodes):
    return cases.snapshot_of(Case("", nodes, Verdict.PASS, Place("")))


def finding(rule, node, found):
    return judge(RULES[rule], node, found, PREDICATES)


def replicating(statements, boundary=None, managed=()):
    """The standard pipeline with these statements of the replication role, each in a policy of its own."""
    documents = [{"Version": "2012-10-17", "Statement": one} for one in statements]
    inline = {f"p{index}": one for index, one in enumerate(documents) if index not in managed}
    attached = {f"arn:aws:iam::111122223333:policy/p{index}": documents[index] for index in managed}
    rule = {
        "ID": "exports",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": "exports/"},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": DESTINATION},
    }
    return snapshot(
        table={"Exports": {"Exports": []}},
        source_bucket={
            "Policy": None,
            "ObjectLock": None,
            "Encryption": None,
            "Replication": {"Role": ROLE, "Rules": [rule]},
        },
        destination_bucket={"Policy": None, "OwnershipControls": None, "Encryption": None},
        replication_role={"InlinePolicies": inline, "AttachedPolicies": attached, "Boundary": boundary},
    )


@st.composite
def styles(draw, needed):
    """Spell what is needed in one of the ways AWS allows: case, wildcards, scalars, lists, NotAction."""
    statements = []
    for action, resource in draw(st.permutations(needed)):
        service, name = action.split(":")
        cut = draw(st.integers(3, len(name)))
        spelt = draw(st.sampled_from([action, action.lower(), f"{service}:{name[:cut]}*", f"{service}:?{name[1:]}"]))
        on = draw(st.sampled_from([resource, [resource], "*", [resource, "arn:aws:s3:::elsewhere"]]))
        statements.append({"Effect": "Allow", "Action": draw(st.sampled_from([spelt, [spelt]])), "Resource": on})
    return statements


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_style_that_grants_all_passes(data):
    statements = data.draw(styles(NEEDED))
    managed = data.draw(st.sets(st.integers(0, len(statements) - 1)))
    boundary = data.draw(
        st.sampled_from(
            [None, {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}]
        )
    )
    found = replicating(statements, boundary, managed)
    assert finding("replication-role-permissions", "replication_role", found).verdict is Verdict.PASS


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(NEEDED), min_size=1))
def test_exactly_what_is_missing_fails_and_the_fix_grants_exactly_that(missing):
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": on} for action, on in NEEDED if (action, on) not in missing
    ]
    found = replicating(statements)
    verdict = finding("replication-role-permissions", "replication_role", found)
    assert verdict.verdict is Verdict.FAIL
    assert {one.key for one in verdict.evidence} == {action for action, _ in missing}
    changed = mended(RULES["replication-role-permissions"], found, "replication_role")
    added = changed["replication_role", "InlinePolicies"]["auditor-replication"]["Statement"]
    granted = {
        (action, one["Resource"])
        for one in added
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert granted == missing
    mended_pipeline = with_documents(found, changed)
    assert finding("replication-role-permissions", "replication_role", mended_pipeline).verdict is Verdict.PASS


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NEEDED), st.sampled_from(["identity", "boundary"]))
def test_a_deny_or_a_boundary_is_never_granted_around(needed, where):
    from auditor.errors import Refused

    action, on = needed
    allow = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]
    boundary = None
    if where == "identity":
        allow.append({"Effect": "Deny", "Action": action, "Resource": on})
    else:
        boundary = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": action, "Resource": "*"}}
    found = replicating(allow, boundary)
    verdict = finding("replication-role-permissions", "replication_role", found)
    if action == "s3:GetObjectVersionForReplication" and where == "boundary":
        assert verdict.verdict is Verdict.PASS  # GetObjectVersion does as well
        return
    assert verdict.verdict is Verdict.FAIL
    with pytest.raises(Refused) as refused:
        mended(RULES["replication-role-permissions"], found, "replication_role")
    assert refused.value.reason == "Manual"
    assert action in refused.value.sentence


CHANGES_SIDES = {
    (Verdict.PASS, Verdict.FAIL),
    (Verdict.FAIL, Verdict.PASS),
    (Verdict.FAIL, Verdict.NOT_APPLICABLE),
    (Verdict.UNKNOWN, Verdict.PASS),
    (Verdict.UNKNOWN, Verdict.FAIL),
    (Verdict.NOT_APPLICABLE, Verdict.FAIL),
}


@pytest.mark.parametrize("rule", OURS)
def test_less_knowledge_never_changes_sides(rule):
    """Take away one facet after the other from every case: what was proven stays, or becomes unknown."""
    tried = 0
    for case in RULES[rule].cases:
        found, node = cases.snapshot_of(case), cases.subject_of(case, RULES[rule])
        if node not in found.resources or not RULES[rule].required <= set(found.resources):
            continue
        before = finding(rule, node, found).verdict
        for name, known in found.resources.items():
            for facet in known.facets:
                # Whether an export asks for a key of its own is no configuration; what has been read is judged.
                if rule == "export-kms-permissions" and facet == "Exports":
                    continue
                # What the owner has only considered counts where it may be read, and is no gap elsewhere.
                if wanted(known.node, facet, case.given.get("intent") or {}) != "require":
                    continue
                rest = {key: value for key, value in known.facets.items() if key != facet}
                blind = replace(known, facets=rest, unread={**known.unread, facet: Unread("AccessDenied")})
                after = finding(rule, node, replace(found, resources={**found.resources, name: blind})).verdict
                assert (before, after) not in CHANGES_SIDES, (
                    f"{case.name}: without {name}.{facet} {before} became {after}"
                )
                tried += 1
    assert tried > 5


def test_an_unread_policy_names_the_permission_that_would_help():
    found = replicating([])
    role = found.resources["replication_role"]
    blind = replace(
        role, facets={**role.facets}, unread={"InlinePolicies": Unread("AccessDenied", "iam:ListRolePolicies")}
    )
    blind.facets.pop("InlinePolicies")
    verdict = finding(
        "replication-role-permissions",
        "replication_role",
        replace(found, resources={**found.resources, "replication_role": blind}),
    )
    assert verdict.verdict is Verdict.UNKNOWN
    assert {one.unread.permission for one in verdict.evidence} == {"iam:ListRolePolicies"}


def test_a_policy_that_aws_would_not_accept_is_unknown_not_allowed():
    found = replicating([{"Effect": "Alow", "Action": "s3:*", "Resource": "*"}])
    verdict = finding("replication-role-permissions", "replication_role", found)
    assert verdict.verdict is Verdict.UNKNOWN
    assert {one.unread.reason for one in verdict.evidence} == {"Malformed"}
