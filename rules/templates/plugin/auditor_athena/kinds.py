"""athena.workgroup: where the queries on replicated exports run."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import arn, common
from auditor.model import Json, Text


def _arn(target: Target) -> str:
    return arn(target, "athena", f"workgroup/{target.id}")


def _read(ask: Ask, target: Target) -> Json:
    return ask(Call("athena", "GetWorkGroup", {"WorkGroup": target.id}))["WorkGroup"]


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, target.id, _arn(target))


WORKGROUP = Kind(
    name="athena.workgroup",
    service="athena",
    attributes=_attributes,
    resource_arn=_arn,
    doc=Text("An Athena workgroup.", "Athena のワークグループです。"),
    nodes=("workgroup",),
    facets=facets(
        Facet(
            "WorkGroup",
            _read,
            ("athena:GetWorkGroup",),
            Shape("api", "athena", "GetWorkGroup", "WorkGroup"),
            ("athena:GetWorkGroup",),
            doc=Text("The workgroup and its settings.", "ワークグループとその設定です。"),
        ),
    ),
)
