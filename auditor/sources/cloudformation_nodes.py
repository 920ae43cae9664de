"""Where a pipeline's nodes stand in templates: by logical id or by name, and what other resources add to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.kinds.cloudformation import ATTACHED, KIND_OF, SPELLINGS
from auditor.kinds.names import bare, function_of, wanted_name
from auditor.kinds.parts import text
from auditor.model import Account, Node, Text, Unread
from auditor.sources.cloudformation_names import IDENTITIES, generated
from auditor.sources.cloudformation_sam import INSTALL, SAM
from auditor.sources.cloudformation_template import Template
from auditor.sources.cloudformation_values import Reading, Stack
from auditor.sources.cloudformation_written import Written

ALIAS, KEY_ALIAS = "AWS::Lambda::Alias", "AWS::KMS::Alias"
_MANAGED = "AWS::IAM::ManagedPolicy"
# Their names tell as well which bus or database they belong to.
_IN_ANOTHER = frozenset({"events.rule", "glue.table"})
_FREE = "AWS::CloudWatch::Alarm"
"""A type that names no resource of a pipeline by a property: whoever reads it looks for itself."""
_NO_RESOURCE = Text("{} has no resource {}.{}", "{} にリソース {} がありません。{}")
_NONE_IN = Text("{} has no {} in account {}.{}{}", "{0} に、アカウント {2} の {1} がありません。{3}{4}")
_DECLARE = Text(
    " Declare which one it is with `cloudformation:`: {}.", "`cloudformation:` でどれかを宣言してください: {}。"
)
_LOOPS = Text(" What {} makes is not known.", "{} が生成するものは分かりません。")


@dataclass(slots=True)
class Site:
    """A template in one account and Region, with its resources by name and what they add to which."""

    stack: Stack
    base: Reading
    named: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    unnamed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    added: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    adrift: dict[str, list[tuple[str, Unread]]] = field(default_factory=lambda: defaultdict(list))
    free: list[str] = field(default_factory=list)
    managed: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    """Names of KMS aliases, and the key that each stands for as the template refers to it."""
    exported: dict[str, Written] | None = None
    outside: dict[str, list[str]] | None = None

    def added_outside(self, kind: str) -> list[str]:
        """Return the names that something adds to and that no resource of the template is known by."""
        if self.outside is None:
            self.outside = defaultdict(list)
            for sort, name in self.added:
                if (sort, name) not in self.named:
                    self.outside[sort].append(name)
        return self.outside.get(kind, [])

    def exports(self) -> Mapping[str, Written]:
        """Return the values of the template's outputs by the name of their export, where that is known."""
        if self.exported is None:
            self.exported = {}
            for output in self.template.outputs.values():
                name, value = (output.get("Export") or output).get("Name"), output.get("Value")
                said = self.base.resolve(name) if name is not None and value is not None else None
                if said is not None and value is not None and isinstance(said.value, str):
                    self.exported[said.value] = value
        return self.exported

    @property
    def template(self) -> Template:
        """Return the template."""
        return self.stack.template


def bare_site(stack: Stack) -> Site:
    """Return a stack whose resources are still to be indexed."""
    return Site(stack, Reading(stack))


def index(made: Site) -> None:
    """Index a stack's resources by name and by what they add to; those whose condition is false are not there."""
    stack = made.stack
    for logical in stack.template.resources:
        kind = stack.type_of(logical)
        if stack.exists(logical) is False:
            continue
        if kind in KIND_OF and kind != ALIAS:
            _index(made, logical, KIND_OF[kind])
        if kind in ATTACHED:
            _attach(made, logical, *ATTACHED[kind])
        if kind == _FREE:
            made.free.append(logical)
        if kind == _MANAGED:
            made.managed.append(logical)


def _index(made: Site, logical: str, kind: str) -> None:
    given = made.base.given_name(logical)
    # A name that nobody knows yet is looked up by what stands for it.
    name = given if isinstance(given, str) else made.stack.stand_in(logical)
    made.named[kind, name].append(logical)
    if not isinstance(given, str) or "(" in given:
        made.unnamed[kind].append(logical)


def _attach(made: Site, logical: str, kind: str, name: str) -> None:
    part = made.base.value_of(logical, name)
    for one in part.items() if part is not None and isinstance(part.value, list) else [part]:
        said = text(one).value if one is not None else None
        if isinstance(said, str):
            made.added[kind, bare(kind, said)].append(logical)
        elif isinstance(said, Unread):
            made.adrift[kind].append((logical, said))
    if made.stack.type_of(logical) == KEY_ALIAS and part is not None and isinstance(part.value, str):
        alias = made.base.given_name(logical)
        if isinstance(alias, str):
            made.aliases[alias] = bare(kind, part.value)


