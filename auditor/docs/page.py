"""One rule as a Markdown page: what it checks, why, a good and a bad example, the fix, the permissions it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.docs.words import block, bullets, code, heading, inline, prose, say, shown
from auditor.kinds import KINDS
from auditor.model import NODES, Json, Safety, Verdict
from auditor.predicates import PREDICATES
from auditor.render.words import severity_word
from auditor.rule import Among, AnyCheck, Case, Check, Rule
from auditor.rulebook import intent_words, words_read
from auditor.scope import steps


def page(rule: Rule, lang: str = "en") -> str:
    """Return a rule's page in `lang` (`en` or `ja`), beginning with its title and ending with a line break."""
    return shown("\n".join([f"# {heading(rule.title.say(lang))}", "", *body(rule, lang, 2)])) + "\n"


def brief(rule: Rule, lang: str = "en") -> str:
    """Return the beginning of a rule's page: its title, what it is about, and why; it ends with a line break."""
    why = _part("why", lang, 2, [prose(rule.why.say(lang))])
    return shown("\n".join([f"# {heading(rule.title.say(lang))}", "", _facts(rule, lang), *why])) + "\n"


def body(rule: Rule, lang: str, level: int) -> Iterator[str]:
    """Yield the lines of a rule's page below its title; its headings are of `level`."""
    yield _facts(rule, lang)
    yield from _part("checks", lang, level, _checks(rule, lang))
    yield from _part("why", lang, level, [prose(rule.why.say(lang))])
    for verdict, word in ((Verdict.PASS, "good"), (Verdict.FAIL, "bad")):
        case = next((case for case in rule.cases if case.expect is verdict), None)
        if case:
            # A case's name is a sentence of one language only.
            named = [f"{heading(case.name)}:", ""] if lang == "en" else []
            yield from _part(word, lang, level, [*named, block(_given(case))])
    yield from _part("fix", lang, level, _fix(rule, lang))
    if any(_told(rule)):
        yield from _part("parameters", lang, level, _parameters(rule, lang))
    yield from _part("permissions", lang, level, _permissions(rule, lang))
    if rule.references:
        yield from _part("references", lang, level, bullets(f"<{link}>" for link in rule.references))


def _part(word: str, lang: str, level: int, lines: Iterable[str]) -> Iterator[str]:
    yield from ("", f"{'#' * level} {say(word, lang)}", "")
    yield from lines


def _facts(rule: Rule, lang: str) -> str:
    facts = [
        code(rule.id),
        f"{say('severity', lang)}: **{severity_word(rule.severity, lang)}**",
        f"{say('subject', lang)}: {', '.join(code(node) for node in rule.subjects)}",
    ]
    if rule.tags:
        facts.append(f"{say('tags', lang)}: {', '.join(code(tag) for tag in rule.tags)}")
    if rule.pack:
        facts.append(f"{say('pack', lang)}: {code(rule.pack)}")
    return " · ".join(facts)


def _checks(rule: Rule, lang: str) -> Iterator[str]:
    if rule.when:
        yield from (say("when", lang), "", *_listed(rule.when, lang, 0, inside=False), "")
    yield from (say("holds", lang), "", *_listed(rule.checks, lang, 0, inside=False))


def _listed(checks: Iterable[AnyCheck], lang: str, depth: int, *, inside: bool) -> Iterator[str]:
    for check in checks:
        if isinstance(check, Check):
            yield from bullets([_said(check, lang, inside=inside)], depth)
        elif isinstance(check, Among):
            yield from bullets([say(check.quantifier, lang, route=code(check.route))], depth)
            yield from _listed(check.checks, lang, depth + 1, inside=True)
        else:
            yield from bullets([say(check.mode, lang)], depth)
            yield from _listed(check.checks, lang, depth + 1, inside=inside)


def _said(check: Check, lang: str, *, inside: bool) -> str:
    where = say("item" if inside else "itself", lang) if check.at == "." else code(check.at)
    absent = f" {say('absent', lang, value=code(inline(check.default)))}" if check.has_default else ""
    doc = PREDICATES[check.predicate].doc.say(lang)
    return f"{where} **{check.predicate}** {code(inline(check.wanted))}{absent}: {prose(doc)}"


