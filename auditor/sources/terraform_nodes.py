"""Where a pipeline's nodes stand in plans: by address or by name, and which other resources add to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from auditor.kinds import target_of
from auditor.kinds.names import bare, function_of, wanted_name
from auditor.kinds.terraform import ATTACHED, KIND_OF, SPELLINGS
from auditor.model import Node, Unread
from auditor.sources import terraform_sentences as say
from auditor.sources.terraform_plan import Instance, without_keys
from auditor.sources.terraform_references import steps
from auditor.sources.terraform_values import View
from auditor.sources.terraform_world import World

ALIAS, KEY_ALIAS, REPLICA = "aws_lambda_alias", "aws_kms_alias", "aws_dynamodb_table_replica"
_GLOBAL = frozenset({"s3.bucket", "iam.role"})


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A resource that adds to another one: the instance that it is known to name (`None`: only a name is), or a doubt."""

    instance: Instance
    target: Instance | None = None
    doubt: Unread | None = None


@dataclass(slots=True)
class Index:
    """The resources of a world by name, and what adds to which; `removed` is what the plans take away."""

    world: World
    view: View
    named: dict[tuple[str, str], list[Instance]] = field(default_factory=lambda: defaultdict(list))
    unnamed: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    added: dict[tuple[str, str], list[Link]] = field(default_factory=lambda: defaultdict(list))
    adrift: dict[str, list[Link]] = field(default_factory=lambda: defaultdict(list))
    removed: dict[tuple[str, str], list[Link]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[tuple[str, str], list[Instance]] = field(default_factory=lambda: defaultdict(list))
    loose: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    aliases: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    policies: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    """Managed policies (and data sources that read them) by their names."""


# Types that name no resource of a pipeline: whoever reads them looks for itself.
LOOSE = frozenset({"aws_cloudwatch_metric_alarm", "aws_s3_account_public_access_block"})


def index(world: World) -> Index:
    """Return a world with its resources indexed by the names that the plans themselves tell."""
    made = Index(world, View(world))
    for plan in world.plans:
        for instance in plan.instances:
            if instance.type == "aws_iam_policy":
                made.policies[made.view.name(instance)].append(instance)
            if instance.mode == "managed":
                _add(made, instance)
        for instance in plan.gone:
            _remove(made, instance)
    return made


def _add(made: Index, instance: Instance) -> None:
    if instance.type in LOOSE:
        made.loose[instance.type].append(instance)
    kind = KIND_OF.get(instance.type)
    if kind is not None and instance.type != ALIAS:
        given = made.view.given_name(instance)
        made.named[kind, made.view.name(instance)].append(instance)
        if not isinstance(given, str):
            made.unnamed[kind].append(instance)
    if instance.type in ATTACHED:
        _attach(made, instance, *ATTACHED[instance.type])
    if instance.type == KEY_ALIAS:
        made.aliases[made.view.name(instance)].append(instance)


def _attach(made: Index, instance: Instance, kind: str, name: str) -> None:
    said = made.view.attribute(instance, name)
    if instance.type == "aws_cloudwatch_event_target" and isinstance(said, str):
        bus = made.view.attribute(instance, "event_bus_name")
        on = bus.rpartition("event-bus/")[2] if isinstance(bus, str) else "default"
        said = bus if isinstance(bus, Unread) else said if on == "default" or "/" in said else f"{on}/{said}"
    target = _target(made, instance, kind, name)
    for one in said if isinstance(said, list) else [said]:
        if isinstance(one, str) and one:
            made.added[kind, bare(kind, one)].append(Link(instance, target))
        elif isinstance(one, Unread):
            _doubtful(made, instance, kind, name, one)


def _target(made: Index, instance: Instance, kind: str, name: str) -> Instance | None:
    """Return the one resource that a reference leads to, where the plan itself does not know its name yet."""
    if not isinstance(instance.attribute(name), Unread):
        return None
    found = [one for one in made.view.candidates(instance, name) or [] if KIND_OF.get(one.type) == kind]
    return found[0] if len(found) == 1 and found[0].type != ALIAS else None


def _doubtful(made: Index, instance: Instance, kind: str, name: str, why: Unread) -> None:
    candidates = made.view.candidates(instance, name)
    # What depends on a whole set of resources, or on something that a plan does not tell, may name any.
    found = [one for one in candidates or [] if KIND_OF.get(one.type) == kind]
    detail = say.MAY_ADD.fill(instance.address, why.detail)
    doubt = replace(why, detail=detail)
    if candidates is None or not found:
        made.adrift[kind].append(Link(instance, None, doubt))
    for one in found:
        made.added[kind, made.view.name(one)].append(Link(instance, one, doubt if len(found) > 1 else None))


def _remove(made: Index, instance: Instance) -> None:
    kind = KIND_OF.get(instance.type)
    if kind is not None:
        name = made.view.given_name(instance)
        if isinstance(name, str):
            made.gone[kind, name].append(instance)
    if instance.type in ATTACHED:
        kind, attribute = ATTACHED[instance.type]
        said = instance.values.get(attribute)
        for one in said if isinstance(said, list) else [said]:
            if isinstance(one, str) and one:
                made.removed[kind, bare(kind, one)].append(Link(instance))


@dataclass(frozen=True, slots=True)
class Located:
    """A node's resource: `instance` is `None` where no plan manages it, so that only what others add to it is known.

    `name` is what AWS calls it; it stands in parentheses while nobody knows. `going`: the plan takes the resource away.
    """

    node: Node
    instance: Instance | None
    name: str
    stands_in: bool = False
    going: bool = False

    @property
    def qualifier(self) -> str:
        """Return the alias or version of a function, empty for the function itself."""
        return function_of(self.name)[1] if self.node.kind == "lambda.function" else ""


def locate(node: Node, made: Index) -> Located | Unread:
    """Return where a node stands in the plans, or why it is not found. Never guesses."""
    address = node.addresses.get("terraform")
    if address:
        return _by_address(node, address, made)
    name = wanted_name(node)
    found = _by_name(node, name, made)
    if len(found) > 1:
        where = ", ".join(one.address for one in found)
        return Unread("Ambiguous", detail=say.SEVERAL_NAMED.fill(name, where))
    if found:
        return _located(node, found[0], made)
    leaving = [one for one in made.gone.get((node.kind, name), ()) if _fits(node, one, made)]
    if leaving:
        return Located(node, leaving[0], name, going=True)
    if _touched(node, name, made):
        return Located(node, None, _qualified(node, name))
    return _missing(node, name, made)


def _by_name(node: Node, name: str, made: Index) -> list[Instance]:
    if node.kind == "kms.key" and name.startswith("alias/"):
        keys = (
            made.view.attribute(alias, "target_key_id")
            for alias in made.aliases.get(name, ())
            if _fits(node, alias, made)
        )
        listed = [
            one for key in keys if isinstance(key, str) for one in made.named.get(("kms.key", bare("kms.key", key)), ())
        ]
    else:
        listed = made.named.get((node.kind, name), []) if name and not name.startswith("(") else []
    return [one for one in dict.fromkeys(listed) if _fits(node, one, made)]


def _fits(node: Node, instance: Instance, made: Index) -> bool:
    """Tell whether an instance may lie in a node's account and Region, as far as the plan tells."""
    if node.kind == "s3.bucket":
        return True
    account = made.world.account(instance)
    if account is not None and account.id != node.account.id:
        return False
    region = made.world.region(instance)
    wanted = target_of(node).region
    if node.kind in _GLOBAL or not region or region == wanted:
        return True
    # The pipeline may mean the replica of a table in another Region.
    return node.kind == "dynamodb.table" and any(
        one.get("region_name") == wanted for one in instance.values.get("replica") or [] if isinstance(one, dict)
    )


def _touched(node: Node, name: str, made: Index) -> bool:
    links = (*made.added.get((node.kind, name), ()), *made.removed.get((node.kind, name), ()))
    return bool(name) and any(one.doubt is None for one in links)


def _by_address(node: Node, address: str, made: Index) -> Located | Unread:
    types = SPELLINGS[node.kind].types
    listed = made.world.by_address.get(address) or _without_key(address, made)
    right = [one for one in listed if one.type in types and one.mode == "managed"]
    files = ", ".join(plan.file for plan in made.world.plans)
    if not listed:
        leaving = [one for one in made.world.gone.get(address, ()) if one.type in types]
        if leaving:
            name = made.view.name(leaving[0])
            return Located(node, leaving[0], wanted_name(node) or name, going=True)
        return Unread("NotInPlan", detail=f"{files} has no resource {address}.{_near(address, types, made)}")
    if not right:
        return Unread("NotInPlan", detail=say.ANOTHER_TYPE.fill(address, " / ".join(types)))
    if len(right) > 1:
        where = ", ".join(one.address for one in right[:5])
        return Unread("Ambiguous", detail=say.SEVERAL.fill(address, where))
    return _located(node, right[0], made)


def _without_key(address: str, made: Index) -> list[Instance]:
    """Return the instances of a resource that is repeated, named without a key."""
    block = without_keys(address)
    return [
        one
        for plan in made.world.plans
        for one in made.world.by_block.get((plan.file, block), ())
        if one.address.startswith(f"{address}[")
    ]


def _near(address: str, types: Iterable[str], made: Index) -> str:
    path = [step for step in steps(address) if isinstance(step, str)]
    near = [one.address for kind in types for one in made.world.by_name.get((kind, path[-1] if path else ""), ())]
    return f" There is {', '.join(near[:3])}." if near else ""


def _located(node: Node, instance: Instance, made: Index) -> Located | Unread:
    if instance.type == ALIAS:
        return _of_alias(node, instance, made)
    given, wanted = made.view.given_name(instance), wanted_name(node)
    if not _fits(node, instance, made):
        account, region = made.world.account(instance), made.world.region(instance)
        where = f"account {account.id}" if account is not None and account.id != node.account.id else f"Region {region}"
        return Unread("NotInPlan", detail=say.ELSEWHERE.fill(instance.address, where))
    if node.kind == "kms.key" and wanted.startswith("alias/"):
        wanted = ""
    if isinstance(given, str) and wanted and given != wanted:
        return Unread("NotInPlan", detail=say.ANOTHER_NAME.fill(instance.address, given, wanted))
    known = given if isinstance(given, str) else wanted
    return Located(node, instance, _qualified(node, known or made.view.name(instance)), stands_in=not known)


def _qualified(node: Node, name: str) -> str:
    if node.kind != "lambda.function":
        return name
    quality = (function_of(node.id)[1] if node.id else "") or node.settings.get("qualifier", "")
    return f"{name}:{quality}" if quality and ":" not in name else name


def _of_alias(node: Node, instance: Instance, made: Index) -> Located | Unread:
    """Return the function behind an aws_lambda_alias, qualified by the alias."""
    name = made.view.given_name(instance)
    if not isinstance(name, str):
        return name or Unread("NotInPlan", detail=say.NO_FUNCTION.fill(instance.address))
    function, qualifier = function_of(name)
    found = made.named.get(("lambda.function", function), [])
    if len(found) != 1:
        return Unread("NotInPlan", detail=say.FUNCTION_NOT_HERE.fill(function, instance.address))
    if node.id and function_of(node.id)[0] != function:
        return Unread("NotInPlan", detail=say.ANOTHER_FUNCTION.fill(instance.address, function, node.id))
    located = _located(replace(node, id=f"{function}" if node.id else "", addresses={}), found[0], made)
    return (
        located
        if isinstance(located, Unread)
        else replace(located, node=node, name=f"{located.name.split(':')[0]}:{qualifier}")
    )


def _missing(node: Node, name: str, made: Index) -> Unread:
    files = ", ".join(plan.file for plan in made.world.plans) or "the plan"
    near = [one.address for one in made.unnamed[node.kind]]
    hint = f" Declare which one it is with `terraform:`: {', '.join(near[:5])}." if near else ""
    what = f"{SPELLINGS[node.kind].types[0]} named {name}" if name else SPELLINGS[node.kind].types[0]
    return Unread("NotInPlan", detail=f"{files} has no {what} in account {node.account.name}.{hint}")


def links(located: Located, kind: str, made: Index, *, removed: bool = False) -> Iterator[Link]:
    """Yield the resources of a type that add to a located one (or that the plan takes away from it)."""
    node, instance = located.node, located.instance
    names = {bare(node.kind, located.name)}
    if instance is not None and not located.going:
        names.add(made.view.name(instance))
    seen: set[Instance] = set()
    for name in sorted(names):
        for one in (made.removed if removed else made.added).get((node.kind, name), ()):
            if one.instance.type == kind and one.instance not in seen and _belongs(one, located, made):
                seen.add(one.instance)
                yield one
    if not removed:
        yield from (
            one for one in made.adrift[node.kind] if one.instance.type == kind and _same_plan(one, located, made)
        )


def _belongs(link: Link, located: Located, made: Index) -> bool:
    """Tell whether a link that names a resource may mean this one, and not one of that name in another account."""
    if link.target is not None:
        return link.target is located.instance
    kind = located.node.kind
    if kind == "s3.bucket":
        return True
    world = made.world
    account = world.account(link.instance)
    if account is not None and account.id != located.node.account.id:
        return False
    region, own = world.region(link.instance), target_of(located.node).region
    return kind in _GLOBAL or not region or region == own or link.instance.type == REPLICA


def _same_plan(link: Link, located: Located, made: Index) -> bool:
    """Tell whether a link that may name anything can mean a resource: only what the same plan makes has names to come."""
    if located.instance is None or not (located.instance.made or located.stands_in):
        # What exists already is known by its name.
        return False
    return made.world.plan_of[link.instance] is made.world.plan_of[located.instance]
