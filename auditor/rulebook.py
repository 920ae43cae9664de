"""Load rule files and vet them offline: schema, predicates and their parameters, routes, enum literals, texts, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.edits import EDITS
from auditor.errors import InputError, Mistake, Place, RuleError
from auditor.files import Document, did_you_mean, load_json, load_yaml, schema_mistakes, shipped
from auditor.kinds import KINDS
from auditor.model import EMPTY, NODES, Json, Pipeline, Safety, Severity, Text, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Among, AnyCheck, Case, Check, Combined, Edit, Fix, Rule
from auditor.scope import holes, steps

if TYPE_CHECKING:
    from importlib.abc import Traversable

_AT, _DEFAULT, _IN = "at", "default", "in"
_QUANTIFIERS, _MODES = ("some", "every"), ("any", "all", "not")
_HEADS = ("intent", "subject")


def load(folders: Iterable[Path] = (), *, vet: bool = True, with_shipped: bool = True) -> tuple[Rule, ...]:
    """Return the shipped rules and those below `folders`, ordered by id.

    With `vet` every route, literal and parameter is checked against AWS's service model. Raises `RuleError` with all
    mistakes of all files.
    """
    mistakes: list[Mistake] = []
    rules: list[Rule] = []
    roots: list[tuple[Traversable | Path, bool]] = [(shipped("rules"), vet)] if with_shipped else []
    for root, thorough in [*roots, *((folder, True) for folder in folders)]:
        for file in _files(root, mistakes):
            try:
                rules.append(read(load_yaml(file), vet=thorough))
            except InputError as error:
                mistakes.extend(error.mistakes)
    mistakes.extend(_twice(rules))
    if mistakes:
        raise RuleError(mistakes)
    return tuple(sorted(rules, key=lambda rule: rule.id))


def read(document: Document, *, vet: bool = True) -> Rule:
    """Return the rule of one document; raises `RuleError` with all its mistakes."""
    if vet:
        mistakes = schema_mistakes(document, load_json(shipped("rules") / "schema" / "rule.json").value)
        if mistakes:
            raise RuleError(mistakes)
    reader = _Reader(document)
    rule = reader.rule()
    mistakes = reader.mistakes + (list(_vet(rule, document)) if vet and not reader.mistakes else [])
    if mistakes:
        raise RuleError(mistakes)
    return rule


def selected(
    rules: Iterable[Rule], select: Iterable[str] = (), skip: Iterable[str] = (), min_severity: Severity = Severity.INFO
) -> tuple[Rule, ...]:
    """Return the rules that an id, tag, pack or severity in `select` names (all when empty) and none in `skip` does.

    Raises `RuleError` with "did you mean" for a word that names nothing.
    """
    everything = tuple(rules)
    words = {word for rule in everything for word in _names(rule)}
    wrong = [word for word in (*select, *skip) if word not in words]
    if wrong:
        raise RuleError(
            Mistake(
                Place("--select/--skip"),
                f"`{word}` is no rule id, tag, pack or severity.",
                did_you_mean(word, words).strip(),
            )
            for word in wrong
        )
    wanted, unwanted = set(select), set(skip)
    return tuple(
        rule
        for rule in everything
        if (not wanted or wanted & _names(rule))
        and not unwanted & _names(rule)
        and rule.severity.rank >= min_severity.rank
    )


def wanted_facets(rules: Iterable[Rule], pipeline: Pipeline, *, to_fix: bool = False) -> frozenset[tuple[str, str]]:
    """Return the (node, facet) pairs of a pipeline that the rules read, and with `to_fix` those that their edits need."""
    wanted = set()
    for rule in rules:
        for subject in rule.subjects:
            if subject not in pipeline.nodes or any(node not in pipeline.nodes for node in rule.required):
                continue
            routes = rule.needs + (rule.fix_needs if to_fix else ())
            wanted |= {pair for route in routes for pair in _facet_of(route, subject, pipeline)}
    return frozenset(wanted)


def _facet_of(route: str, subject: str, pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    path = steps(route)
    node = subject if path and path[0] == "subject" else str(path[0]) if path else ""
    declared = pipeline.nodes.get(node)
    if declared is None or len(path) < 2:
        return
    kind = KINDS[declared.kind]
    name = str(path[1])
    name = str(steps(kind.aliases[name])[0]) if name in kind.aliases else name
    if name in kind.facets:
        yield node, name


def _names(rule: Rule) -> set[str]:
    return {rule.id, *rule.tags, rule.severity.value, *({rule.pack} if rule.pack else ())}


def _files(root: Traversable | Path, mistakes: list[Mistake]) -> Iterator[Any]:
    if not root.is_dir():
        mistakes.append(Mistake(Place(str(root)), "There is no such folder of rules.", "Give a folder that exists."))
        return
    for entry in sorted(root.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name not in {"schema", "templates", "__pycache__"} and not entry.name.startswith("."):
                yield from _files(entry, mistakes)
        elif entry.name.endswith((".yaml", ".yml")) and entry.name != "pack.yaml":
            yield entry


def _twice(rules: Iterable[Rule]) -> Iterator[Mistake]:
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.id, rule)
        if other is not rule:
            yield Mistake(
                rule.place, f"The id `{rule.id}` is taken by {other.place.file}.", "Give this rule an id of its own."
            )


@dataclass(slots=True)
class _Reader:
    """Turns one document into a `Rule`, gathering mistakes on the way."""

    document: Document
    mistakes: list[Mistake]

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mistakes = []

    def rule(self) -> Rule:
        raw = self.document.value
        subject = raw["subject"]
        subjects = tuple(subject) if isinstance(subject, list) else (subject,)
        checks = self.checks(raw.get("check", ()), ("check",))
        when = self.checks(raw.get("when", ()), ("when",))
        fix = self.fix(raw.get("fix"))
        for index, node in enumerate(subjects):
            if node not in NODES:
                path = ("subject", index) if isinstance(subject, list) else ("subject",)
                self.mistake(path, f"There is no node `{node}`.", did_you_mean(node, NODES))
        rule = Rule(
            id=raw["id"],
            title=_text(raw["title"]),
            severity=Severity(raw["severity"]),
            subjects=subjects,
            tags=tuple(raw.get("tags", ())),
            why=_text(raw["why"]),
            checks=checks,
            place=self.document.place_of(()),
            when=when,
            fix=fix,
            references=tuple(raw.get("references", ())),
            cases=tuple(self.case(case, index) for index, case in enumerate(raw.get("tests", ()))),
            parameters=raw.get("parameters", EMPTY),
        )
        return _derive(rule)

    def checks(self, raw: Json, path: tuple[str | int, ...]) -> tuple[AnyCheck, ...]:
        listed = raw if isinstance(raw, list | tuple) else [raw]
        made = (
            self.check(item, (*path, index) if isinstance(raw, list) else path) for index, item in enumerate(listed)
        )
        return tuple(check for check in made if check is not None)

    def check(self, raw: Json, path: tuple[str | int, ...]) -> AnyCheck | None:
        place = self.document.place_of(path)
        if not isinstance(raw, Mapping):
            self.mistake(path, "A check is a mapping such as `{at: Versioning.Status, equals: Enabled}`.")
            return None
        mode = next((word for word in _MODES if word in raw), None)
        if mode and len(raw) == 1:
            return Combined(mode, self.checks(raw[mode], (*path, mode)), place)
        if _IN in raw:
            return self.among(raw, path, place)
        words = [key for key in raw if key not in {_AT, _DEFAULT}]
        if len(words) != 1:
            said = ", ".join(f"`{word}`" for word in words) or "none"
            self.mistake(
                path, f"A check has exactly one predicate; this one has {said}.", f"Known: {', '.join(PREDICATES)}."
            )
            return None
        (word,) = words
        if word not in PREDICATES:
            self.mistake((*path, word), f"There is no predicate `{word}`.", did_you_mean(word, PREDICATES))
            return None
        return Check(str(raw.get(_AT, ".")), word, raw[word], place, raw.get(_DEFAULT), _DEFAULT in raw)

    def among(self, raw: Mapping[str, Json], path: tuple[str | int, ...], place: Place) -> AnyCheck | None:
        quantifiers = [word for word in _QUANTIFIERS if word in raw]
        if len(quantifiers) != 1 or len(raw) != 2:
            self.mistake(path, "`in:` goes with exactly one of `some` and `every`, and nothing else.")
            return None
        (word,) = quantifiers
        return Among(str(raw[_IN]), word, self.checks(raw[word], (*path, word)), place)

    def fix(self, raw: Json) -> Fix | None:
        if raw is None:
            return None
        edits = [self.edit(item, ("fix", "edits", index)) for index, item in enumerate(raw.get("edits", ()))]
        return Fix(
            Safety(raw["safety"]),
            tuple(edit for edit in edits if edit is not None),
            _text(raw["cost"]) if "cost" in raw else None,
            _text(raw["steps"]) if "steps" in raw else None,
        )

    def edit(self, raw: Mapping[str, Json], path: tuple[str | int, ...]) -> Edit | None:
        words = [key for key in raw if key not in {"facet", "node"}]
        if "facet" not in raw or len(words) != 1:
            self.mistake(path, "An edit names a `facet` and exactly one action.", f"Known: {', '.join(EDITS)}.")
            return None
        (word,) = words
        if word not in EDITS:
            self.mistake((*path, word), f"There is no edit `{word}`.", did_you_mean(word, EDITS))
            return None
        return Edit(raw["facet"], word, raw[word], self.document.place_of(path), raw.get("node", ""))

    def case(self, raw: Mapping[str, Json], index: int) -> Case:
        return Case(
            name=raw["name"],
            given=raw.get("given", EMPTY),
            expect=Verdict(raw["expect"]),
            place=self.document.place_of(("tests", index)),
            says=raw.get("says", ""),
            after=raw.get("after"),
            node=raw.get("node", ""),
        )

    def mistake(self, path: tuple[str | int, ...], sentence: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.document.place_of(path), sentence, hint.strip()))


def _text(raw: Json) -> Text:
    return Text(raw["en"].strip(), raw["ja"].strip())


def each_check(checks: Iterable[AnyCheck]) -> Iterator[tuple[Check | Among, str]]:
    """Yield every simple check and every `in:` with the route of the list it stands in (empty at the top)."""
    yield from _each(checks, "")


def _each(checks: Iterable[AnyCheck], inside: str) -> Iterator[tuple[Check | Among, str]]:
    for check in checks:
        if isinstance(check, Check):
            yield check, inside
        elif isinstance(check, Among):
            yield check, inside
            yield from _each(check.checks, absolute(check.route, inside) + "[0]")
        else:
            yield from _each(check.checks, inside)


def absolute(route: str, inside: str = "") -> str:
    """Return a route that begins with a node, `intent` or `subject`."""
    path = steps(route)
    if path and (path[0] in NODES or path[0] in _HEADS):
        return route
    start = inside or "subject"
    return start if not path else f"{start}.{route}"


def _derive(rule: Rule) -> Rule:
    reads = [route for check, inside in each_check(rule.checks) for route in _reads(check, inside)]
    conditions = [route for check, inside in each_check(rule.when) for route in _reads(check, inside)]
    edits = rule.fix.edits if rule.fix else ()
    mends = [f"{edit.node or 'subject'}.{edit.facet}" for edit in edits]
    mends += [hole for edit in edits for hole in holes(edit.wanted)]
    mends += [
        route
        for edit in edits
        for route in EDITS[edit.action].needs(edit.wanted, f"{edit.node or 'subject'}.{edit.facet}")
    ]
    needs = dict.fromkeys(route.removeprefix("?") for route in (*reads, *conditions))
    named = {str(steps(route)[0]) for route in reads if not route.startswith("?")}
    return replace(
        rule,
        required=frozenset(named & set(NODES)),
        needs=tuple(needs),
        fix_needs=tuple(dict.fromkeys(route.removeprefix("?") for route in mends)),
    )


def _reads(check: Check | Among, inside: str) -> Iterator[str]:
    if isinstance(check, Among):
        yield absolute(check.route, inside)
        return
    at = absolute(check.at, inside)
    yield at
    yield from holes(check.wanted)
    yield from holes(check.default)
    for route in PREDICATES[check.predicate].needs(check.wanted, at):
        yield "?" + absolute(route[1:]) if route.startswith("?") else absolute(route)


def _vet(rule: Rule, document: Document) -> Iterator[Mistake]:
    name = document.file.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if name != rule.id:
        yield Mistake(
            document.place_of(("id",)),
            f"The id `{rule.id}` is not the file's name.",
            f"Call one like the other: `{name}`.",
        )
    for check, inside in (*each_check(rule.checks), *each_check(rule.when)):
        yield from _vet_check(rule, check, inside)
    for edit in rule.fix.edits if rule.fix else ():
        yield from _parameter_mistakes(edit.wanted, EDITS[edit.action].schema, edit.action, edit.place)
        kinds = [kind for node in _nodes(edit.node or "subject", rule) for kind in NODES[node]]
        if not any(edit.facet in KINDS[kind].facets for kind in kinds):
            known = {facet for kind in kinds for facet in KINDS[kind].facets}
            yield Mistake(
                edit.place, f"There is no facet `{edit.facet}` to edit.", did_you_mean(edit.facet, known).strip()
            )
    yield from _vet_completeness(rule, document)


def _vet_completeness(rule: Rule, document: Document) -> Iterator[Mistake]:
    if rule.fix and rule.fix.safety is not Safety.MANUAL and not rule.fix.edits:
        yield Mistake(
            document.place_of(("fix",)), "A fix that is not manual needs `edits`.", "Add them, or say `safety: manual`."
        )
    if rule.fix and rule.fix.safety is Safety.MANUAL and (rule.fix.edits or not rule.fix.steps):
        yield Mistake(document.place_of(("fix",)), "A manual fix has `steps` in words and no `edits`.")
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN):
        if not any(case.expect is verdict for case in rule.cases):
            yield Mistake(
                document.place_of(("tests",)), f"No test expects {verdict.value}.", "Add at least one case for it."
            )


def _vet_check(rule: Rule, check: Check | Among, inside: str) -> Iterator[Mistake]:
    route = absolute(check.route if isinstance(check, Among) else check.at, inside)
    literal = _literals(check) if isinstance(check, Check) else ()
    yield from _route_mistakes(rule, route, check.place, literal)
    if isinstance(check, Check):
        yield from _parameter_mistakes(check.wanted, PREDICATES[check.predicate].schema, check.predicate, check.place)
        for hole in (*holes(check.wanted), *holes(check.default)):
            yield from _route_mistakes(rule, absolute(hole), check.place, ())


def _literals(check: Check) -> tuple[str, ...]:
    if check.predicate not in {"equals", "one_of"}:
        return ()
    values = check.wanted if isinstance(check.wanted, list) else [check.wanted]
    return tuple(value for value in values if isinstance(value, str) and "${" not in value)


def _nodes(head: str, rule: Rule) -> tuple[str, ...]:
    return rule.subjects if head == "subject" else (head,)


def _route_mistakes(rule: Rule, route: str, place: Place, literals: tuple[str, ...]) -> Iterator[Mistake]:
    from auditor.kinds import shapes

    head, _, rest = route.partition(".")
    if head == "intent" or not rest:
        return
    problems: list[str] = []
    for kind in (kind for node in _nodes(head, rule) for kind in NODES.get(node, ())):
        problem = shapes.route_problem(kind, rest)
        if problem is None:
            known = shapes.enum_values(kind, rest)
            for value in literals:
                if known and value not in known:
                    yield Mistake(place, f"`{value}` is no value of {rest}.", did_you_mean(value, known).strip())
            return
        problems.append(problem)
    yield Mistake(
        place,
        problems[0] if problems else f"There is no node `{head}`.",
        "" if problems else did_you_mean(head, NODES).strip(),
    )


def _parameter_mistakes(wanted: Json, schema: Json, word: str, place: Place) -> Iterator[Mistake]:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema).iter_errors(wanted):
        if isinstance(error.instance, str) and "${" in error.instance:
            continue
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        yield Mistake(place, f"The parameter of `{word}`{where and f' at {where}'} is wrong: {_plain(error)}.")


def _plain(error: Any) -> str:
    wanted = {
        "type": lambda: f"it must be {_or(error.validator_value)}",
        "required": lambda: (
            f"it needs {', '.join(f'`{key}`' for key in error.validator_value if key not in error.instance)}"
        ),
        "additionalProperties": lambda: (
            f"it may have only {', '.join(f'`{key}`' for key in error.schema.get('properties', {}))}"
        ),
        "enum": lambda: f"it must be one of {', '.join(map(str, error.validator_value))}",
        "const": lambda: f"it must be {error.validator_value}",
        "minItems": lambda: "it may not be empty",
    }
    say: Callable[[], str] | None = wanted.get(error.validator)
    return say() if say else str(error.message)


def _or(types: Any) -> str:
    names = {"string": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}
    names |= {"array": "a list", "object": "a mapping", "null": "null"}
    return " or ".join(names.get(str(one), str(one)) for one in (types if isinstance(types, list) else [types]))
