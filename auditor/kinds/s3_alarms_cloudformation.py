"""s3.bucket in CloudFormation: the AWS::CloudWatch::Alarm resources that watch failed replication."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Attached, Declared
from auditor.kinds.parts import Part, as_it_is, each, flag, members, same, text, whole
from auditor.kinds.s3_alarms_declared import watching
from auditor.model import Text, Unread

ALARM = "AWS::CloudWatch::Alarm"
_ROWS = {
    **same("AlarmName", "MetricName", "Namespace", "Statistic", "ComparisonOperator", "TreatMissingData"),
    **same("ActionsEnabled", spell=flag),
    **same("Period", "EvaluationPeriods", spell=whole),
    **same("Threshold", spell=as_it_is),
    **same("AlarmActions", spell=each(text)),
    **same("Dimensions", spell=each(members(same("Name", "Value")))),
    **same("Metrics", spell=as_it_is),
}
_ELSEWHERE = Unread(
    "NotInTemplate",
    detail=Text(
        "Alarms of other stacks are not in the template.", "別のスタックのアラームはテンプレートに現れません。"
    ),
)


def failure_alarms(declared: Declared) -> Part | Unread:
    """Return the alarms of the template that watch the bucket; others may exist outside of it."""
    return watching((_alarm(one) for one in declared.attached(ALARM)), declared.target.id, _ELSEWHERE, declared.place)


def _alarm(one: Attached) -> Part:
    if one.doubt:
        return Part(one.doubt, one.place)
    found = {name: one.read(name) for name in _ROWS}
    made = {name: _ROWS[name][1](part) for name, part in found.items() if part is not None}
    arn = one.read("Arn")
    known = {"ActionsEnabled": Part(value=True, place=one.place), "StateValue": Part(ONLY_LIVE, one.place)}
    return Part(known | made | ({"AlarmArn": arn} if arn is not None else {}), one.place)