def _given(case: Case) -> Json:
    return {node: facets for node, facets in case.given.items() if facets is not None} or {"": None}


def _fix(rule: Rule, lang: str) -> Iterator[str]:
    fix = rule.fix
    if fix is None:
        yield say("no_fix", lang)
        return
    yield say(fix.safety.value, lang)
    if fix.cost:
        yield from ("", f"**{say('cost', lang)}**: {prose(fix.cost.say(lang))}")
    if fix.edits:
        edits = [
            {"facet": edit.facet, **({"node": edit.node} if edit.node else {}), edit.action: edit.wanted}
            for edit in fix.edits
        ]
        yield from ("", block(edits))
    if fix.steps:
        yield from ("", f"**{say('steps', lang)}**: {prose(fix.steps.say(lang))}")


def _parameters(rule: Rule, lang: str) -> Iterator[str]:
    for name in _told(rule):
        schema = rule.parameters[name]
        about = schema.get("description", "")
        if isinstance(about, dict):
            about = about.get(lang, "")
        default = say("default", lang, value=code(inline(schema["default"]))) if "default" in schema else ""
        shape = {key: part for key, part in schema.items() if key not in {"description", "default"}}
        yield f"- `intent.{name}` {code(inline(shape))}" + "".join(
            f", {part}" for part in (default, prose(about)) if part
        )


def _told(rule: Rule) -> list[str]:
    """Return the words of `intent` that a rule declares, or that a pack sets for it."""
    return [word for word in rule.parameters if word in words_read(rule) or word not in intent_words()]


def _permissions(rule: Rule, lang: str) -> Iterator[str]:
    reading, writing = permissions(rule)
    if not reading:
        yield say("no_permissions", lang)
        return
    yield f"- {say('reading', lang)}: {', '.join(code(action) for action in reading)}"
    if writing:
        yield f"- {say('writing', lang)}: {', '.join(code(action) for action in writing)}"
    if more := considered(rule):
        yield f"- {say('considered', lang)}: {', '.join(code(action) for action in more)}"


def permissions(rule: Rule) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the IAM actions that judging a rule may need, and those that its fix needs besides; both sorted.

    What is only considered where it may be read is told by `considered`.
    """
    fixing = rule.fix is not None and rule.fix.safety is not Safety.MANUAL
    reading = {action for pair in _facets(rule, rule.needs) for action in _of(pair, written=False)}
    writing = {action for pair in _facets(rule, rule.fix_needs) for action in _of(pair, written=False)} - reading
    for edit in rule.fix.edits if rule.fix else ():
        route = f"{edit.node or 'subject'}.{edit.facet}"
        writing |= {action for pair in _facets(rule, [route]) for action in _of(pair, written=True)}
    return tuple(sorted(reading)), tuple(sorted(writing)) if fixing else ()


def considered(rule: Rule) -> tuple[str, ...]:
    """Return the IAM actions that read what a rule considers where it may be read, sorted."""
    rows = (KINDS[kind].facets[facet] for kind, facet in _facets(rule, rule.needs))
    return tuple(sorted({action for row in rows if row.intent for action in row.permissions}))


def _of(pair: tuple[str, str], *, written: bool) -> tuple[str, ...]:
    kind, facet = pair
    row = KINDS[kind].facets[facet]
    return row.write_permissions if written else () if row.intent else row.permissions


def _facets(rule: Rule, routes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the (kind, facet) pairs that routes lead into, for every kind that may stand at their node."""
    for route in routes:
        path = steps(route)
        if len(path) < 2:
            continue
        for node in rule.subjects if path[0] == "subject" else (str(path[0]),):
            for name in NODES.get(node, ()):
                kind = KINDS[name]
                facet = str(path[1])
                facet = str(steps(kind.aliases[facet])[0]) if facet in kind.aliases else facet
                if facet in kind.facets:
                    yield name, facet
