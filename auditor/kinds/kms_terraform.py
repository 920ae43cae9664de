"""kms.key in Terraform: aws_kms_key, its replicas and keys of imported material, their policies and grants."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Attached
from auditor.kinds.organizations import RCP
from auditor.kinds.own_policies import key_policy
from auditor.kinds.parts import Part, each, flag, lifted, text, whole
from auditor.kinds.planned import Planned, Spelling, elsewhere, empty, fields, given, not_in_plan, one, text_of
from auditor.kinds.policies_terraform import whole_policy
from auditor.model import Text, Unread

KEY_TYPE = "aws_kms_key"
ALIAS = "aws_kms_alias"
POLICY = "aws_kms_key_policy"
GRANT = "aws_kms_grant"
_REPLICAS = ("aws_kms_replica_key", "aws_kms_replica_external_key")
_IMPORTED = ("aws_kms_external_key", "aws_kms_replica_external_key")


def _description(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, KEY_TYPE)
    place, copied = planned.place, planned.type in _REPLICAS
    enabled = given(planned, "is_enabled" if planned.type == KEY_TYPE else "enabled")
    on = flag(enabled) if enabled is not None and not empty(enabled) else Part(value=True, place=place)
    made = {
        "AWSAccountId": Part(planned.target.account.id, place),
        "KeyId": Part(planned.target.id, place),
        "Arn": Part(planned.arn, place),
        "Enabled": on,
        "KeyState": Part(on.unread or ("Enabled" if on.value else "Disabled"), on.place),
        "KeyManager": Part("CUSTOMER", place),
        "CreationDate": Part(ONLY_LIVE, place),
        "Origin": Part("EXTERNAL" if planned.type in _IMPORTED else "AWS_KMS", place),
    }
    for name, api, default in (
        ("customer_master_key_spec", "KeySpec", "SYMMETRIC_DEFAULT"),
        ("key_usage", "KeyUsage", "ENCRYPT_DECRYPT"),
    ):
        part = text_of(planned, name)
        # A replica key has these from its primary key, which may be anywhere.
        made[api] = text(part) if part is not None else Part(ONLY_LIVE if copied else default, place)
    made["CustomerMasterKeySpec"] = made["KeySpec"]
    made["EncryptionAlgorithms"] = Part(ONLY_LIVE, place)
    multi = given(planned, "multi_region")
    made["MultiRegion"] = flag(multi) if multi is not None and not copied else Part(copied, place)
    if (about := text_of(planned, "description")) is not None:
        made["Description"] = text(about)
    return Part(made, place)


def _policy(planned: Planned) -> Part | Unread:
    found = whole_policy(planned, POLICY)
    if found is not None:
        return found
    if not planned.covered and not planned.removed(POLICY):
        return not_in_plan(planned, POLICY)
    return lifted(key_policy(planned.target.account), planned.place)


def _rotation(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, KEY_TYPE)
    if planned.type in _REPLICAS:
        return Unread(
            "NotInPlan",
            detail=Text(
                "A replica key rotates with its primary key.",
                "レプリカキーはプライマリキーとともにローテーションされます。",
            ),
        )
    said, days = given(planned, "enable_key_rotation"), given(planned, "rotation_period_in_days")
    on = flag(said) if said is not None and not empty(said) else Part(value=False, place=planned.place)
    key = Part(planned.target.id, planned.place)
    made = {"KeyId": key, "KeyRotationEnabled": on}
    if on.unread or on.value:
        told = days is not None and days.value not in (None, 0)
        made["RotationPeriodInDays"] = whole(days) if days is not None and told else Part(365, on.place)
    return Part(made, on.place)


_CONSTRAINTS = fields(
    {
        "encryption_context_equals": ("EncryptionContextEquals", lambda part: part),
        "encryption_context_subset": ("EncryptionContextSubset", lambda part: part),
    }
)


def _grants(planned: Planned) -> Part | Unread:
    found = [_grant(planned, resource) for resource in planned.attached(GRANT)]
    if planned.covered and planned.fresh:
        return Part(found, planned.place)
    # A key that exists may have grants of AWS's services, and of anybody else.
    why = Unread(
        "NotInPlan",
        detail=Text(
            f"{planned.target.id} may have grants that the plan does not know.",
            f"{planned.target.id} には、プランにない許可（グラント）があるかもしれません。",
        ),
    )
    return Part([*found, Part(why, planned.place)], planned.place) if found else why


def _grant(planned: Planned, resource: Attached) -> Part:
    if resource.doubt:
        return Part(resource.doubt, resource.place)
    made = {"KeyId": Part(planned.arn, resource.place)}
    for name, api in (
        ("name", "Name"),
        ("grantee_principal", "GranteePrincipal"),
        ("retiring_principal", "RetiringPrincipal"),
    ):
        part = resource.read(name)
        if part is not None and not empty(part):
            made[api] = part if part.unread else text(part)
    operations, constraints = resource.read("operations"), one(resource.read("constraints"))
    if operations is not None:
        made["Operations"] = each(text)(operations)
    if constraints is not None and not empty(constraints):
        made["Constraints"] = _CONSTRAINTS(constraints)
    return Part(made, resource.place)


KEY = Spelling(
    types=(KEY_TYPE, *_REPLICAS, "aws_kms_external_key"),
    facets={"Description": _description, "Policy": _policy, "Rotation": _rotation, "Grants": _grants, RCP: elsewhere},
    attached={POLICY: "key_id", GRANT: "key_id", ALIAS: "target_key_id"},
    documents={"Policy": (POLICY,)},
)
