"""glue.table in CloudFormation: an AWS::Glue::Table, whose TableInput has the API's own spelling."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Declared, Spelling
from auditor.kinds.parts import Part
from auditor.model import Text, Unread

_KNOWN_LATER = ("CreateTime", "UpdateTime", "CreatedBy", "VersionId", "IsRegisteredWithLakeFormation")


def _table(declared: Declared) -> Part | Unread:
    said, place = declared.read("TableInput"), declared.place
    if said is None or said.unread or not isinstance(said.value, dict):
        return (
            said
            if said is not None and said.unread
            else Unread("Malformed", detail=Text(f"{place}: no TableInput.", f"{place}: TableInput がありません。"))
        )
    database, _, name = declared.target.id.partition("/")
    made = {
        **said.value,
        "Name": Part(name, place),
        "DatabaseName": Part(database, place),
        "CatalogId": Part(declared.target.account.id, place),
        **{name: Part(ONLY_LIVE, place) for name in _KNOWN_LATER},
    }
    return Part(made, said.place)


TABLE = Spelling(types=("AWS::Glue::Table",), facets={"Table": _table})
