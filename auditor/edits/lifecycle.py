"""Edits of a lifecycle configuration: append a rule that deletes nothing but unfinished uploads."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.edits.documents import merged
from auditor.edits.edit import Edit, known, listed, mapping
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope

_MOST_RULES = 1_000
_FEWEST_DAYS = 7
_TOO_SOON = Text(
    "uploads are not aborted before {} days: a long export could still be running.",
    "{} 日より短い期間でアップロードを中断する設定にはしません。長時間のエクスポートが実行中かもしれません。",
).fill(_FEWEST_DAYS)
_TOO_MANY = Text(
    "the bucket has {} lifecycle rules, and S3 allows {}.",
    "バケットのライフサイクルルールが {} 件あり、S3 の上限は {} 件です。",
)


def _add_lifecycle_rule(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    result = mapping(document, "the lifecycle configuration")
    rules = [mapping(rule, "a lifecycle rule") for rule in listed(result.get("Rules"))]
    days = param["rule"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
    if not isinstance(days, int) or days < _FEWEST_DAYS:
        raise Refused("Manual", _TOO_SOON)
    for index, rule in enumerate(rules):
        if rule.get("ID") == param["id"]:
            settled = {**merged(rule, param["rule"]), "Status": "Enabled"}
            return document if settled == rule else {**result, "Rules": [*rules[:index], settled, *rules[index + 1 :]]}
    if len(rules) >= _MOST_RULES:
        raise Refused("TooLarge", _TOO_MANY.fill(f"{len(rules):,}", f"{_MOST_RULES:,}"))
    return {**result, "Rules": [*rules, _rule(rules, param)]}


def _rule(rules: list[dict[str, Json]], param: Mapping[str, Json]) -> dict[str, Json]:
    """Return the new rule, scoped as its neighbours are: a configuration of the old form has no Filter anywhere."""
    old_form = bool(rules) and all("Filter" not in rule for rule in rules)
    prefix = param.get("prefix", "")
    scope: dict[str, Json] = {"Prefix": prefix} if old_form else {"Filter": {"Prefix": prefix}}
    return {"ID": param["id"], **scope, "Status": "Enabled", **param["rule"]}


LIFECYCLE: tuple[Edit, ...] = (
    Edit(
        "add_lifecycle_rule",
        _add_lifecycle_rule,
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "pattern": "^auditor-[a-z0-9-]{1,200}$"},
                "prefix": {"type": "string"},
                "rule": {
                    "type": "object",
                    "properties": {
                        "AbortIncompleteMultipartUpload": {
                            "type": "object",
                            "properties": {"DaysAfterInitiation": {"type": "integer", "minimum": _FEWEST_DAYS}},
                            "required": ["DaysAfterInitiation"],
                            "additionalProperties": False,
                        }
                    },
                    "required": ["AbortIncompleteMultipartUpload"],
                    "additionalProperties": False,
                },
            },
            "required": ["id", "rule"],
            "additionalProperties": False,
        },
        Text(
            "Appends a rule of auditor's own that aborts unfinished multipart uploads after at least 7 days. Rules "
            "that "
            "expire or move objects are never written: they lose data.",
            "未完了のマルチパートアップロードを 7 日以上経ってから中止するルールを、auditor 自身の ID で追加します。"
            "オブジェクトを期限切れに"
            "したり移したりするルールは、データを失うため決して書きません。",
        ),
        "{facet: Lifecycle, add_lifecycle_rule: {id: auditor-abort-incomplete-uploads, "
        "rule: {AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}}}}",
    ),
)
