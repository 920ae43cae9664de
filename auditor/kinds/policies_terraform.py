"""Policies in Terraform that a resource of their own writes whole: of buckets, queues, topics and keys."""

from __future__ import annotations

from auditor.kinds.declared import Attached, several
from auditor.kinds.parts import Part, policy
from auditor.kinds.planned import Planned, given
from auditor.model import Unread


def single(planned: Planned, *types: str) -> Attached | Unread | None:
    """Return the one resource of these types that adds to a planned one, `None` where there is none.

    Two of them undo each other, so then it is unread; so it is when nobody can tell whether one is for this resource.
    """
    found = [one for kind in types for one in planned.attached(kind)]
    certain = [one for one in found if one.doubt is None]
    if len(certain) > 1:
        return several(certain[0], certain[1])
    if certain:
        # A document has one owner: what may belong to it or to another one belongs to another one.
        return certain[0]
    return found[0].doubt if found else None


def whole_policy(planned: Planned, kind: str, own: str = "policy") -> Part | Unread | None:
    """Return the document that a resource of a type writes, else that of the resource itself; `None` without any."""
    writer = single(planned, kind)
    if isinstance(writer, Unread):
        return writer
    if writer is not None:
        document = writer.read("policy")
        return None if document is None or document.value == "" else policy(document)
    document = given(planned, own) if own and not planned.removed(kind) else None
    return None if document is None or document.value == "" else policy(document)
