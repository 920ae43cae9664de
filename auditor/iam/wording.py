"""Wording: the sentences of an explanation, in English and Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.iam.conditions import Condition
from auditor.iam.facts import SERVICE_ADDRESS, Facts, Unknown
from auditor.iam.reasons import Kind
from auditor.iam.statement import Statement
from auditor.iam.variables import Template, unfilled

__all__ = ["KINDS", "Text", "condition_text", "listed", "statement_text"]


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    en: str
    ja: str

    def __add__(self, other: Text) -> Text:
        return Text(self.en + other.en, self.ja + other.ja)


KINDS: Mapping[Kind, Text] = MappingProxyType(
    {
        "identity": Text("identity policy", "アイデンティティポリシー"),
        "resource": Text("resource policy", "リソースポリシー"),
        "boundary": Text("permissions boundary", "アクセス許可の境界"),
        "session": Text("session policy", "セッションポリシー"),
        "scp": Text("service control policy", "サービスコントロールポリシー (SCP)"),
        "rcp": Text("resource control policy", "リソースコントロールポリシー (RCP)"),
        "endpoint": Text("VPC endpoint policy", "VPC エンドポイントポリシー"),
        "grant": Text("KMS grant", "KMS のグラント"),
        "logic": Text("evaluation logic", "評価ロジック"),
    }
)


def listed(values: tuple[str, ...], limit: int = 3) -> str:
    """Return values for a sentence: a single one bare, several between brackets, the rest counted."""
    if len(values) == 1:
        return values[0] or '""'
    shown = ", ".join(values[:limit])
    return f"[{shown}{f', … {len(values) - limit} more' if len(values) > limit else ''}]"


def statement_text(statement: Statement) -> str:
    """Return how a sentence calls a statement: its place, and its Sid where it has one."""
    return f"{statement.place} ({statement.sid})" if statement.sid else statement.place


def found_text(condition: Condition, known: Facts) -> Text:
    """Return what the request has for the key of a condition."""
    found = known.get(condition.lookup)
    if isinstance(found, Unknown) and condition.lookup in known.one_of:
        texts = [_choice(value) for value in known.one_of[condition.lookup]]
        return Text(
            f"it will be {' or '.join(text.en for text in texts)}",
            f"{'または'.join(text.ja for text in texts)}になります",
        )
    if isinstance(found, Unknown):
        return Text("nobody can know its value beforehand", "値は事前に分かりません")
    if found is None:
        return Text("the request does not carry it", "リクエストにこのキーはありません")
    if not found:
        return Text("the request carries it empty", "リクエストでは空です")
    return Text(f"the request has {listed(found)}", f"リクエストでは {listed(found)} です")


def _choice(value: str | None) -> Text:
    if value is None:
        return Text("absent", "キーなし")
    if value == SERVICE_ADDRESS:
        return Text("an address of AWS's own", "AWS 側のアドレス")
    return Text(value, f" {value} ")


def _variables_text(templates: tuple[Template, ...], known: Facts) -> Text:
    keys = dict.fromkeys(key for template in templates for key in unfilled(template, known))
    if not keys:
        return Text("", "")
    return Text(f"; nothing fills ${{{', '.join(keys)}}}", f"、${{{', '.join(keys)}}} に入る値がありません")


def condition_text(condition: Condition, known: Facts) -> Text:
    """Return a condition as written, with what the request has for its key."""
    found = found_text(condition, known) + _variables_text(condition.templates, known)
    written = f"{condition.written} {condition.key} {listed(condition.values)}"
    return Text(f"{written} ({found.en})", f"{written} ({found.ja})")
