"""ARNs and names of resources, as they follow from what a pipeline declares."""

from __future__ import annotations

from auditor.kinds.facet import Target
from auditor.model import Json, Node


def arn(target: Target, service: str, resource: str, *, regional: bool = True) -> str:
    """Return the ARN of a resource in the target's account and Region (IAM's have none)."""
    region = target.region if regional else ""
    return f"arn:{target.account.partition}:{service}:{region}:{target.account.id}:{resource}"


def is_arn(name: str) -> bool:
    """Tell whether a name is a whole ARN."""
    return name.startswith("arn:") and name.count(":") >= 5


def region_of(name: str) -> str:
    """Return the Region that an ARN names; empty for a plain name and for global resources."""
    return name.split(":")[3] if is_arn(name) else ""


def resource_of(name: str) -> str:
    """Return what stands behind the account in an ARN (`function:f:live`, `key/1234`); a plain name as it is."""
    return name.split(":", 5)[5] if is_arn(name) else name


def common(target: Target, name: str, resource_arn: str | None) -> dict[str, Json]:
    """Return the attributes that every kind has; `Name` when it is declared, `Arn` when it follows from that."""
    always: dict[str, Json] = {"Account": target.account.id, "Region": target.region, "Kind": target.kind}
    if not target.id:
        return always
    return {**({"Arn": resource_arn} if resource_arn else {}), "Name": name, **always}


def function_of(name: str) -> tuple[str, str]:
    """Return the bare name and the qualifier (empty: none) of a function's name, partial ARN or ARN."""
    parts = name.split(":")
    if "function" in parts[:-1]:
        parts = parts[parts.index("function") + 1 :]
    return parts[0], parts[1] if len(parts) > 1 else ""


def bare(kind: str, said: str) -> str:
    """Return the name that a reference to a resource of a kind holds: a name, an ARN, an id or a queue's URL."""
    if kind == "lambda.function":
        return function_of(said)[0]
    if kind == "sqs.queue" and said.startswith("https://"):
        return said.rpartition("/")[2]
    if is_arn(said):
        said = resource_of(said).removeprefix("table/").removeprefix("key/").removeprefix("rule/")
    return said.rpartition("/")[2] if kind == "iam.role" else said


def wanted_name(node: Node) -> str:
    """Return the name by which a template's resource for a node is looked for; empty when the pipeline declares none."""
    if not node.id:
        return ""
    name = bare(node.kind, node.id)
    if node.kind == "events.rule" and "/" not in name:
        bus = node.settings.get("bus", "default").rpartition("event-bus/")[2]
        return name if bus == "default" else f"{bus}/{name}"
    return name.lower() if node.kind == "glue.table" else name
