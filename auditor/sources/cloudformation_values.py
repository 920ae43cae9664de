"""What the values of a template are in one account and Region: references, functions and conditions, in three values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from auditor.errors import Place
from auditor.kinds.parts import Part, lifted, text
from auditor.model import Account, Json, Text, Unread
from auditor.sources.cloudformation_conditions import Verdict, decided
from auditor.sources.cloudformation_functions import DYNAMIC, DYNAMIC_LATER, FUNCTIONS, unresolved
from auditor.sources.cloudformation_names import IDENTITIES, filled
from auditor.sources.cloudformation_template import Template
from auditor.sources.cloudformation_written import Written

NAME_AT_MOST = 2048
CHAIN_AT_MOST = 40
_GIVE_IT = Text(
    "{0} is known only when the stack is made: give it with --parameter {0}=…",
    "{0} はスタックの作成時に決まります。--parameter {0}=… で指定してください。",
)
_FROM_SSM = Text(
    "The parameter {} is read from Systems Manager when the stack is made.",
    "パラメーター {} はスタックの作成時に Systems Manager から読み取られます。",
)
_NO_VALUE = Text(
    "The parameter {0} has no value: give it with --parameter {0}=…",
    "パラメーター {0} に値がありません。--parameter {0}=… で指定してください。",
)
_AFTER = Text("{} ({}) is known only after deployment.", "{}（{}）はデプロイするまで確定しません。")


@dataclass(slots=True)
class Stack:
    """A template as it would be deployed in one account and Region with the parameters given.

    `mark` tells apart what has one logical id in several templates.
    """

    template: Template
    account: Account
    region: str
    given: Mapping[str, str]
    mark: str = ""
    decisions: dict[str, Verdict] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def once(self, what: str, place: Place, make: Callable[[], Part | None]) -> Part | None:
        """Return what `make` makes, unless it is under way already or what led to it is too long."""
        if what in self.under_way or len(self.under_way) > CHAIN_AT_MOST:
            return Part(
                Unread(
                    "Circular", detail=Text(f"The {what} depends on itself.", f"{what} が自分自身に依存しています。")
                ),
                place,
            )
        self.under_way.append(what)
        try:
            return make()
        finally:
            self.under_way.pop()

    def condition(self, name: str) -> Verdict:
        """Return whether a condition holds, or why that cannot be told."""
        if name in self.decisions:
            return self.decisions[name]
        written = self.template.conditions.get(name)
        if written is None:
            return Unread(
                "Malformed",
                detail=Text(f"The template has no condition {name}.", f"テンプレートに条件 {name} がありません。"),
            )

        def make() -> Part:
            return Part(decided(written, self.condition, Reading(self).resolve), written.place)

        made = self.once(f"condition {name}", written.place, make)
        verdict: Verdict = made.value if made is not None else Unread("Malformed")
        if isinstance(verdict, Unread) and verdict.reason != "Conditional":
            verdict = Unread(
                "Conditional",
                detail=Text("The condition {} is undecided: {}", "条件 {} が決まりません: {}").fill(
                    name, verdict.detail
                ),
            )
        self.decisions[name] = verdict
        return verdict

    def exists(self, logical: str) -> Verdict:
        """Return whether a resource of the template will be there."""
        condition = self.template.resources[logical].value.get("Condition")
        return True if condition is None else self.condition(condition)

    def type_of(self, logical: str) -> str:
        """Return the type of a resource of the template."""
        return str(self.template.resources[logical].value["Type"])

    def stand_in(self, logical: str) -> str:
        """Return the text that stands for the name of a resource until CloudFormation has made one up."""
        return f"({logical}{self.mark})"

    def pseudo(self, name: str) -> Json:
        """Return a pseudo parameter; those of the stack itself may be given like parameters."""
        known = {
            "AWS::AccountId": self.account.id,
            "AWS::Region": self.region,
            "AWS::Partition": self.account.partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.account.partition == "aws-cn" else "amazonaws.com",
        }
        if name in known:
            return known[name]
        return self.given.get(name) or unresolved(_GIVE_IT.fill(name))

    def parameter(self, name: str) -> Json:
        """Return a parameter's value: as it was given, else its default."""
        declared = self.template.parameters[name].value
        declared = declared if isinstance(declared, Mapping) else {}
        kind, value = str(declared.get("Type", "String")), self.given.get(name)
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return unresolved(_FROM_SSM.fill(name))
        if value is None:
            value = declared.get("Default")
        if value is None:
            return unresolved(_NO_VALUE.fill(name))
        if isinstance(value, list | Mapping):
            return Unread(
                "Malformed",
                detail=Text(
                    f"The default of parameter {name} must be text.",
                    f"パラメーター {name} のデフォルト値は文字列でなければなりません。",
                ),
            )
        said = text(Part(value, Place(""))).value
        listed = kind == "CommaDelimitedList" or kind.startswith("List<")
        return [one.strip() for one in said.split(",")] if listed else said


