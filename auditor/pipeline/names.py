"""What AWS calls things: the syntax of resource names and ARNs, with a sentence for what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from auditor.model import EMPTY, Account

_NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "af-south": 1,
        "ap-east": 2,
        "ap-northeast": 3,
        "ap-south": 2,
        "ap-southeast": 7,
        "ca-central": 1,
        "ca-west": 1,
        "cn-north": 1,
        "cn-northwest": 1,
        "eu-central": 2,
        "eu-north": 1,
        "eu-south": 2,
        "eu-west": 3,
        "il-central": 1,
        "me-central": 1,
        "me-south": 1,
        "mx-central": 1,
        "sa-east": 1,
        "us-east": 2,
        "us-gov-east": 1,
        "us-gov-west": 1,
        "us-west": 2,
    }
)
REGIONS = tuple(f"{area}-{number}" for area, last in _NUMBERS.items() for number in range(1, last + 1))
"""For suggestions only: a Region that is not here may well exist."""


@dataclass(frozen=True, slots=True)
class Arn:
    """The six parts of an ARN, without the first."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


@dataclass(frozen=True, slots=True)
class Named:
    """A resource as it was named: `Node.id`, what else the name says, the ARN if it was one, and what is wrong."""

    id: str
    settings: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    arn: Arn | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of resource is named: bare, in an ARN, and what a name must be like."""

    service: str
    what: str
    in_arn: re.Pattern[str]
    bare: re.Pattern[str]
    rules: str
    keep_arn: bool = False
    check: Callable[[str], str] = lambda _name: ""


def read_arn(text: str) -> Arn | None:
    """Return the parts of an ARN, or `None` when the text is none."""
    parts = text.split(":", 5)
    return Arn(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else None


def read_name(kind: str, text: str) -> Named:
    """Return what a name or ARN of a kind of resource says; `problem` follows the word that names the value."""
    form = FORMS[kind]
    if not text.startswith("arn:"):
        found = form.bare.fullmatch(text)
        return _named(form, found, text, None) if found else Named(text, problem=f"must be {form.rules}")
    arn = read_arn(text)
    if arn is None or not arn.resource:
        return Named(text, problem="is not a whole ARN (`arn:partition:service:region:account:resource`)")
    if arn.service != form.service:
        return Named(text, arn=None, problem=f"is the ARN of something in `{arn.service}`, not of {form.what}")
    found = form.in_arn.fullmatch(arn.resource)
    return _named(form, found, text, arn) if found else Named(text, problem=f"is not the ARN of {form.what}")


def _named(form: Form, found: re.Match[str], text: str, arn: Arn | None) -> Named:
    parts = {key: value for key, value in found.groupdict().items() if value}
    name = parts.pop("id")
    if "path" in parts:
        parts["path"] = f"/{parts['path'].strip('/')}/".replace("//", "/")
        if parts["path"] == "/":
            del parts["path"]
    return Named(text if form.keep_arn and arn else name, parts, arn, form.check(name))


def bucket_problem(name: str, region: str) -> str:
    """Return what breaks the rules for bucket names (empty: nothing).

    Buckets made in us-east-1 before March 2018 may have up to 255 characters, capitals and `_`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "looks like an IP address, which no bucket's name may"
    if name.endswith("--x-s3"):
        return "is a directory bucket, which can be neither versioned nor replicated"
    if name.endswith(("-s3alias", "--ol-s3")):
        return "is the alias of an access point, not the name of a bucket"
    if region == "us-east-1" and re.fullmatch(r"[A-Za-z0-9._-]{3,255}", name):
        return ""
    if not 3 <= len(name) <= 63:
        return f"must have 3 to 63 characters, not {len(name)}"
    if re.search(r"[A-Z]", name):
        return "may not have capital letters"
    if ".." in name:
        return "may not have two dots in a row"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", name):
        return "must be lower-case letters, digits, `-` and `.`, with a letter or digit at both ends"
    return ""


def arn_problem(arn: Arn, account: Account, region: str, others: Mapping[str, Account]) -> tuple[str, str]:
    """Return how an ARN contradicts its node's account and Region, and a hint; both empty when it does not."""
    if arn.account and arn.account != account.id:
        twin = next((other.name for other in others.values() if other.id == arn.account), None)
        hint = f"Did you mean account `{twin}`?" if twin else "Correct the ARN or the account."
        return f"The ARN names account {arn.account}, but `{account.name}` is {account.id}.", hint
    if arn.partition != account.partition:
        return (
            f"The ARN lies in partition `{arn.partition}`, but `{account.name}` in `{account.partition}`.",
            "Correct the ARN or the account's Region.",
        )
    if arn.region and arn.region != region:
        return (
            f"The ARN names Region {arn.region}, but this node is in {region}.",
            f"Add `region: {arn.region}` to the node if that is meant.",
        )
    return "", ""


