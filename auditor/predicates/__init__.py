"""What a rule may ask: the closed vocabulary of predicates, each a function with a schema and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.predicates.values import VALUES
from auditor.scope import Predicate

PREDICATES: Mapping[str, Predicate] = {row.name: row for row in (*VALUES,)}
