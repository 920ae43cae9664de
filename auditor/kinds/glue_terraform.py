"""glue.table in Terraform: an aws_glue_catalog_table."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.parts import Part, Spell, as_it_is, each, flag, text, whole
from auditor.kinds.planned import Planned, Spelling, empty, fields, given, not_in_plan
from auditor.model import Unread

_KNOWN_LATER = ("CreateTime", "UpdateTime", "CreatedBy", "VersionId", "IsRegisteredWithLakeFormation")
_COLUMN = fields(
    {
        "name": ("Name", text),
        "type": ("Type", text),
        "comment": ("Comment", text),
        "parameters": ("Parameters", as_it_is),
    }
)
_SERDE = fields(
    {
        "name": ("Name", text),
        "serialization_library": ("SerializationLibrary", text),
        "parameters": ("Parameters", as_it_is),
    }
)
_STORAGE = fields(
    {
        "location": ("Location", text),
        "additional_locations": ("AdditionalLocations", each(text)),
        "columns": ("Columns", each(_COLUMN)),
        "input_format": ("InputFormat", text),
        "output_format": ("OutputFormat", text),
        "compressed": ("Compressed", flag),
        "number_of_buckets": ("NumberOfBuckets", whole),
        "ser_de_info": ("SerdeInfo", _SERDE),
        "bucket_columns": ("BucketColumns", each(text)),
        "stored_as_sub_directories": ("StoredAsSubDirectories", flag),
        "parameters": ("Parameters", as_it_is),
    }
)
_ROWS: dict[str, tuple[str, Spell]] = {
    "description": ("Description", text),
    "owner": ("Owner", text),
    "retention": ("Retention", whole),
    "table_type": ("TableType", text),
    "parameters": ("Parameters", as_it_is),
    "partition_keys": ("PartitionKeys", each(_COLUMN)),
    "storage_descriptor": ("StorageDescriptor", _STORAGE),
    "view_original_text": ("ViewOriginalText", text),
    "view_expanded_text": ("ViewExpandedText", text),
}


def _table(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_glue_catalog_table")
    place = planned.place
    database, _, name = planned.target.id.partition("/")
    made = {
        "Name": Part(name, place),
        "DatabaseName": Part(database, place),
        "CatalogId": Part(planned.target.account.id, place),
        **{name: Part(ONLY_LIVE, place) for name in _KNOWN_LATER},
    }
    for said, (api, spell) in _ROWS.items():
        part = given(planned, said)
        if part is not None and not empty(part):
            made[api] = part if part.unread else spell(part)
    return Part(made, place)


TABLE = Spelling(types=("aws_glue_catalog_table",), facets={"Table": _table})
