"""What policy statements grant already, and what a wanted statement adds to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auditor.edits.edit import listed
from auditor.kinds.documents import normal_policy
from auditor.model import Json

Statement = Mapping[str, Json]


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

    A statement counts only if it has the same effect, at least the same principals, and no condition that the wanted
    one does not have too. A statement without Resource (a trust policy's) is told by its actions alone.
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
    """Tell whether two statements differ at most in Sid, Action and Resource, however they are spelled."""
    return _frame(one) == _frame(other)


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
    """Tell whether a statement has the effect, the principals and the reach that a wanted one needs."""
    given, asked = _frame(one), _frame(wanted)
    if any(key in given for key in ("NotAction", "NotResource", "NotPrincipal")):
        return False
    return (
        given.get("Effect") == asked.get("Effect")
        and _principals_within(asked.get("Principal"), given.get("Principal"))
        and _as_wide(given.get("Condition") or {}, asked.get("Condition") or {})
    )


def _frame(statement: Statement) -> dict[str, Json]:
    """Return a statement without Sid, Action and Resource, in the one spelling that all spellings of it share."""
    (normal,) = normal_policy({"Statement": [statement]})["Statement"]
    return {key: value for key, value in normal.items() if key not in {"Sid", "Action", "Resource"}}


def _principals_within(asked: Json, given: Json) -> bool:
    if not isinstance(asked, Mapping) or not isinstance(given, Mapping):
        return bool(asked == given)
    everyone = given.get("AWS") == ["*"]
    return all(
        set(values) <= set(given.get(kind, ())) or (kind == "AWS" and everyone) for kind, values in asked.items()
    )


def _as_wide(given: Mapping[str, Json], asked: Mapping[str, Json]) -> bool:
    """Tell whether every condition of one statement is also one of the other, so that it lets through at least as much.

    More values let a positive operator through more often; of a negated one (`…Not…`) they must be the same.
    """
    for operator, keys in given.items():
        if not isinstance(keys, Mapping) or not isinstance(asked.get(operator), Mapping):
            return False
        for key, values in keys.items():
            wanted = asked[operator].get(key)
            if wanted is None or not set(wanted) <= set(values) or ("not" in operator and wanted != values):
                return False
    return True


def _gives(one: Statement, action: str, resource: str | None) -> bool:
    if not any(covers(pattern.lower(), action.lower()) for pattern in listed(one.get("Action"))):
        return False
    return resource is None or any(covers(pattern, resource) for pattern in listed(one.get("Resource")))
