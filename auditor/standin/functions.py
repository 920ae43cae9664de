"""Lambda as AWS keeps it: a policy per qualifier, each statement id once, revisions, dead-letter targets."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import unquote

from auditor.standin.patch import memory, wrap

_DEAD_LETTERS = "DeadLetterConfig"


def install() -> None:
    """Repair moto's permissions and configurations of functions."""
    from moto.awslambda.models import LambdaBackend, LambdaFunction
    from moto.awslambda.responses import LambdaResponse

    wrap(LambdaBackend, "add_permission", _add)
    wrap(LambdaBackend, "get_policy", lambda _: _get)
    wrap(LambdaBackend, "create_function", _created)
    wrap(LambdaFunction, "update_configuration", _updated)
    wrap(LambdaFunction, "get_configuration", _configured)
    wrap(LambdaResponse, "remove_permission", lambda _: _remove)


def policy_of(arn: str, account: str, region: str) -> dict[str, Any] | None:
    """Return the resource policy of the function, version or alias with that ARN; None when there is none."""
    from moto.awslambda.utils import get_backend

    parts = arn.split(":")
    qualifier = parts[7] if len(parts) > 7 else None
    try:
        function = get_backend(account, region).get_function(":".join(parts[:7]), qualifier)
    except Exception:  # noqa: BLE001 - moto says "no such function" in several classes
        return None
    statements = _statements(function, qualifier)
    return {"Version": "2012-10-17", "Id": "default", "Statement": statements} if statements else None


def _statements(function: Any, qualifier: str | None) -> list[dict[str, Any]]:
    return [each for each in function.policy.statements if _qualifier(each) == _plain(qualifier)]


def _qualifier(statement: dict[str, Any]) -> str | None:
    parts = str(statement.get("Resource", "")).split(":")
    return _plain(parts[7]) if len(parts) > 7 else None


def _plain(qualifier: str | None) -> str | None:
    return None if qualifier in (None, "", "$LATEST") else qualifier


def _revision(function: Any) -> str:
    """Return what changes with the policy; AWS's is an opaque UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, function.policy.revision))


def _add(original: Any) -> Any:
    def add(self: Any, function_name: str, qualifier: str, raw: str) -> Any:
        asked = json.loads(raw)
        function = self.get_function(function_name, qualifier)
        sid = asked.get("StatementId")
        if any(each.get("Sid") == sid for each in _statements(function, qualifier)):
            text = f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove it."
            raise _error("ResourceConflictException", text, 409)
        _check_revision(function, asked.pop("RevisionId", None))
        return original(self, function_name, qualifier, json.dumps(asked))

    return add


def _remove(self: Any) -> Any:
    """Answer RemovePermission; moto loses the qualifier and the revision."""
    parts, query = self.path.partition("?")[0].split("/"), self.querystring
    function_name, sid = unquote(parts[-3]), unquote(parts[-1])
    qualifier = (query.get("Qualifier") or [None])[0]
    function = self.backend.get_function(function_name, qualifier)
    _check_revision(function, (query.get("RevisionId") or [None])[0])
    found = next((each for each in _statements(function, qualifier) if each.get("Sid") == sid), None)
    if found is None:
        raise _error("ResourceNotFoundException", "No policy is associated with the given resource.", 404)
    function.policy.statements = [each for each in function.policy.statements if each is not found]
    function.policy.revision = str(uuid.uuid4())
    return 204, {"status": 204}, ""


def _get(self: Any, function_name: str, qualifier: str | None = None) -> str:
    function = self.get_function(function_name, qualifier)
    statements = _statements(function, qualifier)
    if not statements:
        raise _error("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps({"Policy": json.dumps(policy), "RevisionId": _revision(function)})


def _created(original: Any) -> Any:
    """Keep the dead-letter target, which moto loses."""

    def create(self: Any, spec: dict[str, Any]) -> Any:
        function = original(self, spec)
        memory(function)[_DEAD_LETTERS] = spec.get(_DEAD_LETTERS)
        return function

    return create


def _updated(original: Any) -> Any:
    def update(self: Any, config_updates: dict[str, Any]) -> Any:
        if _DEAD_LETTERS in config_updates:
            memory(self)[_DEAD_LETTERS] = config_updates[_DEAD_LETTERS]
        return original(self, config_updates)

    return update


def _configured(original: Any) -> Any:
    def configuration(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, *args, **kwargs)
        target = memory(self).get(_DEAD_LETTERS) or {}
        # An empty target takes the queue away.
        return answer | ({_DEAD_LETTERS: target} if target.get("TargetArn") else {})

    return configuration


def _check_revision(function: Any, revision: str | None) -> None:
    if revision is not None and revision != _revision(function):
        text = (
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
        raise _error("PreconditionFailedException", text, 412)


def _error(code: str, message: str, status: int) -> Exception:
    from moto.awslambda.exceptions import LambdaClientError

    error = LambdaClientError(code, message)
    error.code = status
    return error


REPAIRS = (install,)
