"""Routes into what was read, `${node.route}` placeholders, and the shape of a predicate."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from auditor.errors import Place
from auditor.model import EMPTY, NODES, Evidence, Json, Resource, Snapshot, Text, Unread

T = TypeVar("T")

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_WITHOUT_HOLES = frozenset({bool, int, float})
_WITHOUT_PARTS = frozenset({bool, int, float, str, type(None)})
_HOLE = re.compile(r"\$\{([a-z_]+(?:\.[^${}]+)?)\}")

_NO_VALUE = Text("{} has no value", "{} に値がありません")
_NOT_ASKED = Text("{} was not read", "{} は読み取られていません")
ONLY_LIVE = "OnlyLive"
"""The reason of what no plan or template can tell, because it happens only at run time (exports made, metrics)."""

ONLY_PLAN = "OnlyPlan"
"""The reason of what only a plan can tell: what it is about to change."""


REASONS: Mapping[str, Text] = MappingProxyType(
    {
        "Ambiguous": Text("more than one fits", "候補が複数あります"),
        "Circular": Text("it depends on itself", "循環参照になっています"),
        "Conditional": Text("it hangs on an undecided condition", "条件が決まらないと分かりません"),
        "Deleted": Text("the plan deletes it", "プランで削除されます"),
        "ExpiredToken": Text("the credentials have expired", "認証情報の有効期限が切れています"),
        "IncompletePlan": Text("the plan is incomplete", "プランが不完全です"),
        "Interrupted": Text("the run was interrupted", "実行が中断されました"),
        "InvalidParameters": Text("AWS has no such call", "該当する API がありません"),
        "KnownAfterApply": Text("known after apply", "apply するまで確定しません"),
        "Macro": Text("a macro makes it", "マクロで生成されます"),
        "Malformed": Text("it makes no sense", "内容を解釈できません"),
        "NoCredentials": Text("no credentials", "認証情報がありません"),
        "NoRegion": Text("no such Region", "リージョンが存在しません"),
        "NotApplicable": Text("it does not apply here", "ここでは対象外です"),
        "NotDeclared": Text("not declared in the pipeline", "パイプラインに宣言されていません"),
        "NotEvaluated": Text("it cannot be evaluated", "評価できません"),
        "NotInPlan": Text("not in the plan", "Terraform のプランにありません"),
        "NotInSnapshot": Text("not in the snapshot", "スナップショットにありません"),
        "NotInTemplate": Text("not in the template", "テンプレートにありません"),
        "NotMapped": Text("this version does not know it", "このバージョンでは未対応です"),
        "NotRead": Text("it was not asked for", "読み取り対象に含まれていません"),
        "NotTold": Text("AWS does not tell", "AWS の応答に含まれていません"),
        "OnlyInTheEvent": Text("only the event itself tells", "イベントの中身にしか現れません"),
        "OnlyLive": Text("known at run time only", "実行時にしか分かりません"),
        "OnlyPlan": Text("only a plan tells", "プランにしか現れません"),
        "PluginFailed": Text("a plugin failed", "プラグインでエラーが発生しました"),
        "Sensitive": Text("marked as sensitive", "sensitive 指定のため参照しません"),
        "SeveralWriters": Text("several places set it", "複数の箇所で設定されています"),
        "Timeout": Text("no answer in time", "時間内に応答がありませんでした"),
        "TooMany": Text("too much to read", "件数が多すぎます"),
        "Unknowable": Text("nobody can tell beforehand", "事前には判断できません"),
        "Unreachable": Text("AWS cannot be reached", "AWS に接続できません"),
        "Unresolved": Text("it cannot be resolved", "値を解決できません"),
        "WorkerLost": Text("the worker that read it was lost", "読み取り中のワーカーが失われました"),
        "WrongAccount": Text("the credentials are another account's", "別アカウントの認証情報です"),
    }
)
"""What auditor's own reasons for not knowing mean; AWS's error codes are their own words in every language."""


def reason_text(reason: str) -> Text:
    """Return why something is not known in words: auditor's own reasons in both languages, AWS's codes as they are."""
    return REASONS.get(reason) or Text(reason, reason)


class NotRead(Exception):
    """A value that a predicate needs is unread; the engine turns it into an unknown objection."""

    def __init__(self, route: str, unread: Unread) -> None:
        super().__init__(route)
        self.route = route
        self.unread = unread


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a concrete route: a JSON value, `None` when absent, an `Unread`, or a whole `Resource`."""

    value: Json
    route: str

    @property
    def unread(self) -> Unread | None:
        """Return why the value is not known, or `None` when it is."""
        return self.value if isinstance(self.value, Unread) else None


