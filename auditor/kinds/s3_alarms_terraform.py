"""s3.bucket in Terraform: the aws_cloudwatch_metric_alarm resources that watch failed replication."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Attached
from auditor.kinds.parts import Part, as_it_is, each, flag, malformed, text, whole
from auditor.kinds.planned import Planned, empty, fields, one
from auditor.kinds.s3_alarms_declared import watching
from auditor.model import Text, Unread

ALARM = "aws_cloudwatch_metric_alarm"

_ELSEWHERE = Unread(
    "NotInPlan",
    detail=Text("Alarms of other configurations are not in the plan.", "別の構成のアラームはプランに現れません。"),
)


def _dimensions(part: Part) -> Part:
    if part.unread or not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "a map")
    pairs = [{"Name": Part(name, said.place), "Value": said} for name, said in part.value.items()]
    return Part([Part(pair, part.place) for pair in pairs], part.place)


_METRIC = {
    "metric_name": ("MetricName", text),
    "namespace": ("Namespace", text),
    "dimensions": ("Dimensions", _dimensions),
}


def _stat(part: Part) -> Part:
    """Return the metric block of a metric query as MetricStat."""
    block = one(part)
    if block is None or not isinstance(block.value, dict):
        return block or Part(None, part.place)
    named = {name: member for name, member in block.value.items() if name in _METRIC}
    made = {"Metric": fields(_METRIC)(Part(named, block.place))}
    for name, api in (("period", "Period"), ("stat", "Stat")):
        if (member := block.value.get(name)) is not None and not empty(member):
            made[api] = member
    return Part(made, block.place)


_QUERY = fields(
    {
        "id": ("Id", text),
        "expression": ("Expression", text),
        "metric": ("MetricStat", _stat),
        "return_data": ("ReturnData", flag),
        "label": ("Label", text),
        "period": ("Period", whole),
        "account_id": ("AccountId", text),
    }
)
_ROWS = {
    **_METRIC,
    "arn": ("AlarmArn", text),
    "alarm_name": ("AlarmName", text),
    "actions_enabled": ("ActionsEnabled", flag),
    "alarm_actions": ("AlarmActions", each(text)),
    "statistic": ("Statistic", text),
    "period": ("Period", whole),
    "evaluation_periods": ("EvaluationPeriods", whole),
    "threshold": ("Threshold", as_it_is),
    "comparison_operator": ("ComparisonOperator", text),
    "treat_missing_data": ("TreatMissingData", text),
    "metric_query": ("Metrics", each(_QUERY)),
}


def failure_alarms(planned: Planned) -> Part | Unread:
    """Return the alarms of the plan that watch the bucket; others may exist outside of it."""
    return watching((_alarm(found) for found in planned.account(ALARM)), planned.target.id, _ELSEWHERE, planned.place)


def _alarm(found: Attached) -> Part:
    if found.doubt:
        return Part(found.doubt, found.place)
    made = {"ActionsEnabled": Part(value=True, place=found.place), "StateValue": Part(ONLY_LIVE, found.place)}
    for name, (api, spell) in _ROWS.items():
        said = found.read(name)
        if said is not None and not empty(said):
            made[api] = said if said.unread else spell(said)
    return Part(made, found.place)
