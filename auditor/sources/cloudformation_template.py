"""A CloudFormation template as a file: YAML with short tags, JSON, or what `cdk synth` writes; checked and placed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import Document, did_you_mean, load_json, parse_json, parse_yaml, read_text, shown
from auditor.model import EMPTY, Json
from auditor.sources.cloudformation_loops import unrolled
from auditor.sources.cloudformation_sam import SAM, expanded, is_serverless
from auditor.sources.cloudformation_written import Written

TEMPLATE_BYTES = 64_000_000
# Transforms that leave all resources as they are written, or add functions that are read here.
_HARMLESS = frozenset(
    {SAM, "AWS::LanguageExtensions", "AWS::CodeDeployBlueGreen", "AWS::SecretsManager-2020-07-23"}
    | {"AWS::SecretsManager-2024-09-16", "AWS::ServiceCatalog"}
)
_TAG = re.compile(r"!([A-Za-z][A-Za-z0-9:]*)")
_SECTIONS = ("Parameters", "Mappings", "Conditions", "Resources")


@dataclass(frozen=True, slots=True)
class Template:
    """A template's sections by name, what a macro hides, and the parameters that were given for it."""

    file: str
    parameters: Mapping[str, Written]
    mappings: Written | None
    conditions: Mapping[str, Written]
    resources: Mapping[str, Written]
    outputs: Mapping[str, Written]
    macro: str = ""
    """The name of a macro that may change everything; empty when there is none."""
    loops: tuple[str, ...] = ()
    """The keys of `Fn::ForEach` and `Fn::Transform` among the resources: what they make is not known."""


def load(path: Path, given: Mapping[str, str] = EMPTY, region: str = "us-east-1") -> Template:
    """Return a template of at most 64 MB, expanded if it is one of AWS SAM. Raises `SourceError` with all mistakes."""
    try:
        document = parse(read_text(path, limit=TEMPLATE_BYTES), str(path))
    except InputError as error:
        raise SourceError(error.mistakes) from None
    if not is_serverless(document.value):
        return template(document, given=given)
    made = expanded(document, given, region)
    return template(document if made is None else made, "" if made is not None else SAM, given)


def parse(source: str, file: str) -> Document:
    """Return a template's text as a document, its short tags spelled out. Raises `InputError`."""
    if source.lstrip("\ufeff \t\r\n")[:1] == "{":
        return parse_json(source, file)
    words = {*_TAG.findall(source)}
    return parse_yaml(source, file, tags={f"!{word}": _tag(word) for word in words}, any_keys=True)


def _tag(word: str) -> Callable[[Json], Json]:
    if word in {"Ref", "Condition"}:
        return partial(_function, word)
    return _attribute if word == "GetAtt" else partial(_function, f"Fn::{word}")


def _function(name: str, value: Json) -> Json:
    return {name: value}


def _attribute(value: Json) -> Json:
    """Spell `!GetAtt A.B.C` out: the logical id is what stands before the first dot."""
    if isinstance(value, str):
        logical, _, attribute = value.partition(".")
        value = [logical, attribute]
    return {"Fn::GetAtt": value}


def template(document: Document, macro: str = "", given: Mapping[str, str] = EMPTY) -> Template:
    """Return a document as a template; `macro` is one that was not carried out, `given` are values of parameters.

    Raises `SourceError` when it is none.
    """
    whole = Written(document.value, document.spot, document.file)
    if not isinstance(whole.value, Mapping) or not isinstance(whole.value.get("Resources"), Mapping):
        raise SourceError([_foreign(whole)])
    mistakes = [
        Mistake(part.place, f"`{name}` must be a mapping.")
        for name in _SECTIONS
        if (part := whole.get(name)) is not None and not isinstance(part.value, Mapping)
    ]
    sections = {name: dict(part.items()) if (part := whole.get(name)) else {} for name in (*_SECTIONS, "Outputs")}
    for name in ("Resources", "Conditions", "Outputs"):
        sections[name] = unrolled(sections[name], partial(_listed, sections["Parameters"], given))
    loops = tuple(name for name in sections["Resources"] if name.startswith("Fn::"))
    resources = {name: one for name, one in sections["Resources"].items() if name not in loops}
    mistakes += [mistake for name, one in resources.items() for mistake in _resource_mistakes(name, one)]
    if mistakes:
        raise SourceError(mistakes)
    return Template(
        document.file,
        sections["Parameters"],
        whole.get("Mappings"),
        sections["Conditions"],
        resources,
        sections["Outputs"],
        macro or _macro(whole.get("Transform")),
        loops,
    )


