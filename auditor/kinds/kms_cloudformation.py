"""kms.key in CloudFormation: AWS::KMS::Key and AWS::KMS::ReplicaKey."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Declared, Spelling, outside
from auditor.kinds.organizations import RCP
from auditor.kinds.parts import Part, flag, lifted, policy, text, whole
from auditor.model import Json, Text, Unread

ALIAS = "AWS::KMS::Alias"
_REPLICA = "AWS::KMS::ReplicaKey"


def _description(declared: Declared) -> Part:
    place = declared.place
    enabled = declared.read("Enabled")
    on = flag(enabled) if enabled is not None else Part(value=True, place=place)
    state = on.unread or ("Enabled" if on.value else "Disabled")
    made = {
        "AWSAccountId": Part(declared.target.account.id, place),
        "KeyId": Part(declared.target.id, place),
        "Arn": Part(declared.arn, place),
        "Enabled": on,
        "KeyState": Part(state, on.place),
        "KeyManager": Part("CUSTOMER", place),
        "CreationDate": Part(ONLY_LIVE, place),
    }
    copied = declared.type == _REPLICA
    for name, default in (("KeySpec", "SYMMETRIC_DEFAULT"), ("KeyUsage", "ENCRYPT_DECRYPT"), ("Origin", "AWS_KMS")):
        part = declared.read(name)
        # A replica key has these from its primary key, which may be anywhere.
        made[name] = text(part) if part is not None else Part(ONLY_LIVE if copied else default, place)
    made["CustomerMasterKeySpec"] = made["KeySpec"]
    made["EncryptionAlgorithms"] = Part(ONLY_LIVE, place)
    multi = declared.read("MultiRegion")
    made["MultiRegion"] = flag(multi) if multi is not None else Part(copied, place)
    if (about := declared.read("Description")) is not None:
        made["Description"] = text(about)
    return Part(made, place)


def _policy(declared: Declared) -> Part:
    said = declared.read("KeyPolicy")
    return lifted(_own_policy(declared), declared.place) if said is None else policy(said)


def _own_policy(declared: Declared) -> Json:
    """Return what KMS gives to a key that is made without a policy: the account's IAM policies decide.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    account = declared.target.account
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{account.partition}:iam::{account.id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}


def _rotation(declared: Declared) -> Part | Unread:
    if declared.type == _REPLICA:
        return Unread(
            "NotInTemplate",
            detail=Text(
                "A replica key rotates with its primary key.",
                "レプリカキーはプライマリキーとともにローテーションされます。",
            ),
        )
    said, days = declared.read("EnableKeyRotation"), declared.read("RotationPeriodInDays")
    on = flag(said) if said is not None else Part(value=False, place=declared.place)
    key = Part(declared.target.id, declared.place)
    made = {"KeyId": key, "KeyRotationEnabled": on}
    if on.unread or on.value:
        made["RotationPeriodInDays"] = whole(days) if days is not None else Part(365, on.place)
    return Part(made, on.place)


def _grants(declared: Declared) -> Part:
    # CloudFormation makes no grants, and a new key has none.
    return Part([], declared.place)


KEY = Spelling(
    types=("AWS::KMS::Key", _REPLICA),
    facets={"Description": _description, "Policy": _policy, "Rotation": _rotation, "Grants": _grants, RCP: outside},
    attached={ALIAS: "TargetKeyId"},
)
