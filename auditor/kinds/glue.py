"""glue.table: a table of the Data Catalog, named `database/table`."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import arn, common, resource_of
from auditor.model import Json, Text


def _named(target: Target) -> tuple[str, str]:
    database, _, table = resource_of(target.id).removeprefix("table/").partition("/")
    return database, table


def _arn(target: Target) -> str:
    return arn(target, "glue", "table/" + "/".join(_named(target)))


def _read_table(ask: Ask, target: Target) -> Json:
    database, table = _named(target)
    params = {"CatalogId": target.account.id, "DatabaseName": database, "Name": table}
    return ask(Call("glue", "GetTable", params))["Table"]


def _attributes(target: Target) -> Mapping[str, Json]:
    database, table = _named(target)
    return {**common(target, table, _arn(target)), "Database": database}


TABLE = Kind(
    name="glue.table",
    service="glue",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("EntityNotFoundException",),
    doc=Text(
        "A Glue Data Catalog table (`database/table`).", "Glue データカタログのテーブルです（`database/table`）。"
    ),
    facets=facets(
        Facet(
            "Table",
            _read_table,
            ("glue:GetTable",),
            Shape("api", "glue", "GetTable", "Table"),
            ("glue:GetTable",),
            doc=Text("The table: location, format, partitions.", "テーブルの場所、形式、パーティションです。"),
        ),
    ),
)
