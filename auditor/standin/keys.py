"""KMS keys as AWS describes them: across accounts by ARN, and the keys AWS manages as such."""

from __future__ import annotations

import functools
import json
import uuid
from typing import Any

from auditor.standin.access import Need, account_may
from auditor.standin.callers import caller_of
from auditor.standin.options import OPTIONS
from auditor.standin.patch import wrap

_SERVICES = ("s3", "sqs", "sns", "dynamodb", "lambda", "secretsmanager", "ssm", "ebs", "rds", "glue")
# moto's method: the IAM action; AWS documents cross-account use with a key ARN for these.
_ACROSS_ACCOUNTS = {
    "describe_key": "kms:DescribeKey",
    "get_key_rotation_status": "kms:GetKeyRotationStatus",
    "list_grants": "kms:ListGrants",
}
_ARN_PARTS = 6


def install() -> None:
    """Repair moto's KMS."""
    from moto.kms import utils
    from moto.kms.models import KmsBackend
    from moto.kms.responses import KmsResponse

    for service in _SERVICES:
        alias = f"alias/aws/{service}"
        if alias not in utils.RESERVED_ALIASES:
            utils.RESERVED_ALIASES.append(alias)
            utils.RESERVED_ALIASE_TARGET_KEY_IDS[alias] = str(uuid.uuid5(uuid.NAMESPACE_URL, alias))
    wrap(KmsBackend, "_generate_default_keys", _aws_managed)
    for method, action in _ACROSS_ACCOUNTS.items():
        wrap(KmsResponse, method, functools.partial(_across_accounts, action))
    wrap(KmsResponse, "put_key_policy", _put_policy)


def find_key(name: str, account: str = "", region: str = "") -> Any | None:
    """Return moto's key of an ARN, or of an id or alias in an account and Region; None when there is none."""
    from moto.kms.models import kms_backends

    if name.startswith("arn:"):
        account, region, name = name.split(":")[4], name.split(":")[3], name.split(":", 5)[5].removeprefix("key/")
    if not name or not account or not region:
        return None
    backend = kms_backends[account][region]
    key_id = backend.get_key_id_from_alias(name) if name.startswith("alias/") else name
    return backend.keys.get(key_id) if key_id else None


def _aws_managed(original: Any) -> Any:
    """Call the key behind alias/aws/… AWS's own; moto calls it a customer's."""

    def create(self: Any, alias_name: str) -> Any:
        key_id = original(self, alias_name)
        if key_id:
            self.keys[key_id].key_manager = "AWS"
            self.keys[key_id].key_rotation_status = True
        return key_id

    return create


def _across_accounts(action: str, original: Any) -> Any:
    """Follow a key ARN into the key's account, if the key policy lets the caller; moto stays in the caller's."""

    def respond(self: Any) -> Any:
        key_arn = str(self._get_param("KeyId") or "")
        parts = key_arn.split(":")
        if len(parts) < _ARN_PARTS or parts[2] != "kms" or parts[4] == self.current_account:
            return original(self)
        caller = caller_of(self.get_access_key())
        self.region, self.current_account = parts[3], parts[4]
        answer = original(self)
        key = self.kms_backend.keys[self.kms_backend.get_key_id(key_arn)]
        if OPTIONS.cross_account and not (caller and account_may(caller, Need(action, key.arn, parts[4], key.policy))):
            who = caller.arn if caller else "anonymous"
            text = f"User: {who} is not authorized to perform: {action} on resource: {key.arn}"
            raise _error("AccessDeniedException", text)
        return answer

    return respond


def _put_policy(original: Any) -> Any:
    """AWS refuses a key policy that is no policy, and any for a key that AWS manages."""

    def respond(self: Any) -> Any:
        try:
            policy = json.loads(self._get_param("Policy") or "")
        except ValueError:
            policy = None
        if not isinstance(policy, dict) or not policy.get("Statement"):
            raise _error("MalformedPolicyDocumentException", "The new key policy is malformed.")
        key = self.kms_backend.keys.get(self.kms_backend.get_key_id(self._get_param("KeyId")))
        if key is not None and key.key_manager == "AWS":
            raise _error("AccessDeniedException", "The key policy of an AWS managed key cannot be changed.")
        return original(self)

    return respond


def _error(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    return JsonRESTError(code, message)


REPAIRS = (install,)
