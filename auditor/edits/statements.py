"""What policy statements grant already, and what a wanted statement adds to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from auditor.edits.edit import listed
from auditor.model import Json

Statement = Mapping[str, Json]

_REST = ("Effect", "Principal", "Condition", "NotAction", "NotResource", "NotPrincipal")


def covers(pattern: str, text: str) -> bool:
    """Tell whether every string that `text` stands for (itself a pattern with `*` and `?`) fits `pattern` too."""
    rows = [True] + [False] * len(text)
    for sign in pattern:
        if sign == "*":
            for index in range(len(text)):
                rows[index + 1] = rows[index + 1] or rows[index]
        else:
            one = sign == "?"
            rows = [False] + [
                rows[index] and (text[index] == sign or (one and text[index] != "*")) for index in range(len(text))
            ]
    return rows[-1]


def missing(wanted: Statement, existing: Iterable[Statement]) -> tuple[list[str], list[str]]:
    """Return the actions and resources of a wanted statement that the existing ones do not give already.

    A statement counts only if it has the same effect, at least the same principals, and no condition or the same one. A
    statement without Resource (a trust policy's) is told by its actions alone.
    """
    helpful = [one for one in existing if _bears(one, wanted)]
    actions, resources = listed(wanted.get("Action")), listed(wanted.get("Resource"))
    open_pairs = [
        (action, resource)
        for action in actions
        for resource in (resources or [None])
        if not any(_gives(one, action, resource) for one in helpful)
    ]
    lacking = {action for action, _ in open_pairs}, {resource for _, resource in open_pairs}
    return [one for one in actions if one in lacking[0]], [one for one in resources if one in lacking[1]]


def same_frame(one: Statement, other: Statement) -> bool:
    """Tell whether two statements differ at most in Sid, Action and Resource."""
    return all(_canonical(key, one.get(key)) == _canonical(key, other.get(key)) for key in _REST)


def joined(own: Statement, actions: list[str], resources: list[str]) -> Statement | None:
    """Return auditor's own statement with more actions or resources; `None` if that grants more than is wanted.

    One statement means every action on every resource, so only one side may grow.
    """
    old_actions, old_resources = listed(own.get("Action")), listed(own.get("Resource"))
    all_actions, all_resources = _union(old_actions, actions), _union(old_resources, resources)
    within = set(old_actions) <= set(actions) and set(old_resources) <= set(resources)
    wider_actions = len(all_actions) > len(old_actions) and set(old_resources) != set(resources)
    wider_resources = len(all_resources) > len(old_resources) and set(old_actions) != set(actions)
    if not within and (wider_actions or wider_resources):
        return None
    sides = (("Action", old_actions, all_actions), ("Resource", old_resources, all_resources))
    return {**own, **{key: new for key, old, new in sides if len(new) > len(old)}}


def narrowed(wanted: Statement, actions: list[str], resources: list[str]) -> Statement:
    """Return the wanted statement with only these actions and resources; what is left whole keeps its form."""
    result = dict(wanted)
    for key, values in (("Action", actions), ("Resource", resources)):
        if values and listed(wanted.get(key)) != values:
            result[key] = values[0] if len(values) == 1 else values
    return result


def _union(old: list[str], new: list[str]) -> list[str]:
    return [*old, *(value for value in new if value not in old)]


def _bears(one: Statement, wanted: Statement) -> bool:
    if one.get("Effect") != wanted.get("Effect") or any(
        key in one for key in ("NotAction", "NotResource", "NotPrincipal")
    ):
        return False
    condition = one.get("Condition") or None
    if condition is not None and _canonical("Condition", condition) != _canonical("Condition", wanted.get("Condition")):
        return False
    return _principals_within(wanted.get("Principal"), one.get("Principal"))


def _principals_within(wanted: Json, given: Json) -> bool:
    if wanted is None or given is None:
        return wanted is None and given is None
    if given == "*" or "*" in listed(given.get("AWS") if isinstance(given, Mapping) else None):
        return wanted == "*" or not isinstance(wanted, Mapping) or set(wanted) == {"AWS"} or given == "*"
    if not isinstance(wanted, Mapping) or not isinstance(given, Mapping):
        return bool(wanted == given)
    return all(set(listed(values)) <= set(listed(given.get(kind))) for kind, values in wanted.items())


def _gives(one: Statement, action: str, resource: str | None) -> bool:
    if not any(covers(pattern.lower(), action.lower()) for pattern in listed(one.get("Action"))):
        return False
    return resource is None or any(covers(pattern, resource) for pattern in listed(one.get("Resource")))


def _canonical(key: str, value: Json) -> str:
    """Return a text that is equal for values that IAM reads alike: one or a list, in any order, booleans as text."""
    if key in {"NotAction", "NotResource"}:
        value = sorted(map(str, listed(value)))
    elif isinstance(value, Mapping):
        value = {name: _settled(part) for name, part in value.items()}
    return json.dumps(value or None, sort_keys=True, ensure_ascii=False)


def _settled(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _settled(part) for name, part in value.items()}
    return sorted(str(part).lower() if isinstance(part, bool) else str(part) for part in listed(value))
