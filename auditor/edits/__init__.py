"""What a fix may change: the closed vocabulary of edits, each a pure function with a schema and a sentence."""

from __future__ import annotations

from auditor.edits.access import ACCESS
from auditor.edits.documents import DOCUMENTS
from auditor.edits.edit import Edit
from auditor.edits.hearing import HEARING
from auditor.edits.lifecycle import LIFECYCLE
from auditor.edits.notifications import NOTIFICATIONS
from auditor.edits.policies import POLICIES
from auditor.edits.replicas import REPLICAS
from auditor.edits.replication import REPLICATION
from auditor.plugins import Table

__all__ = ["EDITS", "Edit"]

EDITS: Table[Edit] = Table(
    "auditor.edits",
    Edit,
    (
        *DOCUMENTS,
        *POLICIES,
        *NOTIFICATIONS,
        *REPLICATION,
        *LIFECYCLE,
        *ACCESS,
        *HEARING,
        *REPLICAS,
    ),
)
"""Every edit by its name, those of other distributions included."""
