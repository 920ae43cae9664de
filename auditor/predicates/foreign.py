"""Predicates of other distributions: vetted when they are taken, and unknown where they fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.errors import AuditorError
from auditor.model import Evidence, Json, Unread
from auditor.plugins import PluginError
from auditor.scope import Found, NotRead, Predicate, Scope


def guarded(row: Predicate, distribution: str) -> Predicate:
    """Return a predicate that answers unknown, naming its distribution, where its function raises or yields no evidence.

    Raises `PluginError` when its schema is no JSON Schema.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(row.schema)
    except SchemaError as error:
        sentence = f"`{row.name}`, which {distribution} offers, has no valid JSON Schema: {error.message}."
        raise PluginError(sentence, "Mend it or uninstall it.") from None

    def judge(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
        try:
            evidence = list(row.judge(found, wanted, scope))
        except (NotRead, AuditorError):
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise NotRead(found.route, _failed(row, distribution, said)) from error
        if wrong := next((one for one in evidence if not isinstance(one, Evidence)), None):
            raise NotRead(found.route, _failed(row, distribution, f"it yields {wrong!r}, which is no Evidence"))
        return evidence

    return replace(row, judge=judge)


def _failed(row: Predicate, distribution: str, said: str) -> Unread:
    return Unread("PluginFailed", detail=f"The predicate `{row.name}` of {distribution} failed ({said}).")
