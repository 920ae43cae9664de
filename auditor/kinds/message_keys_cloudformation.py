"""The KMS key of a queue or topic in CloudFormation: described by the template that makes it, or AWS's own."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Declared
from auditor.kinds.kms_cloudformation import KEY
from auditor.kinds.parts import Part, lifted, text
from auditor.model import Text, Unread


def key(declared: Declared) -> Part | Unread | None:
    """Return the key's description and policy, `None` where no key is named, unread where no template given makes it."""
    named = declared.read("KmsMasterKeyId")
    if named is None or named.unread:
        return named
    said = text(named).value
    if not isinstance(said, str) or not said:
        return None if said == "" else text(named)
    if said.rpartition(":")[2].startswith("alias/aws/"):
        return lifted({"KeyMetadata": {"KeyManager": "AWS", "Arn": ONLY_LIVE}, "Policy": None}, named.place)
    found = declared.key(said)
    if found is None:
        return Unread(
            "NotInTemplate",
            detail=Text(f"The key {said} is not in the template.", f"キー {said} はテンプレートにありません。"),
        )
    described, policy = (KEY.facets[name](found) for name in ("Description", "Policy"))
    made = {"KeyMetadata": described, "Policy": policy}
    return Part({name: part for name, part in made.items() if isinstance(part, Part)}, named.place)
