"""Every case beside every shipped rule, and the three laws of its fix."""

import pytest

from auditor import cases, rulebook
from auditor.files import shipped
from auditor.model import Safety, Verdict

RULES = rulebook.load()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_cases_and_laws_hold(rule):
    assert [str(failure) for failure in cases.failures(rule)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_told_whole(rule):
    for text in (rule.why, *filter(None, (rule.fix and rule.fix.cost, rule.fix and rule.fix.steps))):
        assert text.en.endswith((".", ":", "`", ")")), text.en
        assert any("\u3040" <= letter <= "\u9fff" for letter in text.ja), text.ja
    assert not rule.title.en.endswith(".")
    assert any("\u3040" <= letter <= "\u9fff" for letter in rule.title.ja)
    assert all(link.startswith("https://") for link in rule.references)
    assert rule.references
    assert rule.fix is not None


# DESIGN: ids are stable for ever; a change of meaning is a new id. This list only grows.
TABLE = {
    "pitr-enabled": ("critical", "safe"),
    "pitr-recovery-period": ("medium", "safe"),
    "pitr-continuous": ("high", "manual"),
    "table-deletion-protection": ("medium", "safe"),
    "export-permissions": ("critical", "review"),
    "export-kms-permissions": ("critical", "review"),
    "export-bucket-policy": ("critical", "review"),
    "export-target-accepts": ("high", "manual"),
    "export-recent": ("high", "manual"),
    "notification-hears-exports": ("critical", "safe"),
    "notification-covers-exports": ("high", "review"),
    "notification-unambiguous": ("medium", "manual"),
    "notification-target-valid": ("high", "manual"),
    "notification-target-permits": ("critical", "review"),
    "notification-target-key": ("high", "review"),
    "notification-no-loop": ("high", "manual"),
    "versioning-enabled": ("critical", "safe"),
    "replication-configured": ("critical", "review"),
    "replication-covers-exports": ("high", "review"),
    "replication-rules-unambiguous": ("medium", "manual"),
    "replication-delete-markers": ("high", "review"),
    "replication-existing-objects": ("medium", "review"),
    "replication-time-control": ("medium", "safe"),
    "replication-metrics": ("medium", "safe"),
    "replication-failure-events": ("medium", "review"),
    "replication-kms": ("high", "review"),
    "replication-role-trust": ("critical", "review"),
    "replication-role-permissions": ("critical", "review"),
    "destination-policy": ("critical", "review"),
    "destination-accepts": ("high", "manual"),
    "replica-ownership": ("high", "review"),
    "replication-no-chain": ("medium", "manual"),
    "lifecycle-configured": ("medium", "manual"),
    "lifecycle-aborts-uploads": ("medium", "safe"),
    "lifecycle-expires-noncurrent": ("medium", "manual"),
    "lifecycle-sides-agree": ("medium", "manual"),
    "lifecycle-outlives-replication": ("high", "manual"),
    "public-access-blocked": ("high", "review"),
    "tls-only": ("medium", "review"),
    "default-encryption": ("medium", "safe"),
    "access-logging": ("low", "manual"),
    "key-rotation": ("medium", "safe"),
    "least-privilege": ("medium", "manual"),
    "known-principals": ("high", "manual"),
    "replication-healthy": ("high", "manual"),
    "athena-location": ("low", "manual"),
    "plan-keeps-data": ("critical", "manual"),
    "plan-keeps-configuration": ("high", "manual"),
    "plan-single-owner": ("high", "manual"),
}
SEED = {
    "pitr-enabled", "pitr-recovery-period", "versioning-enabled", "export-permissions", "notification-hears-exports",
    "notification-covers-exports", "replication-configured", "replication-covers-exports",
    "replication-rules-unambiguous", "replication-delete-markers", "replication-time-control", "replication-metrics",
    "replication-failure-events", "replication-role-trust", "replication-role-permissions", "destination-policy",
    "lifecycle-configured", "lifecycle-aborts-uploads", "lifecycle-expires-noncurrent", "lifecycle-sides-agree",
    "replication-existing-objects",
}  # fmt: skip
HEALTH = {"pitr-continuous", "export-recent", "replication-existing-objects", "replication-healthy"}


def test_the_table_of_rules_stands():
    assert {rule.id: (rule.severity.value, rule.fix.safety.value) for rule in RULES} == TABLE


def test_tags_are_those_of_the_design():
    areas = {"dynamodb", "export", "notification", "replication", "lifecycle", "security"}
    assert {rule.id for rule in RULES if "seed" in rule.tags} == SEED
    assert {rule.id for rule in RULES if "health" in rule.tags} == HEALTH
    for rule in RULES:
        assert len(areas & set(rule.tags)) == 1, (rule.id, rule.tags)
        assert set(rule.tags) <= areas | {"seed", "health"}


def test_each_rule_passes_fails_and_does_not_know():
    for rule in RULES:
        assert {Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN} <= {case.expect for case in rule.cases}, rule.id


def test_a_bold_fix_is_never_called_safe():
    for rule in RULES:
        if rule.fix.safety is Safety.SAFE:
            assert not any(edit.action.startswith(("put_statements", "drop_")) for edit in rule.fix.edits), rule.id


def test_the_rules_are_found_where_they_are_shipped():
    assert len(RULES) == len(list(_yaml(shipped("rules"))))


def _yaml(folder):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _yaml(entry) if entry.name != "templates" else ()
        elif entry.name.endswith(".yaml"):
            yield entry