@dataclass(frozen=True, slots=True)
class Located:
    """A node's resource in a template: `name` is what AWS will call it, `stands_in` true when nobody knows that yet."""

    node: Node
    site: Site
    logical: str
    name: str
    stands_in: bool = False
    unresolved: bool = False
    """True when the template gives a name, which could not be resolved; else CloudFormation makes one up."""
    marked: bool = False
    """True when the name is told apart from that of the same resource in another stack."""

    @property
    def qualifier(self) -> str:
        """Return the alias or version of a function, empty for the function itself."""
        return function_of(self.name)[1] if self.node.kind == "lambda.function" else ""


def locate(node: Node, sites: tuple[Site, ...]) -> Located | Unread:
    """Return where a node stands among the templates of its account and Region, or why it is not found. Never guesses."""
    address = node.addresses.get("cloudformation")
    if address:
        return _by_address(node, address, sites)
    name = wanted_name(node)
    found = [(one, logical) for one in sites for logical in _by_name(node.kind, name, one)]
    if len(found) > 1:
        where = ", ".join(f"{logical} ({one.template.resources[logical].place})" for one, logical in found)
        return Unread(
            "Ambiguous",
            detail=Text(
                f"Several resources are named {name}: {where}.", f"{name} という名前のリソースが複数あります: {where}"
            ),
        )
    if not found:
        return _missing(node, name, sites)
    return _checked(node, *found[0])


def _by_name(kind: str, name: str, one: Site) -> list[str]:
    if kind == "kms.key" and name.startswith("alias/"):
        name = one.aliases.get(name, "")
    found = one.named.get((kind, name), []) if name else []
    return [logical for logical in found if "(" not in name or kind == "kms.key"]


def _by_address(node: Node, address: str, sites: tuple[Site, ...]) -> Located | Unread:
    types = SPELLINGS[node.kind].types
    holders = [one for one in sites if address in one.template.resources]
    right = [one for one in holders if one.stack.type_of(address) in types]
    if not holders:
        files = ", ".join(one.template.file for one in sites)
        return Unread("NotInTemplate", detail=_NO_RESOURCE.fill(files, address, _macros(sites)))
    if not right and holders[0].template.macro:
        return changed(holders[0].template, f"{address} at {holders[0].template.resources[address].place}")
    if not right:
        place, kind = holders[0].template.resources[address].place, holders[0].stack.type_of(address)
        return Unread(
            "NotInTemplate",
            detail=Text(
                f"{address} at {place} is {kind}, not {' or '.join(types)}.",
                f"{place} の {address} は {kind} です（期待: {'、'.join(types)}）。",
            ),
        )
    if len(right) > 1:
        right = [one for one in right if one.base.given_name(address) == wanted_name(node)] or right
    if len(right) > 1:
        files = ", ".join(one.template.file for one in right)
        return Unread(
            "Ambiguous",
            detail=Text(
                f"Several templates have a resource {address}: {files}.",
                f"リソース {address} が複数のテンプレートにあります: {files}",
            ),
        )
    return _checked(node, right[0], address)


def _checked(node: Node, one: Site, logical: str) -> Located | Unread:
    """Return the resource as located, unless its condition is undecided or it bears another name."""
    place = one.template.resources[logical].place
    exists = one.stack.exists(logical)
    if isinstance(exists, Unread):
        return exists
    if not exists:
        condition = one.template.resources[logical].value["Condition"]
        return Unread(
            "NotInTemplate",
            detail=Text(
                f"{logical} at {place} is not made: the condition {condition} is false.",
                f"{place} の {logical} は、条件 {condition} が false のため作成されません。",
            ),
        )
    if one.template.macro:
        return changed(one.template, f"{logical} at {place}")
    if one.stack.type_of(logical) == ALIAS:
        return _of_alias(node, one, logical)
    given, wanted = one.base.given_name(logical), wanted_name(node)
    suffix = f":{quality}" if (quality := _qualifier(node)) else ""
    if isinstance(given, str) and "(" not in given:
        if wanted and given != wanted and not _is_alias(node):
            detail = Text(
                f"{logical} at {place} is named {given}, not {wanted}: check the parameters given.",
                f"{place} の {logical} の名前は {wanted} ではなく {given} です。指定したパラメーターを確認してください。",
            )
            return Unread("NotInTemplate", detail=detail)
        return Located(node, one, logical, given + suffix)
    if wanted and not _is_alias(node):
        return Located(node, one, logical, wanted + suffix)
    if isinstance(given, Unread) and node.kind in _IN_ANOTHER:
        return given
    name = given if isinstance(given, str) else one.stack.stand_in(logical)
    return Located(node, one, logical, name + suffix, stands_in=True, unresolved=isinstance(given, Unread))


