"""In which order changes are made, and which need which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from auditor.remedy.change import Change

Spot = tuple[str, str]

ORDER: tuple[Spot, ...] = (
    ("replication_role", "Trust"),
    ("replication_role", "InlinePolicies"),
    ("exporter", "Trust"),
    ("exporter", "InlinePolicies"),
    ("source_key", "Policy"),
    ("destination_key", "Policy"),
    ("source_key", "Rotation"),
    ("destination_key", "Rotation"),
    ("destination_bucket", "Versioning"),
    ("destination_bucket", "OwnershipControls"),
    ("destination_bucket", "PublicAccessBlock"),
    ("destination_bucket", "Encryption"),
    ("destination_bucket", "Policy"),
    ("source_bucket", "Versioning"),
    ("source_bucket", "OwnershipControls"),
    ("source_bucket", "PublicAccessBlock"),
    ("source_bucket", "Encryption"),
    ("source_bucket", "Policy"),
    ("destination_bucket", "Logging"),
    ("source_bucket", "Logging"),
    ("consumer", "Attributes"),
    ("consumer", "Policy"),
    ("consumer", "TargetPolicies"),
    ("consumer", "Rule"),
    ("source_bucket", "Notification"),
    ("destination_bucket", "Notification"),
    ("table", "ContinuousBackups"),
    ("table", "Description"),
    ("table", "Policy"),
    ("destination_bucket", "Lifecycle"),
    ("source_bucket", "Lifecycle"),
    ("destination_bucket", "Replication"),
    ("source_bucket", "Replication"),
    ("destination_bucket", "ReplicationJobs"),
    ("source_bucket", "ReplicationJobs"),
)
"""The places of writes, first to last: who may act, what receives, what sends, and replication when all of it is ready.

What a write needs comes before it, so that no object is lost for good in between: a replication that fails is not tried
again (aws-facts REP-14), and S3 checks a notification's destination when it is written (EVT-06).
"""

_GRANTS: tuple[Spot, ...] = (
    ("replication_role", "Trust"),
    ("replication_role", "InlinePolicies"),
    ("source_key", "Policy"),
    ("destination_key", "Policy"),
    ("destination_bucket", "OwnershipControls"),
    ("destination_bucket", "Policy"),
    ("destination_bucket", "Versioning"),
    ("source_bucket", "Versioning"),
    ("source_bucket", "Policy"),
)

NEEDS: Mapping[Spot, tuple[Spot, ...]] = MappingProxyType(
    {
        ("source_bucket", "Replication"): _GRANTS,
        ("source_bucket", "ReplicationJobs"): (*_GRANTS, ("source_bucket", "Replication")),
        ("source_bucket", "Notification"): (
            ("consumer", "Attributes"),
            ("consumer", "Policy"),
            ("consumer", "TargetPolicies"),
            ("source_key", "Policy"),
        ),
    }
)
"""What must have been written, if the plan writes it at all, before the write at a place of the same pipeline."""

_RANK = {spot: number for number, spot in enumerate(ORDER)}


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes in the order of `ORDER`, each with the ids of those that it depends on."""
    listed = sorted(
        changes, key=lambda change: (_rank(change), change.target.account.id, change.target.id, change.facet)
    )
    at = {(*place, change.facet): change for change in listed for place in change.places}
    return _settled(tuple(replace(change, depends_on=_needed(change, at)) for change in listed))


def _rank(change: Change) -> int:
    return min(_RANK.get((node, change.facet), len(ORDER)) for _, node in change.places)


def _needed(change: Change, at: Mapping[tuple[str, str, str], Change]) -> tuple[str, ...]:
    found = {
        needed.id: None
        for pipeline, node in change.places
        for other, facet in NEEDS.get((node, change.facet), ())
        if (needed := at.get((pipeline, other, facet))) is not None and needed.id != change.id
    }
    return tuple(found)


def _settled(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes with each behind all that it depends on, otherwise in the order given."""
    waiting, done, result = list(changes), set[str](), list[Change]()
    while waiting:
        ready = next((change for change in waiting if done.issuperset(change.depends_on)), waiting[0])
        waiting.remove(ready)
        done.add(ready.id)
        result.append(ready)
    return tuple(result)