@lru_cache(maxsize=8192)
def steps(route: str) -> tuple[str | int, ...]:
    """Return the names and indices of a route: `A.B[0]` gives `("A", "B", 0)`; `.` gives none."""
    return tuple(name or int(index) for name, index in _STEP.findall(route))


def walk(value: Json, path: Iterable[str | int]) -> Json:
    """Follow steps into a document: an absent step gives `None`, an unread one its `Unread`."""
    for step in path:
        if type(value) is dict and type(step) is str:  # quick, and nearly always so
            value = value.get(step)
        elif value is None or isinstance(value, Unread):
            return value
        elif isinstance(step, int):
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def first_unread(value: Json, route: str = "") -> tuple[str, Unread] | None:
    """Return the first unread part inside a document with its route, or `None` when all of it is known."""
    if not _has_unread(value):
        return None
    if isinstance(value, Unread):
        return route, value
    if isinstance(value, Mapping):
        pairs: Iterable[tuple[str, Json]] = (
            (f"{route}.{key}" if route else str(key), part) for key, part in value.items()
        )
    elif isinstance(value, list | tuple):
        pairs = ((f"{route}[{index}]", part) for index, part in enumerate(value))
    else:
        return None
    return next((hit for path, part in pairs if (hit := first_unread(part, path))), None)


def _has_unread(value: Json) -> bool:
    """Tell whether a part inside a document is unread: nearly never so, and asked of every document."""
    if type(value) is dict or isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return isinstance(value, Unread)
    for part in value:  # noqa: SIM110 a generator costs as much again
        if type(part) not in _WITHOUT_PARTS and _has_unread(part):
            return True
    return False


