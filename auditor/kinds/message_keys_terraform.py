"""The KMS key of a queue or topic in Terraform: described by the plan that makes it, or AWS's own."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.kms_terraform import KEY
from auditor.kinds.parts import Part, lifted, text
from auditor.kinds.planned import Planned, empty, given, not_in_plan
from auditor.model import Text, Unread


def key(planned: Planned) -> Part | Unread | None:
    """Return the key's description and policy, `None` where no key is named, unread where the plan does not make it."""
    if not planned.covered:
        return not_in_plan(planned, "kms_master_key_id")
    named = given(planned, "kms_master_key_id")
    if named is None or named.unread or empty(named):
        return named if named is not None and named.unread else None
    said = text(named).value
    if not isinstance(said, str):
        return text(named)
    if said.rpartition(":")[2].startswith("alias/aws/"):
        return lifted({"KeyMetadata": {"KeyManager": "AWS", "Arn": ONLY_LIVE}, "Policy": None}, named.place)
    found = planned.key(said)
    if found is None:
        return Unread(
            "NotInPlan", detail=Text(f"The key {said} is not in the plan.", f"キー {said} はプランにありません。")
        )
    described, policy = (KEY.facets[name](found) for name in ("Description", "Policy"))
    made = {"KeyMetadata": described, "Policy": policy}
    return Part({name: part for name, part in made.items() if isinstance(part, Part)}, named.place)