def prefix_problem(prefix: str) -> str:
    """Return what is wrong with a key prefix (empty: nothing); S3 takes it literally, so a slip matches nothing."""
    if prefix.startswith("s3://"):
        return "must be the prefix alone, without `s3://` and the bucket"
    if prefix.startswith("/"):
        return "must not begin with `/`: no key does"
    if "*" in prefix:
        return "may not have wildcards: S3 takes them literally"
    if prefix != prefix.strip() or not prefix.isprintable():
        return "has blanks at its ends, or characters that cannot be shown"
    return ""


_KEY_ID = r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|mrk-[0-9a-f]{32})"
_ALIAS = r"alias/[A-Za-z0-9/_-]{1,250}"

FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "dynamodb.table": Form(
            "dynamodb",
            "a DynamoDB table",
            re.compile(r"table/(?P<id>[A-Za-z0-9_.-]{3,255})"),
            re.compile(r"(?P<id>[A-Za-z0-9_.-]{3,255})"),
            "3 to 255 letters, digits, `_`, `-` and `.`, or the ARN of a table",
        ),
        "iam.role": Form(
            "iam",
            "an IAM role",
            re.compile(r"role(?P<path>/(?:[\x21-\x2e\x30-\x7e]+/){0,50})(?P<id>[A-Za-z0-9_+=,.@-]{1,64})"),
            re.compile(r"(?P<path>/?(?:[\x21-\x2e\x30-\x7e]+/){0,50})(?P<id>[A-Za-z0-9_+=,.@-]{1,64})"),
            "1 to 64 letters, digits and `_+=,.@-`, with or without a path, or the ARN of a role",
        ),
        "s3.bucket": Form(
            "s3",
            "a bucket",
            re.compile(r"(?P<id>[^/*]+)"),
            re.compile(r"(?P<id>[^/:*]+)"),
            "a bucket's name alone, without `s3://`, `/` and what follows",
        ),
        "lambda.function": Form(
            "lambda",
            "a Lambda function",
            re.compile(r"function:(?P<id>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"),
            re.compile(r"(?P<id>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"),
            "a function's name (1 to 64 letters, digits, `-` and `_`), `name:alias`, or the ARN of a function",
        ),
        "sqs.queue": Form(
            "sqs",
            "an SQS queue",
            re.compile(r"(?P<id>[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)"),
            re.compile(r"(?P<id>[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)"),
            "a queue's name (1 to 80 letters, digits, `-` and `_`) or its ARN, not its URL",
        ),
        "sns.topic": Form(
            "sns",
            "an SNS topic",
            re.compile(r"(?P<id>[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo)"),
            re.compile(r"(?P<id>[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo)"),
            "a topic's name (1 to 256 letters, digits, `-` and `_`) or its ARN",
        ),
        "events.rule": Form(
            "events",
            "an EventBridge rule",
            re.compile(r"rule/(?:(?P<bus>[A-Za-z0-9._/-]{1,256})/)?(?P<id>[A-Za-z0-9._-]{1,64})"),
            re.compile(r"(?P<id>[A-Za-z0-9._-]{1,64})"),
            "a rule's name (1 to 64 letters, digits, `.`, `-` and `_`) or its ARN",
        ),
        "kms.key": Form(
            "kms",
            "a KMS key",
            re.compile(rf"(?P<id>key/{_KEY_ID}|{_ALIAS})"),
            re.compile(rf"(?P<id>{_KEY_ID}|{_ALIAS})"),
            "a key id, `alias/…`, or the ARN of a key or alias",
            keep_arn=True,
        ),
        "glue.table": Form(
            "glue",
            "a Glue table",
            re.compile(r"table/(?P<database>[^/\x00-\x1f]{1,255})/(?P<id>[^/\x00-\x1f]{1,255})"),
            re.compile(r"(?P<id>[^/\x00-\x1f:]{1,255})"),
            "a table's name of at most 255 characters without `/`, or the ARN of a table",
            check=lambda name: "" if name.isprintable() else "has characters that cannot be shown",
        ),
    }
)
