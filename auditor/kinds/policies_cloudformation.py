"""Policies that a resource of their own writes whole: of buckets, queues and topics."""

from __future__ import annotations

from auditor.kinds.declared import Declared, several
from auditor.kinds.parts import Part, policy
from auditor.model import Unread

# Why it is open whether a resource is there at all: then it may be a second one.
_MAY_STAND = frozenset({"Conditional", "Macro"})


def whole_policy(declared: Declared, *types: str) -> Part | Unread | None:
    """Return the document that a resource of one of the types writes, `None` when none does.

    Two that certainly write it make it unread, and so does one of which it is not certain where no other does.
    """
    writers = [one for kind in types for one in declared.attached(kind)]
    # A document has one owner: what may belong to it or to another one belongs to another one.
    certain = [one for one in writers if one.doubt is None]
    if len(certain) > 1:
        return several(certain[0], certain[1])
    open_ = next((one.doubt for one in writers if one.doubt and (not certain or one.doubt.reason in _MAY_STAND)), None)
    if open_ is not None or not certain:
        return open_
    document = certain[0].read("PolicyDocument")
    return None if document is None else policy(document)
