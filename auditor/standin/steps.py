"""AWS as a list of calls: build it, vary it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

_REFERENCE = re.compile(r"\$\{([\w-]+):([\w.]+)\}")


class ClientFactory(Protocol):
    """What gives a boto3 client; called with service, account id and Region."""

    def __call__(self, service: str, account: str, region: str) -> Any:
        """Return a client that calls as somebody of that account."""


@dataclass(frozen=True)
class Step:
    """One call: a name to find it by, the account and Region it is made in, boto3's service and method, parameters.

    A text in the parameters may say `${name:Route.To.Value}`: the value that the step of that name was answered.
    """

    name: str
    account: str
    region: str
    service: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


Steps = tuple[Step, ...]


def build(steps: Iterable[Step], clients: ClientFactory) -> dict[str, Any]:
    """Make the calls in order; return the answers by step name. What AWS refuses is raised as boto3 raises it."""
    answers: dict[str, Any] = {}
    for step in steps:
        client = clients(step.service, step.account, step.region)
        answers[step.name] = getattr(client, step.method)(**_resolved(step.params, answers))
    return answers


def vary(
    steps: Sequence[Step],
    *,
    change: Mapping[str, Mapping[str, Any]] | None = None,
    drop: Iterable[str] = (),
    add: Iterable[Step] = (),
    before: Mapping[str, Step] | None = None,
) -> Steps:
    """Return the steps with parameters changed, steps dropped, put before others, and added at the end.

    change: step name to the parameters that differ. Raise KeyError for a name that no step has.
    """
    change, dropped, before = dict(change or {}), set(drop), dict(before or {})
    if unknown := ({*change, *dropped, *before} - {step.name for step in steps}):
        raise KeyError(f"no step named {', '.join(sorted(unknown))}")
    varied: list[Step] = []
    for step in steps:
        if step.name in before:
            varied.append(before[step.name])
        if step.name not in dropped:
            varied.append(replace(step, params={**step.params, **change.get(step.name, {})}))
    return (*varied, *add)


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: Sequence[str], resources: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return an Allow statement; `more` are further elements such as Sid, Principal, Condition."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


def _resolved(value: Any, answers: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _resolved(each, answers) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(each, answers) for each in value]
    return (
        _REFERENCE.sub(lambda found: str(_at(answers[found[1]], found[2])), value) if isinstance(value, str) else value
    )


def _at(answer: Any, route: str) -> Any:
    for name in route.split("."):
        answer = answer[name]
    return answer