def changed(template: Template, what: str) -> Unread:
    """Say that a macro may make anything of a resource."""
    hint = f" {INSTALL}" if template.macro == SAM else ""
    said = f"The macro {template.macro} may change {what}.{hint}"
    return Unread("Macro", detail=Text(said, f"マクロ {template.macro} が {what} を変更する可能性があります。{hint}"))


def _of_alias(node: Node, one: Site, logical: str) -> Located | Unread:
    """Return the function behind an AWS::Lambda::Alias, qualified by the alias."""
    name = one.base.given_name(logical)
    if not isinstance(name, str):
        return name or Unread(
            "NotInTemplate", detail=Text(f"{logical} names no function.", f"{logical} に関数の指定がありません。")
        )
    function, qualifier = function_of(name)
    found = one.named.get(("lambda.function", function), [])
    if len(found) != 1:
        return Unread(
            "NotInTemplate",
            detail=Text(
                f"The function {function} of alias {logical} is not in the template.",
                f"エイリアス {logical} の関数 {function} はテンプレートにありません。",
            ),
        )
    settings = {**node.settings, "qualifier": qualifier}
    plain = replace(node, id=function_of(node.id)[0] if node.id else "", settings=settings)
    located = _checked(plain, one, found[0])
    return located if isinstance(located, Unread) else replace(located, node=node)


def _qualifier(node: Node) -> str:
    if node.kind != "lambda.function":
        return ""
    return (function_of(node.id)[1] if node.id else "") or node.settings.get("qualifier", "")


def _is_alias(node: Node) -> bool:
    """Tell whether a node is a key that is declared by an alias, which is no name of the key."""
    return node.kind == "kms.key" and wanted_name(node).startswith("alias/")


def _missing(node: Node, name: str, sites: tuple[Site, ...]) -> Unread:
    files = ", ".join(dict.fromkeys(one.template.file for one in sites)) or "the template"
    near = [
        f"{logical} ({one.template.resources[logical].place})" for one in sites for logical in one.unnamed[node.kind]
    ]
    hint = _DECLARE.fill(", ".join(near[:5])) if near else Text("", "")
    what = f"{' or '.join(SPELLINGS[node.kind].types)} named {name}"
    return Unread("NotInTemplate", detail=_NONE_IN.fill(files, what, node.account.name, hint, _macros(sites)))


def _macros(sites: tuple[Site, ...]) -> Text:
    loops = [loop for one in sites for loop in (*one.template.loops, *filter(None, [one.template.macro]))]
    return _LOOPS.fill(", ".join(loops)) if loops else Text("", "")


def doubtful(node: Node, sites: tuple[Site, ...], taken: set[tuple[int, str]]) -> Iterator[tuple[Site, str, Unread]]:
    """Yield the resources that may be a node which was not found: nobody may say that they are, or that they are not."""
    name = wanted_name(node)
    for one in sites:
        for logical in one.unnamed[node.kind] if name else ():
            if (id(one), logical) not in taken and may_be(one, logical, node.kind, name):
                place = one.template.resources[logical].place
                detail = f"{logical} at {place} may be {name}: if so, declare it with `cloudformation: {logical}`."
                yield one, logical, Unread("Unresolved", detail=detail)


def may_be(one: Site, logical: str, kind: str, name: str) -> bool:
    """Tell whether a resource whose name nobody knows yet may turn out to have this one."""
    if isinstance(one.base.given_name(logical), Unread) or kind == "kms.key":
        return True
    return generated(name.rpartition("/")[2], logical, lower=IDENTITIES[one.stack.type_of(logical)].lower)


def given_parameters(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that a template declares, and those of the stack itself."""
    return {name: value for name, value in given.items() if name in template.parameters or name.startswith("AWS::")}


def stack_of(template: Template, account: Account, region: str, given: Mapping[str, str], mark: str) -> Stack:
    """Return a template as a stack of an account and Region."""
    return Stack(template, account, region, given_parameters(template, given), mark)
