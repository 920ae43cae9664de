"""A change as commands of the AWS CLI, ready to be pasted into a shell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from auditor.kinds.facet import Call, Target
from auditor.model import Json
from auditor.remedy.change import Change
from auditor.remedy.escaping import json_text, shell_quoted

_COMMANDS = {"s3": "s3api"}
_GLOBAL = frozenset({"iam"})


def commands(change: Change) -> str:
    """Return one command a call, each on one line."""
    return "\n".join(command(call, change.target) for call in change.do)


def command(call: Call, target: Target) -> str:
    """Return a call as one line of shell, with the target's profile and Region."""
    words = ["aws", _COMMANDS.get(call.service, call.service), dashed(call.operation)]
    for name, value in call.params.items():
        words += _option(name, value)
    if call.service not in _GLOBAL:
        words += ["--region", shell_quoted(call.region or target.region)]
    if target.account.profile:
        words += ["--profile", shell_quoted(target.account.profile)]
    return " ".join(words)


def _option(name: str, value: Json) -> Iterable[str]:
    option = f"--{dashed(name)}"
    if isinstance(value, bool):
        return [option if value else f"--no-{dashed(name)}"]
    if isinstance(value, str):
        return [option, shell_quoted(value)]
    if isinstance(value, int | float):
        return [option, str(value)]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return [option, *(shell_quoted(one) for one in value)]
    return [option, shell_quoted(json_text(value))]


def dashed(name: str) -> str:
    """Return a name as the AWS CLI spells it: `PutBucketVersioning` is `put-bucket-versioning`."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1-\2", name))
    return split.lower()
