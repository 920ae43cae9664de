"""The plans of a run as one world: instances by address and block, and which account and Region each provider leads to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from auditor.errors import Place
from auditor.model import EMPTY, Account, Json
from auditor.sources.terraform_configuration import Configuration
from auditor.sources.terraform_names import IDENTITIES
from auditor.sources.terraform_plan import Block, Instance, Plan
from auditor.sources.terraform_references import Step, Where

Accounts = Mapping[str, Account]


@dataclass(slots=True)
class World:
    """The plans with their instances indexed; `accounts` are those that the pipelines declare, by id."""

    plans: tuple[Plan, ...]
    accounts: Accounts
    configuration: Configuration | None = None
    by_address: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    by_block: dict[tuple[str, str], list[Instance]] = field(default_factory=lambda: defaultdict(list))
    by_name: dict[tuple[str, str], list[Instance]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, list[Instance]] = field(default_factory=lambda: defaultdict(list))
    plan_of: dict[Instance, Plan] = field(default_factory=dict)
    _places: dict[Instance, Place] = field(default_factory=dict)
    _owners: dict[tuple[str, str], tuple[set[str], set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: (set(), set()))
    )

    def block(self, instance: Instance) -> Block | None:
        """Return the block of the configuration that an instance comes from; `None` in a state."""
        return self.plan_of[instance].blocks.get(instance.block)

    def where(self, instance: Instance) -> Where:
        """Return where the references of an instance's block stand."""
        return Where(self.plan_of[instance], instance.module, instance.key)

    def place(self, instance: Instance, path: tuple[Step, ...] = ()) -> Place:
        """Return where an attribute of an instance is configured: in its file, else the plan's file and the address."""
        found = self.configuration.place(instance, path) if self.configuration is not None else None
        if found is not None:
            return found
        if instance not in self._places:
            self._places[instance] = Place(f"{self.plan_of[instance].file} {instance.address}")
        return self._places[instance]

    def tell(self, instance: Instance, account: str, region: str) -> None:
        """Remember that an instance, and so its provider, belongs to an account and Region."""
        accounts, regions = self._owners[self._provider(instance)]
        accounts.add(account)
        if region and instance.type not in _GLOBAL:
            regions.add(region)

    def account(self, instance: Instance) -> Account | None:
        """Return the account that an instance belongs to, `None` when nothing in the plan tells it."""
        own = _arn(instance)
        if own[4]:
            return self._account(own[4])
        accounts, _ = self._owners[self._provider(instance)]
        return self._account(next(iter(accounts))) if len(accounts) == 1 else None

    def region(self, instance: Instance) -> str:
        """Return the Region that an instance lies in, empty when nothing in the plan tells it."""
        own = instance.values.get("region")
        if isinstance(own, str) and own:
            return own
        if told := _arn(instance)[3]:
            return told
        plan = self.plan_of[instance]
        block = plan.blocks.get(instance.block)
        expressions = plan.providers.get(block.provider, EMPTY) if block else EMPTY
        configured = _constant(expressions.get("region"), plan)
        if configured:
            return configured
        _, regions = self._owners[self._provider(instance)]
        return next(iter(regions)) if len(regions) == 1 else ""

    def _provider(self, instance: Instance) -> tuple[str, str]:
        plan = self.plan_of[instance]
        block = plan.blocks.get(instance.block)
        # A state does not tell which provider configuration made what.
        return (plan.file, block.provider if block else instance.address)

    def _account(self, number: str) -> Account:
        return self.accounts.get(number) or Account(number, number, "")


_GLOBAL = frozenset({"aws_iam_role", "aws_iam_policy"})


def world(plans: Iterable[Plan], accounts: Accounts, configuration: Configuration | None = None) -> World:
    """Return the plans as one world. Of several that have one address, each keeps its own."""
    made = World(tuple(plans), accounts, configuration)
    for plan in made.plans:
        for instance in chain(plan.instances, plan.gone):
            made.plan_of[instance] = plan
        for instance in plan.gone:
            made.gone[instance.address].append(instance)
        for instance in plan.instances:
            made.by_name[instance.type, instance.name].append(instance)
            made.by_address[instance.address].append(instance)
            made.by_block[plan.file, instance.block].append(instance)
            if (own := _arn(instance))[4]:
                made.tell(instance, own[4], own[3])
            elif instance.type == "aws_caller_identity" and isinstance(instance.values.get("account_id"), str):
                made.tell(instance, instance.values["account_id"], "")
    return made


def _arn(instance: Instance) -> list[str]:
    """Return the parts of an instance's ARN; six empty ones while nobody knows it, or where it names no account."""
    known = instance.values.get("arn")
    parts = known.split(":", 5) if isinstance(known, str) else []
    whole = len(parts) == 6 and parts[4].isdecimal() and len(parts[4]) == 12
    # Other types name somebody else's ARN (the target of a rule), and a data source may look into another account.
    own = instance.mode == "managed" and instance.type in IDENTITIES
    return parts if whole and own else [""] * 6


def _constant(expression: Json, plan: Plan) -> str:
    """Return the text of an expression that is a constant or a variable of the root module; empty for any other."""
    if not isinstance(expression, Mapping):
        return ""
    value = expression.get("constant_value")
    references = expression.get("references")
    if value is None and isinstance(references, list) and len(references) == 1:
        head, _, name = str(references[0]).partition(".")
        value = plan.variables.get(name) if head == "var" else None
    return value if isinstance(value, str) else ""