def _listed(parameters: Mapping[str, Written], given: Mapping[str, str], name: str) -> list[str] | None:
    """Return the values of a list parameter, `None` when nobody gave any."""
    declared = parameters[name].value if name in parameters else None
    kind = str(declared.get("Type", "")) if isinstance(declared, Mapping) else ""
    said = given.get(name, declared.get("Default") if isinstance(declared, Mapping) else None)
    if not (kind == "CommaDelimitedList" or kind.startswith("List<")) or not isinstance(said, str):
        return None
    return [one.strip() for one in said.split(",")]


def _foreign(whole: Written) -> Mistake:
    place = Place(whole.file, 1)
    if isinstance(whole.value, Mapping) and "Resources" in whole.value:
        found = whole.get("Resources")
        return Mistake(found.place if found else place, "`Resources` must be a mapping.")
    if isinstance(whole.value, Mapping) and {"planned_values", "resource_changes"} & set(whole.value):
        return Mistake(place, "This is a Terraform plan.", "Name it as `terraform:FILE`.")
    if isinstance(whole.value, Mapping) and "artifacts" in whole.value:
        return Mistake(place, "This is the manifest of a CDK app.", "Name a `*.template.json` beside it.")
    hint = did_you_mean("Resources", whole.value).strip() if isinstance(whole.value, Mapping) and whole.value else ""
    found_near = hint if hint.startswith("Did") else "Name a CloudFormation template."
    return Mistake(place, "This is no CloudFormation template: it has no `Resources`.", found_near)


def _resource_mistakes(name: str, one: Written) -> Iterator[Mistake]:
    if not isinstance(one.value, Mapping):
        yield Mistake(one.place, f"The resource {shown(name)} must be a mapping with `Type` and `Properties`.")
    elif not isinstance(one.value.get("Type"), str):
        yield Mistake(one.place, f"The resource {shown(name)} has no `Type`.")
    elif not isinstance(one.value.get("Properties") or {}, Mapping):
        part = one.get("Properties")
        yield Mistake(part.place if part else one.place, f"The `Properties` of {shown(name)} must be a mapping.")
    elif not isinstance(one.value.get("Condition", ""), str):
        part = one.get("Condition")
        yield Mistake(part.place if part else one.place, f"The `Condition` of {shown(name)} must be the name of one.")


def _macro(transform: Written | None) -> str:
    """Return the first transform that may change the template into anything; empty when there is none."""
    for one in transform.each() if transform is not None else ():
        if not isinstance(one.value, str):
            return "AWS::Include" if isinstance(one.value, Mapping) else "a macro"
        if one.value not in _HARMLESS:
            return one.value
    return ""


def parameter_file(path: Path) -> dict[str, str]:
    """Return the parameters of a file: a list of ParameterKey and ParameterValue, `{"Parameters": …}`, or plain pairs.

    Raises `SourceError`.
    """
    try:
        document = load_json(path)
    except InputError as error:
        raise SourceError(error.mistakes) from None
    pairs: dict[str, str] = {}
    mistakes = []
    for name, value, place in _pairs(Written(document.value, document.spot, document.file)):
        if isinstance(value, bool | int | float | str) and isinstance(name, str) and name:
            pairs[name] = str(value).lower() if isinstance(value, bool) else str(value)
        elif isinstance(value, list) and all(isinstance(one, str | int) for one in value):
            pairs[str(name)] = ",".join(map(str, value))
        else:
            mistakes.append(
                Mistake(place, "A parameter needs a name and a text.", "Write `ParameterKey` and `ParameterValue`.")
            )
    if mistakes:
        raise SourceError(mistakes)
    return pairs


def _pairs(whole: Written) -> Iterator[tuple[Json, Json, Place]]:
    inner = whole.get("Parameters")
    if inner is not None and isinstance(inner.value, Mapping | list):
        whole = inner
    if isinstance(whole.value, Mapping):
        for name, one in whole.items():
            yield name, one.value, one.place
        return
    for one in whole.each():
        if isinstance(one.value, str) and "=" in one.value:
            name, _, value = one.value.partition("=")
            yield name, value, one.place
        elif isinstance(one.value, Mapping) and one.value.get("UsePreviousValue") is not True:
            yield one.value.get("ParameterKey"), one.value.get("ParameterValue"), one.place
        elif not isinstance(one.value, Mapping):
            yield None, None, one.place
