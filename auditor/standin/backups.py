"""Point-in-time recovery as DynamoDB tells of it; in moto the window never moves and any period is kept."""

from __future__ import annotations

import time
from typing import Any

from auditor.standin.patch import memory, wrap

_LONGEST_DAYS = 35
_DAY = 24 * 3600
# "LatestRestorableDateTime is typically 5 minutes before the current time."
_BEHIND = 300


def install() -> None:
    """Repair moto's continuous backups."""
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.responses import DynamoHandler

    wrap(DynamoHandler, "update_continuous_backups", _checked)
    wrap(DynamoDBBackend, "update_continuous_backups", _updated)
    wrap(DynamoDBBackend, "describe_continuous_backups", _described)


def window(table: Any) -> tuple[float, float]:
    """Return the earliest and the latest restorable time of a table with PITR on, in seconds of the epoch."""
    recovery = table.continuous_backups["PointInTimeRecoveryDescription"]
    now = time.time()
    begun = memory(table).get("recovery since", now)
    earliest = max(begun, now - recovery.get("RecoveryPeriodInDays", _LONGEST_DAYS) * _DAY)
    return earliest, max(earliest, now - _BEHIND)


def _checked(original: Any) -> Any:
    """Refuse a period that is not 1 to 35 days; without one, AWS takes 35."""

    def update(self: Any) -> Any:
        from moto.dynamodb.exceptions import MockValidationException

        asked = self.body.get("PointInTimeRecoverySpecification", {})
        if asked.get("PointInTimeRecoveryEnabled"):
            days = asked.setdefault("RecoveryPeriodInDays", _LONGEST_DAYS)
            if not 1 <= days <= _LONGEST_DAYS:
                raise MockValidationException(f"RecoveryPeriodInDays must be between 1 and {_LONGEST_DAYS}")
        return original(self)

    return update


def _updated(original: Any) -> Any:
    def update(self: Any, table_name: str, spec: dict[str, Any]) -> Any:
        answer = original(self, table_name, spec)
        table = self.get_table(table_name)
        kept = memory(table)
        if spec["PointInTimeRecoveryEnabled"]:
            kept.setdefault("recovery since", time.time())
        else:
            kept.pop("recovery since", None)
        return _moved(table, answer)

    return update


def _described(original: Any) -> Any:
    def describe(self: Any, table_name: str) -> Any:
        return _moved(self.get_table(table_name), original(self, table_name))

    return describe


def _moved(table: Any, answer: dict[str, Any]) -> dict[str, Any]:
    recovery = answer["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"] = window(table)
    return answer


REPAIRS = (install,)
