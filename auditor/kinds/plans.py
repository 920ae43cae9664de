"""The facet `Plan` that every kind has: what a Terraform plan does to a resource, which AWS itself cannot know."""

from __future__ import annotations

from dataclasses import replace

from auditor.errors import Refused
from auditor.kinds.facet import Ask, Facet, Kind, Shape, Target
from auditor.model import Json, Text
from auditor.scope import ONLY_PLAN

PLAN = "Plan"


def _read(_ask: Ask, _target: Target) -> Json:
    raise Refused(ONLY_PLAN, "Only a plan says what it would change.")


PLAN_FACET = Facet(
    PLAN,
    _read,
    (),
    Shape(
        "own",
        fields={
            "Address": "string",
            "Actions": ["string"],
            "Removed": [{"Facet": "string", "Address": "string", "Actions": ["string"]}],
            "Owners": {},
        },
    ),
    doc=Text(
        "What a Terraform plan does to the resource and to its documents, and which resources write each document.",
        "Terraform のプランがこのリソースとその設定に何をするか、各設定をどのリソースが書くかです。",
    ),
)
"""Read from plans alone: live, and from templates, it is unread as `OnlyPlan`, and rules about it do not apply."""


def with_plan(kind: Kind) -> Kind:
    """Return a kind that has the facet `Plan` too."""
    return replace(kind, facets={**kind.facets, PLAN: PLAN_FACET})
