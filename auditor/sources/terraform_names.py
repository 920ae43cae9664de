"""What Terraform calls things: how each type of resource is named, and what its attributes will say once it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from auditor.kinds.names import function_of
from auditor.model import EMPTY, Account, Json, Text, Unread

Attribute = Callable[[str], Json]
"""Return an attribute of a resource by its name, `None` when it is null."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How a type is named, and the forms of the attributes that follow from the name.

    `naming(read, stand_in)` is the name that AWS will know (`None`: the provider makes one up). A form has holes for
    `partition`, `domain`, `region`, `account`, `name`, `last` (of a name with slashes) and `path`. `prefix` is the attribute
    that a name begins with which the provider makes up.
    """

    naming: Callable[[Attribute, str], str | Unread | None]
    forms: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    prefix: str = ""


def _plain(name: str) -> Callable[[Attribute, str], str | Unread | None]:
    return lambda read, _stand_in: _text(read(name))


def _text(value: Json) -> str | Unread | None:
    return value if isinstance(value, str | Unread) and value != "" else None


def _key(read: Attribute, _stand_in: str) -> str | None:
    known = read("key_id")
    return known if isinstance(known, str) and known else None


def _rule(read: Attribute, stand_in: str) -> str | Unread | None:
    bus, name = _text(read("event_bus_name")), _text(read("name"))
    if isinstance(bus, Unread) or isinstance(name, Unread):
        return bus if isinstance(bus, Unread) else name
    on = (bus or "default").rpartition("event-bus/")[2]
    return name if on == "default" else f"{on}/{name or stand_in}"


def _alias(read: Attribute, _stand_in: str) -> str | Unread | None:
    function, name = _text(read("function_name")), _text(read("name"))
    if not isinstance(function, str) or not isinstance(name, str):
        return function if not isinstance(function, str) else name
    return f"{function_of(function)[0]}:{name}"


def _table(read: Attribute, stand_in: str) -> str | Unread | None:
    database, name = _text(read("database_name")), _text(read("name"))
    if not isinstance(database, str):
        return database
    # Glue folds the names of the Data Catalog to lower case.
    return name if isinstance(name, Unread) else f"{database}/{name or stand_in}".lower()


_REGIONAL = "arn:{partition}:%s:{region}:{account}:%s{name}"
_URL = "https://sqs.{region}.{domain}/{account}/{name}"
_TOPIC = _REGIONAL % ("sns", "")
_POLICY = "arn:{partition}:iam::{account}:policy{path}{last}"
_KEY = {"id": "{name}", "key_id": "{name}", "arn": _REGIONAL % ("kms", "key/")}
_BUCKET = {
    "id": "{name}",
    "bucket": "{name}",
    "arn": "arn:{partition}:s3:::{name}",
    "bucket_domain_name": "{name}.s3.{domain}",
    "bucket_regional_domain_name": "{name}.s3.{region}.{domain}",
    "region": "{region}",
    "bucket_region": "{region}",
}
_FUNCTION = {"id": "{name}", "function_name": "{name}", "arn": _REGIONAL % ("lambda", "function:")}
_ROLE = {"id": "{last}", "name": "{last}", "arn": "arn:{partition}:iam::{account}:role{path}{last}"}

IDENTITIES: Mapping[str, Identity] = {
    "aws_s3_bucket": Identity(_plain("bucket"), _BUCKET, "bucket_prefix"),
    "aws_dynamodb_table": Identity(
        _plain("name"), {"id": "{name}", "name": "{name}", "arn": _REGIONAL % ("dynamodb", "table/")}
    ),
    "aws_iam_role": Identity(_plain("name"), _ROLE, "name_prefix"),
    "aws_iam_policy": Identity(_plain("name"), {"id": _POLICY, "arn": _POLICY, "name": "{name}"}, "name_prefix"),
    "aws_lambda_function": Identity(_plain("function_name"), _FUNCTION),
    "aws_lambda_alias": Identity(
        _alias, {"id": _REGIONAL % ("lambda", "function:"), "arn": _REGIONAL % ("lambda", "function:")}
    ),
    "aws_sqs_queue": Identity(
        _plain("name"), {"id": _URL, "url": _URL, "name": "{name}", "arn": _REGIONAL % ("sqs", "")}, "name_prefix"
    ),
    "aws_sns_topic": Identity(_plain("name"), {"id": _TOPIC, "arn": _TOPIC, "name": "{name}"}, "name_prefix"),
    "aws_cloudwatch_event_rule": Identity(
        _rule, {"id": "{name}", "name": "{last}", "arn": _REGIONAL % ("events", "rule/")}, "name_prefix"
    ),
    "aws_cloudwatch_event_bus": Identity(
        _plain("name"), {"id": "{name}", "name": "{name}", "arn": _REGIONAL % ("events", "event-bus/")}
    ),
    "aws_kms_key": Identity(_key, _KEY),
    "aws_kms_replica_key": Identity(_key, _KEY),
    "aws_kms_external_key": Identity(_key, _KEY),
    "aws_kms_replica_external_key": Identity(_key, _KEY),
    "aws_kms_alias": Identity(
        _plain("name"), {"id": "{name}", "name": "{name}", "arn": _REGIONAL % ("kms", "")}, "name_prefix"
    ),
    "aws_glue_catalog_database": Identity(_plain("name"), {"name": "{name}", "id": "{account}:{name}"}),
    "aws_glue_catalog_table": Identity(_table, {"name": "{last}"}),
    "aws_cloudwatch_metric_alarm": Identity(
        _plain("alarm_name"), {"id": "{name}", "arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"}
    ),
}
"""The types whose names matter to a pipeline; what other types compute is known only after apply."""


def stand_in(address: str) -> str:
    """Return the text that stands for the name of a resource until it is known; it holds no wildcard and no separator."""
    return f"({quote(address, safe='[]' + chr(34), encoding='utf-8', errors='replace')})"


def filled(form: str, name: str, path: str, account: Account | None, region: str | Unread) -> str | Unread:
    """Return a form of `Identity` with its holes filled, or why one of them is not known."""
    if "{account}" in form and account is None:
        return Unread(
            "KnownAfterApply",
            detail=Text("Nothing in the plan tells the account.", "プランからはアカウントが分かりません。"),
        )
    if "{region}" in form and isinstance(region, Unread):
        return region
    partition = account.partition if account is not None else "aws"
    return form.format(
        partition=partition,
        domain="amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        region=region,
        account=account.id if account is not None else "",
        name=name,
        last=name.rpartition("/")[2],
        path=path or "/",
    )
