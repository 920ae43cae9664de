"""Two tellings of one value laid over each other: what a plan knows, and what its configuration says of the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from auditor.kinds.planned import LATER
from auditor.model import Json, Unread
from auditor.sources.terraform_plan import Instance
from auditor.sources.terraform_references import specific, steps
from auditor.sources.terraform_trees import head

_SETS = frozenset(
    {
        "rules", "replica", "inline_policy", "grant", "transition", "noncurrent_version_transition", "principals",
        "not_principals", "condition",
    }
)  # fmt: skip


def overlaid(value: Json, written: Json, name: str = "") -> Json:
    """Return a plan's value with what it does not know yet as the configuration's own expressions tell it."""
    if isinstance(value, Unread):
        known = value.reason == LATER and written is not None
        return written if known and not (isinstance(written, Unread) and written.reason != "Sensitive") else value
    if isinstance(value, Mapping) and isinstance(written, Mapping):
        return {key: overlaid(part, written.get(key), str(key)) for key, part in value.items()}
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        if not any(isinstance(one, Mapping | list) for one in value):
            known_items = [one for one in value if not isinstance(one, Unread)]
            return written if all(one in written for one in known_items) else value
        return [overlaid(one, _written(index, one, written, name), name) for index, one in enumerate(value)]
    return value


def heads(expression: Json) -> Iterator[str]:
    """Yield what an expression of the plan's configuration refers to, as far as a block or name goes."""
    if isinstance(expression, Mapping):
        for reference in specific(expression.get("references")):
            path = tuple(one for one in steps(reference) if isinstance(one, str))
            if path:
                yield head(path)
        for name, inner in expression.items():
            if name != "references":
                yield from heads(inner)
    elif isinstance(expression, list):
        for inner in expression:
            yield from heads(inner)


def same(instance: Instance, name: str, written: Json) -> bool:
    """Tell whether what the files give to an attribute is what the plan has, as far as both are known."""
    return not instance.known(name) or name not in instance.values or _fits(written, instance.values[name])


def _written(index: int, value: Json, written: list[Json], name: str) -> Json:
    """Return the written block that a block of the plan comes from: Terraform keeps some as sets, in another order."""
    if name not in _SETS:
        return written[index] if _fits(written[index], value) else None
    alike = [one for one in written if _fits(one, value)]
    return alike[0] if alike and all(one == alike[0] for one in alike) else None


def _fits(written: Json, value: Json) -> bool:
    """Tell whether what is written may be what the plan has: all that both tell is the same."""
    if isinstance(written, Unread) or isinstance(value, Unread) or written is None or value in (None, ""):
        return True
    if isinstance(written, Mapping) and isinstance(value, Mapping):
        return all(_fits(part, value.get(key)) for key, part in written.items())
    if isinstance(written, list) and isinstance(value, list):
        return len(written) == len(value) and all(any(_fits(one, two) for two in value) for one in written)
    if isinstance(written, Mapping | list) or isinstance(value, Mapping | list):
        return False
    return str(written).lower() == str(value).lower() or _parsed(written) == _parsed(value) != ""


def _parsed(value: Json) -> Json:
    """Return what a text of JSON holds, an empty text for any other value."""
    if not isinstance(value, str) or value[:1] not in "{[":
        return ""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return ""


def block_of(expression: Json, index: int, values: list[Json], name: str) -> Json:
    """Return the expressions of one of several blocks, `None` when they cannot be told apart.

    Blocks that Terraform keeps as a set stand in another order than in the configuration: what both tell must agree.
    """
    if isinstance(expression, Mapping):
        # One attribute for the whole list: alone in it, an item is the whole expression.
        return expression if len(values) == 1 or not is_expression(expression) else None
    if not isinstance(expression, list) or len(expression) != len(values):
        return None
    if name not in _SETS:
        return expression[index]
    alike = [block for block in expression if _agrees(block, values[index])]
    return alike[0] if alike and all(block == alike[0] for block in alike) else None


def _agrees(block: Json, value: Json) -> bool:
    """Tell whether the constants of a block are those that the plan has."""
    if isinstance(block, Mapping) and "constant_value" in block:
        said = block["constant_value"]
        return isinstance(value, Unread) or value in (None, "") or str(value).lower() == str(said).lower()
    if isinstance(block, Mapping) and isinstance(value, Mapping):
        return all(_agrees(inner, value.get(name)) for name, inner in block.items() if not _is_reference(inner))
    if isinstance(block, list) and isinstance(value, list):
        return len(block) == len(value) and all(_agrees(one, two) for one, two in zip(block, value, strict=True))
    return True


def is_expression(value: Mapping[str, Json]) -> bool:
    """Tell whether a part of the plan's configuration is an expression, not a block."""
    return "references" in value or "constant_value" in value


def _is_reference(value: Json) -> bool:
    return isinstance(value, Mapping) and "references" in value


def without_nulls(value: Json) -> Json:
    """Return a value without the attributes that are null: Terraform takes them as not given."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value
