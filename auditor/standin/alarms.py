"""DescribeAlarmsForMetric as AWS answers it; moto ignores the dimensions and the alarms of metric maths."""

from __future__ import annotations

from typing import Any

from auditor.standin.patch import wrap


def install() -> None:
    """Repair moto's describe_alarms_for_metric."""
    from moto.cloudwatch.responses import CloudWatchResponse

    wrap(CloudWatchResponse, "describe_alarms_for_metric", lambda _: _describe)


def _describe(self: Any) -> Any:
    from moto.core.responses import ActionResult

    name, namespace = self._get_param("MetricName"), self._get_param("Namespace")
    wanted = {(each["Name"], each["Value"]) for each in self._get_param("Dimensions") or []}
    found = [
        alarm
        for alarm in self.cloudwatch_backend.describe_alarms()
        if (alarm.metric_name, alarm.namespace) == (name, namespace)
        and {(each.name, each.value) for each in alarm.dimensions or []} == wanted
    ]
    return ActionResult({"MetricAlarms": found})


REPAIRS = (install,)
