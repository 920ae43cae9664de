"""Policies that a resource of their own writes whole: of buckets, queues and topics."""

from __future__ import annotations

from auditor.kinds.declared import Declared, several
from auditor.kinds.parts import Part, policy
from auditor.model import Unread


def whole_policy(declared: Declared, *types: str) -> Part | Unread | None:
    """Return the document that a resource of one of the types writes, `None` when none does.

    Two that write it, and one of which it is not certain, make it unread.
    """
    writers = [one for kind in types for one in declared.attached(kind)]
    if not writers:
        return None
    if len(writers) > 1:
        return next((one.doubt for one in writers if one.doubt), None) or several(writers[0], writers[1])
    document = writers[0].read("PolicyDocument")
    return writers[0].doubt or (None if document is None else policy(document))
