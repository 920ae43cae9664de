"""What is known of a plan's resources: values of the plan, and what follows from names and references where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from auditor.kinds.parts import Part, lifted
from auditor.kinds.planned import LATER
from auditor.kinds.terraform import KIND_OF
from auditor.model import EMPTY, Account, Json, Text, Unread
from auditor.sources.terraform_arguments import Evaluator
from auditor.sources.terraform_documents import document
from auditor.sources.terraform_names import IDENTITIES, filled, stand_in
from auditor.sources.terraform_overlay import block_of, heads, is_expression, overlaid, same, without_nulls
from auditor.sources.terraform_plan import Instance
from auditor.sources.terraform_references import Key, Step, Target, specific, targets
from auditor.sources.terraform_world import World

# Attributes that hold one whole name, ARN or document: a reference alone in one of them is its value. Elsewhere it may be a
# part of a longer text, which a plan does not tell (`"${aws_s3_bucket.b.arn}/*"` looks like `aws_s3_bucket.b.arn`).
_NAMES = frozenset(
    {
        "bucket", "role", "roles", "role_name", "function_name", "queue_url", "key_id", "target_key_id", "rule",
        "event_bus_name", "database_name", "target_bucket", "kms_master_key_id", "policy", "assume_role_policy",
    }
)  # fmt: skip
_ARNS = frozenset(
    {
        "arn", "topic_arn", "queue_arn", "lambda_function_arn", "source_arn", "policy_arn", "policy_arns", "kms_key_arn",
        "replica_kms_key_id", "target_arn", "destination", "role_arn", "permissions_boundary", "managed_policy_arns",
        "resource_arn", "global_table_arn", "grantee_principal", "identifiers", "alarm_actions",
    }
)  # fmt: skip
_ROLE_ARNS = frozenset({"aws_s3_bucket", "aws_s3_bucket_replication_configuration", "aws_lambda_function"})
_DOCUMENTS = frozenset({"policy", "assume_role_policy"})
_JSON = frozenset({"json", "minified_json", "policy", "assume_role_policy"})
_OWN_NAMES = {"aws_s3_bucket": "bucket", "aws_lambda_function": "function_name"}
_TOLD = frozenset(
    {
        "arn", "id", "name", "bucket", "key_id", "function_name", "url", "json", "minified_json", "policy", "policy_arn",
        "qualified_arn", "target_key_arn", "target_key_id", "role", "rule", "database_name",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What a pipeline knows of an instance: its account and Region, and its name (empty: as the plan has it)."""

    account: Account
    region: str
    name: str = ""
    path: str = ""