@dataclass(slots=True)
class Reading:
    """One reading of a stack's values: with the names that its resources have for whom reads (`named`).

    `imported` gives what the other templates export by name, `None` when none does.
    """

    stack: Stack
    named: Mapping[str, str | Unread] = field(default_factory=dict)
    imported: Callable[[str], Part | None] = lambda _name: None
    names: dict[str, str | Unread | None] = field(default_factory=dict)

    @property
    def mappings(self) -> Written | None:
        """Return the template's mappings."""
        return self.stack.template.mappings

    def decide(self, condition: str) -> Verdict:
        """Return whether a named condition holds."""
        return self.stack.condition(condition)

    def export(self, name: str) -> Part | None:
        """Return what another template exports under a name."""
        return self.imported(name)

    def reference(self, name: str) -> Json:
        """Return what Ref gives of a parameter, a pseudo parameter or a resource."""
        if name.startswith("AWS::"):
            return self.stack.pseudo(name)
        if name in self.stack.template.parameters:
            return self.stack.parameter(name)
        return self.answer(name)

    def value_of(self, logical: str, name: str) -> Part | None:
        """Return a property of a resource by a path of names with dots; `None` when it is absent."""
        written = self.stack.template.resources[logical].get("Properties")
        if written is None or written.value is None:
            return None
        first, *rest = name.split(".")
        if any(key.startswith("Fn::") for key in written.value):
            return Part(
                Unread(
                    "Macro",
                    detail=Text("A transform makes these properties.", "これらのプロパティは Transform が生成します。"),
                ),
                written.place,
            )
        found = written.get(first)
        part = None if found is None else self.resolve(found)
        for step in rest:
            part = None if part is None else part.get(step)
        return part

    def given_name(self, logical: str) -> str | Unread | None:
        """Return the name that the template gives a resource; `None` when CloudFormation makes one up."""
        if logical in self.names:
            return self.names[logical]
        stack, place = self.stack, self.stack.template.resources[logical].place
        identity = IDENTITIES[stack.type_of(logical)]

        def make() -> Part:
            return Part(identity.naming(partial(self.value_of, logical), stack.stand_in(logical)), place)

        part = stack.once(f"name of {logical}", place, make)
        found: str | Unread | None = part.value if part is not None else None
        if isinstance(found, str) and len(found) > NAME_AT_MOST:
            found = Unread(
                "Malformed", detail=Text(f"The name of {logical} is too long.", f"{logical} の名前が長すぎます。")
            )
        self.names[logical] = found
        return found

    def name(self, logical: str) -> str | Unread:
        """Return a resource's name: as its reader knows it, as the template gives it, or what stands for it."""
        known = self.named.get(logical)
        if known is not None:
            return known
        given = self.given_name(logical)
        return given if isinstance(given, str) else self.stack.stand_in(logical)

    def answer(self, logical: str, attribute: str = "") -> str | Unread:
        """Return what Ref (or GetAtt of an attribute) answers of a resource."""
        stack = self.stack
        written = stack.template.resources.get(logical)
        if written is None:
            return Unread(
                "Malformed", detail=Text(f"The template has no {logical}.", f"テンプレートに {logical} がありません。")
            )
        if stack.exists(logical) is False:
            return Unread(
                "Malformed",
                detail=Text(
                    f"{logical} is not made, for its condition is false.",
                    f"{logical} は条件が false のため作成されません。",
                ),
            )
        identity = IDENTITIES.get(stack.type_of(logical))
        form = None if identity is None else identity.attributes.get(attribute) if attribute else identity.ref
        if form is None:
            what = f"{attribute} of {logical}" if attribute else f"The id of {logical}"
            return unresolved(_AFTER.fill(what, stack.type_of(logical)))
        name = self.name(logical)
        path = self._path(logical) if "{path}" in form else ""
        if isinstance(name, Unread) or isinstance(path, Unread):
            return name if isinstance(name, Unread) else path
        return filled(form, name, path, stack.account.id, stack.region, stack.account.partition)

    def _path(self, logical: str) -> str | Unread:
        known = self.named.get(f"{logical} path")
        part = self.value_of(logical, "Path")
        found = known if known is not None else "/" if part is None else text(part).value
        return found if isinstance(found, str | Unread) else "/"

    def resolve(self, written: Written) -> Part | None:
        """Return a written value with its references and functions resolved; `None` for AWS::NoValue."""
        value, place = written.value, written.place
        if isinstance(value, str):
            if DYNAMIC in value:
                return Part(unresolved(DYNAMIC_LATER), place)
            return Part(value, place)
        if isinstance(value, list):
            items = (self.resolve(one) for one in written.each())
            return Part([one for one in items if one is not None], place)
        if isinstance(value, Mapping):
            return self._mapping(written)
        if value is None:
            return Part(
                Unread(
                    "Malformed",
                    detail=Text(
                        f"{place}: CloudFormation takes no null.",
                        f"{place}: CloudFormation では null を指定できません。",
                    ),
                ),
                place,
            )
        return Part(value, place)

    def _mapping(self, written: Written) -> Part | None:
        name = next(iter(written.value), "") if len(written.value) == 1 else ""
        if name == "Ref" or name.startswith("Fn::"):
            inner = written.get(name)
            assert inner is not None
            return self._call(name, inner, written.place)
        if any(key.startswith("Fn::") for key in written.value):
            return Part(
                Unread(
                    "Macro",
                    detail=Text(
                        f"{written.place}: a function among other keys.",
                        f"{written.place}: 関数がほかのキーと並んでいます。",
                    ),
                ),
                written.place,
            )
        parts = {key: self.resolve(one) for key, one in written.items()}
        return Part({key: one for key, one in parts.items() if one is not None}, written.place)

    def _call(self, name: str, inner: Written, place: Place) -> Part | None:
        function = FUNCTIONS.get(name)
        if function is None:
            detail = Text(f"{place}: what {name} gives is not known here.", f"{place}: {name} の結果は分かりません。")
            return Part(Unread("Macro" if "Transform" in name else "NotEvaluated", detail=detail), place)
        found = function(self, inner, place)
        if isinstance(found, Part) or found is None:
            return found
        return Part(found, place) if isinstance(found, str | Unread) else lifted(found, place)