def holes(value: Json) -> Iterator[str]:
    """Yield every `${…}` route named anywhere inside a parameter."""
    if isinstance(value, str):
        yield from _HOLE.findall(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from holes(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from holes(part)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a check stands: a snapshot, the subject's node, and inside `in:` the item being judged."""

    snapshot: Snapshot
    subject: str
    item: Found | None = None
    defaults: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    """What stands for the words of `intent` that the pipeline leaves out."""
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out about this snapshot already, whichever rule asked: see `once` and `find`."""

    def inside(self, item: Found) -> Scope:
        """Return the scope of one item of a list."""
        return replace(self, item=item)

    def once(self, document: object, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` works out of a document, once a snapshot; it may depend on those two and the key alone.

        The document is kept beside the result, so that nothing else can take its identity.
        """
        known = self.memo.get((id(document), key))
        if known is None:
            known = self.memo[id(document), key] = document, make()
        found: T = known[1]
        return found

    def resource(self, node: str) -> Resource | None:
        """Return the resource at a node, or `None` when the pipeline has no such node."""
        return self.snapshot.resources.get(node)

    @property
    def me(self) -> Resource:
        """Return the subject's resource."""
        return self.snapshot.resources[self.subject]

    def find(self, route: str) -> Found:
        """Return what stands at a route.

        `intent.x`, `subject.x` and `<node>.x` are absolute; any other route starts at the item inside `in:`, else at the
        subject. `.` is the item (or the subject's resource) itself.
        """
        known: Found | None = self.memo.get(route)
        if known is not None:
            return known
        path = steps(route)
        head = path[0] if path else None
        if head in self.snapshot.resources or head in NODES:
            # The same whoever asks, and many rules ask for the same.
            known = self.memo[route] = self._at(str(head), path[1:])
            return known
        if head == "intent":
            said = self.snapshot.pipeline.intent
            named = len(path) > 1 and path[1] in said
            return Found(walk(said if named else {**self.defaults, **said}, path[1:]), route)
        if head != "subject" and self.item is not None:
            return Found(walk(self.item.value, path), _join(self.item.route, path))
        at = (self.subject, path[1:] if head == "subject" else path)
        known = self.memo.get(at)
        if known is None:
            known = self.memo[at] = self._at(*at)
        return known

    def take(self, route: str) -> Json:
        """Return the value at a route (`None` when absent), or raise `NotRead`; parts inside it may still be `Unread`."""
        found = self.find(route)
        if found.unread is not None:
            raise NotRead(found.route, found.unread)
        return found.value

    def whole(self, route: str) -> Json:
        """Return the value at a route with nothing unread inside it, or raise `NotRead`."""
        found = self.find(route)
        if not isinstance(found.value, Resource) and (hit := first_unread(found.value, found.route)):
            raise NotRead(*hit)
        return found.value

    def fill(self, value: Json) -> Json:
        """Return a parameter with its `${…}` expanded; a hole that is a whole string gives the value itself.

        Raises `NotRead` when a hole's value is unread.
        """
        if value is None or type(value) in _WITHOUT_HOLES:
            return value
        if isinstance(value, str):
            if "${" not in value:
                return value
            whole = _HOLE.fullmatch(value)
            if whole:
                return self.take(whole[1])
            return _HOLE.sub(lambda hole: self._text(hole[1]), value)
        if isinstance(value, Mapping):
            return {key: self.fill(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(part) for part in value]
        return value

    def place(self, route: str) -> Place | None:
        """Return where a concrete route stands: in the template it came from, else where the pipeline declares its node."""
        name, _, rest = route.partition(".")
        resource = self.snapshot.resources.get(name)
        if resource is None:
            return self.snapshot.pipeline.place
        while rest:
            if rest in resource.origin:
                return resource.origin[rest]
            rest = rest[: max(rest.rfind("."), rest.rfind("["), 0)]
        return resource.origin.get("", resource.node.place)

    def _text(self, route: str) -> str:
        value = self.take(route)
        if value is None:
            raise NotRead(route, Unread("NotDeclared", detail=_NO_VALUE.fill(route)))
        return str(value)

    def _at(self, node: str, path: tuple[str | int, ...]) -> Found:
        route = _join(node, path)
        resource = self.snapshot.resources.get(node)
        if resource is None:
            return Found(None, route)
        if not path:
            return Found(resource, route)
        head = str(path[0])
        if head in resource.attributes:
            return Found(walk(resource.attributes[head], path[1:]), route)
        if head in resource.aliases:
            return replace(self._at(node, (*steps(resource.aliases[head]), *path[1:])), route=route)
        if head in resource.facets:
            return Found(walk(resource.facets[head], path[1:]), route)
        return Found(resource.unread.get(head, Unread("NotRead", detail=_NOT_ASKED.fill(head))), route)


@lru_cache(maxsize=8192)
def _join(start: str, path: tuple[str | int, ...]) -> str:
    for step in path:
        start += f"[{step}]" if isinstance(step, int) else ("." if start else "") + step
    return start


Judge = Callable[[Found, Json, Scope], Iterable[Evidence]]


def needs_nothing(_wanted: Json, _at: str) -> tuple[str, ...]:
    """Say that a predicate looks at nothing but the value at its route and the holes of its parameter."""
    return ()


@dataclass(frozen=True, slots=True)
class Predicate:
    """A word of the rule language.

    `judge(found, wanted, scope)` yields an `Evidence` for each objection, none when the value is right; `wanted` has its
    holes filled. An objection whose `unread` is set makes unknown, any other makes fail. It may raise `NotRead`.
    `found` is never unread and has no default to apply; parts inside it may be unread.
    `schema` is the JSON Schema of the parameter before filling (a string that holds `${…}` is accepted anywhere),
    `needs(wanted, at)` the routes it reads besides `at` (`destination_bucket.Policy`, `subject.Policy`), `example` YAML.
    """

    name: str
    judge: Judge
    schema: Json
    doc: Text
    needs: Callable[[Json, str], Iterable[str]] = needs_nothing
    example: str = ""
    whole: bool = field(default=False)
    """True when parts inside the value may not be unread: the engine then answers unknown by itself."""
    asks: Callable[[Json], Json] | None = None
    """How a parameter is told as what was wanted, where nothing could be read; without it by name and parameter."""


def object_to(
    found: Found, wanted: Json, scope: Scope, *, note: Text | None = None, key: str = "", shown: Json = None
) -> Evidence:
    """Return the evidence of one proven objection at a route; `shown` replaces the value when that is too long to show.

    Words of ours in `wanted` and `shown` are a `Text`.
    """
    value = found.value if shown is None else shown
    if isinstance(value, Resource):
        value = value.arn
    return Evidence(found.route, wanted, value, scope.place(found.route), note, key=key)


def unknown_at(
    route: str, unread: Unread, wanted: Json, scope: Scope, *, note: Text | None = None, key: str = ""
) -> Evidence:
    """Return the evidence of an objection that could not be settled."""
    return Evidence(route, wanted, None, scope.place(route), note, unread, key)