class View:
    """A world as one pipeline sees it: it may know names, accounts and Regions that no plan tells."""

    def __init__(
        self, world: World, known: Mapping[Instance, Known] | None = None, missing: Mapping[str, str] = EMPTY
    ) -> None:
        """`missing` are the names, by kind, of what the pipeline has and nobody found in the world."""
        self.world = world
        self.known = known or {}
        self.missing = missing
        self._attributes: dict[tuple[Instance, str], Json] = {}
        self._names: dict[Instance, str | Unread | None] = {}
        self._under_way: set[tuple[Instance, str]] = set()
        self._arguments: dict[Instance, Mapping[str, Json] | None] = {}
        self._evaluators: dict[str, Evaluator] = {}

    def given_name(self, instance: Instance) -> str | Unread | None:
        """Return the name that AWS will know; why it is not known, or `None` where the provider makes one up."""
        if instance not in self._names:
            self._names[instance] = Unread(
                LATER,
                detail=Text(
                    f"The name of {instance.address} refers to itself.",
                    f"{instance.address} の名前が自分自身を参照しています。",
                ),
            )
            identity = IDENTITIES.get(instance.type)
            told = self.known.get(instance)
            if told is not None and told.name:
                self._names[instance] = told.name
            elif identity is None:
                self._names[instance] = None
            else:
                address = stand_in(instance.address)
                self._names[instance] = identity.naming(partial(self._naming, instance), address)
        return self._names[instance]

    def _naming(self, instance: Instance, name: str) -> Json:
        value = self.attribute(instance, name)
        return None if isinstance(value, Unread) and self.computed(instance, name) else value

    def name(self, instance: Instance) -> str:
        """Return the name that AWS will know, else the text that stands for it."""
        given = self.given_name(instance)
        return given if isinstance(given, str) else stand_in(instance.address)

    def account(self, instance: Instance) -> Account | None:
        """Return the account of an instance, `None` when nobody knows it."""
        told = self.known.get(instance)
        return told.account if told is not None else self.world.account(instance)

    def region(self, instance: Instance) -> str | Unread:
        """Return the Region of an instance."""
        told = self.world.region(instance)
        if not told and (known := self.known.get(instance)) is not None:
            told = known.region
        detail = Text(
            f"The Region of {instance.address} is known only after apply.",
            f"{instance.address} のリージョンは apply するまで確定しません。",
        )
        return told or Unread(LATER, detail=detail)

    def computed(self, instance: Instance, name: str) -> bool:
        """Tell whether the configuration leaves an attribute to the provider."""
        block = self.world.block(instance)
        return block is not None and name not in block.expressions

    def at(self, instance: Instance, path: tuple[Step, ...]) -> Json:
        """Return the value at a path of an instance; `None` when it is absent."""
        if not path or not isinstance(path[0], str):
            return None
        value = self.attribute(instance, path[0])
        for step in path[1:]:
            if isinstance(value, Unread):
                return value
            value = _inside(value, step.value if isinstance(step, Key) else step)
        return value

    def part(self, instance: Instance, name: str) -> Part | None:
        """Return an attribute with the place of every part; `None` when it is null."""
        value = self.attribute(instance, name)
        return None if value is None else self._placed(instance, value, (name,))

    def attribute(self, instance: Instance, name: str) -> Json:
        """Return an attribute, with an `Unread` where something in it is not known."""
        key = (instance, name)
        if key not in self._attributes:
            if key in self._under_way:
                return Unread(
                    LATER,
                    detail=Text(
                        f"{instance.address}: {name} refers to itself.",
                        f"{instance.address}: {name} が自分自身を参照しています。",
                    ),
                )
            self._under_way.add(key)
            try:
                self._attributes[key] = self._read(instance, name)
            finally:
                self._under_way.discard(key)
        return self._attributes[key]

    def _read(self, instance: Instance, name: str) -> Json:
        if instance.known(name):
            return instance.values.get(name)
        value = instance.attribute(name)
        if isinstance(value, Unread) and value.reason == LATER:
            found = self._follows(instance, name)
            if found is not None:
                return found
        block = self.world.block(instance)
        expression = block.expressions.get(name) if block is not None else None
        if self.world.configuration is not None and self._is_written(instance, name, expression):
            arguments = self._configured(instance)
            value = overlaid(value, arguments.get(name), name) if arguments is not None else value
        return self._filled(instance, (name,), value, expression)

    def _is_written(self, instance: Instance, name: str, expression: Json) -> bool:
        """Tell whether the files have the attribute as the plan was made from it: with the same references."""
        assert self.world.configuration is not None
        written = self.world.configuration.heads(instance, name)
        return written is None or written == frozenset(heads(expression))

    def _configured(self, instance: Instance) -> Mapping[str, Json] | None:
        """Return what the configuration's own files give to an instance."""
        if instance not in self._arguments:
            self._arguments[instance] = None
            plan = self.world.plan_of[instance]
            if plan.file not in self._evaluators:
                assert self.world.configuration is not None
                made = Evaluator(self.world.configuration, plan, self.world.by_block, self)
                self._evaluators[plan.file] = made
            made_of = self._evaluators[plan.file].arguments(instance)
            if made_of is not None and all(same(instance, name, value) for name, value in made_of.items()):
                self._arguments[instance] = made_of
        return self._arguments[instance]

    def _follows(self, instance: Instance, name: str) -> Json:
        """Return what an attribute must be because of others; `None` when nothing follows."""
        identity = IDENTITIES.get(instance.type)
        if identity is not None and name in identity.forms and not _names_itself(instance, name):
            return self.form(instance, identity.forms[name])
        if instance.type == "aws_iam_policy_document" and name in {"json", "minified_json"}:
            return document(lambda inner: self.attribute(instance, inner))
        if instance.type.startswith("aws_s3_bucket_") and name == "id":
            return self.attribute(instance, "bucket")
        if instance.type == "aws_kms_alias" and name == "target_key_arn":
            return self._sibling(instance, "target_key_id", "arn")
        return None

    def form(self, instance: Instance, form: str) -> str | Unread:
        """Return a form of an instance's identity filled in, or why that is not known."""
        if (doubt := self._may_be_missing(instance)) is not None:
            return doubt
        account = self.account(instance)
        if account is None and instance.type in {"aws_s3_bucket", "aws_iam_policy"}:
            # A bucket's ARN names no account, and a policy is attached by whoever has its ARN.
            account = Account("", "(account)", "")
        told = self.known.get(instance)
        path = told.path if told is not None and told.path else instance.values.get("path")
        region = self.region(instance)
        return filled(form, self.name(instance), path if isinstance(path, str) else "/", account, region)

    def _may_be_missing(self, instance: Instance) -> Unread | None:
        """Return why nobody may compare a resource's name: it may be that of a node which was not found."""
        wanted = self.missing.get(KIND_OF.get(instance.type, ""))
        if wanted is None or instance in self.known or isinstance(self.given_name(instance), str):
            return None
        prefix = instance.values.get(IDENTITIES[instance.type].prefix)
        if isinstance(prefix, str) and not wanted.startswith(prefix):
            return None
        detail = Text(
            f"{instance.address} may be {wanted}: if so, declare it with `terraform: {instance.address}`.",
            f"{instance.address} が {wanted} かもしれません。その場合は `terraform: {instance.address}` と宣言してください。",
        )
        return Unread(LATER, detail=detail)

    def _sibling(self, instance: Instance, name: str, attribute: str) -> Json:
        block = self.world.block(instance)
        expression = block.expressions.get(name) if block is not None else None
        found = self._targets(instance, expression)
        return self.attribute(found[0].instance, attribute) if found is not None and len(found) == 1 else None

    def _filled(self, instance: Instance, path: tuple[Step, ...], value: Json, expression: Json) -> Json:
        """Return a value with its unknown parts as its expression tells them."""
        if isinstance(value, Unread):
            return self._leaf(instance, path, value, expression)
        if isinstance(value, Mapping):
            return {name: self._member(instance, (*path, name), inner, expression) for name, inner in value.items()}
        if isinstance(value, list):
            return [
                self._filled(instance, (*path, Key(index)), inner, block_of(expression, index, value, _last(path)))
                for index, inner in enumerate(value)
            ]
        return value

    def _member(self, instance: Instance, path: tuple[Step, ...], value: Json, expression: Json) -> Json:
        block = expression if isinstance(expression, Mapping) and not is_expression(expression) else None
        inner = block.get(str(path[-1])) if block is not None else None
        if isinstance(value, Unread) and value.reason == LATER and block is not None and inner is None:
            # The block stands in the configuration without this: the provider fills it in.
            return None
        return self._filled(instance, path, value, inner)

    def _leaf(self, instance: Instance, path: tuple[Step, ...], unread: Unread, expression: Json) -> Json:
        if unread.reason != LATER or not isinstance(expression, Mapping):
            return unread
        if "constant_value" in expression:
            return expression["constant_value"]
        found = self._targets(instance, expression)
        if found is not None and len(found) == 1 and not _names_itself(instance, str(path[0])):
            value = self._told(found[0], path, instance)
            if value is not None:
                return value
        names = specific(expression.get("references"))
        listed = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        if not names:
            return unread
        return replace(unread, detail=Text("{} It depends on {}.", "{}依存先: {}。").fill(unread.detail, listed))

    def _told(self, target: Target, path: tuple[Step, ...], instance: Instance) -> Json:
        """Return the value of a reference that stands alone where one whole name, ARN or document is expected."""
        name = _last(path)
        wants_arn = _wants_arn(path, instance.type)
        if not wants_arn and name not in _NAMES:
            return None
        if target.path and (not isinstance(target.path[-1], str) or target.path[-1] not in _TOLD):
            return None
        if name in _DOCUMENTS and not (target.path and target.path[-1] in _JSON):
            return None
        value = self.at(target.instance, target.path or (("arn" if wants_arn else "id"),))
        if isinstance(value, Mapping):
            return value if name in _DOCUMENTS else None
        if not isinstance(value, str) or (wants_arn and not value.startswith("arn:")):
            return value if isinstance(value, Unread) and value.reason != LATER else None
        return value

    def _targets(self, instance: Instance, expression: Json) -> list[Target] | None:
        references = expression.get("references") if isinstance(expression, Mapping) else None
        block = self.world.block(instance)
        repeated = block.repeated if block is not None else None
        return targets(references, self.world.where(instance), self.world.by_block, repeated)

    def candidates(self, instance: Instance, name: str) -> list[Instance] | None:
        """Return the instances that an attribute may name, `None` when it may be any."""
        block = self.world.block(instance)
        found = self._targets(instance, block.expressions.get(name) if block is not None else None)
        return None if found is None else list(dict.fromkeys(one.instance for one in found))

    def _placed(self, instance: Instance, value: Json, path: tuple[Step, ...]) -> Part:
        place = self.world.place(instance, path)
        if self.world.configuration is None:
            return lifted(without_nulls(value), place)
        if isinstance(value, Mapping):
            made = {
                str(name): self._placed(instance, inner, (*path, str(name)))
                for name, inner in value.items()
                if inner is not None
            }
            return Part(made, place)
        if isinstance(value, list):
            return Part([self._placed(instance, one, (*path, Key(index))) for index, one in enumerate(value)], place)
        return Part(value, place)


def _inside(value: Json, step: str | int) -> Json:
    if isinstance(value, Mapping):
        return value.get(str(step))
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _names_itself(instance: Instance, name: str) -> bool:
    """Tell whether an attribute is a resource's own name, which may be made of another's."""
    return _OWN_NAMES.get(instance.type) == name


def _last(path: tuple[Step, ...]) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _wants_arn(path: tuple[Step, ...], kind: str) -> bool:
    names = [step for step in path if isinstance(step, str)]
    if names[-1] in _ARNS:
        return not (names[-1] == "destination" and len(names) == 1)
    return names[-2:] == ["destination", "bucket"] or (names[-1] == "role" and kind in _ROLE_ARNS)
