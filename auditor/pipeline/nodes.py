"""The nodes of a pipeline as its file declares them, checked against AWS's naming rules and the declared accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from auditor.errors import Mistake, Place
from auditor.files import Document, did_you_mean, shown
from auditor.model import EMPTY, NODES, Account, Json, Node
from auditor.pipeline.names import Named, arn_problem, bucket_problem, prefix_problem, read_arn, read_name

_SOURCES = ("terraform", "cloudformation")
_CONSUMERS: Mapping[str, str] = MappingProxyType(
    {"lambda": "lambda.function", "sqs": "sqs.queue", "sns": "sns.topic", "eventbridge_rule": "events.rule"}
)
_WORDS: Mapping[str, str] = MappingProxyType(
    {"lambda": "function", "sqs": "queue", "sns": "topic", "eventbridge_rule": "rule", "arn": "ARN"}
)
_TERRAFORM_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "aws_lambda_function": "lambda.function",
        "aws_lambda_alias": "lambda.function",
        "aws_sqs_queue": "sqs.queue",
        "aws_sns_topic": "sns.topic",
        "aws_cloudwatch_event_rule": "events.rule",
    }
)


@dataclass(frozen=True, slots=True)
class Declared:
    """A node's mapping in the file, with where it stands and which accounts it may name."""

    document: Document
    path: tuple[str | int, ...]
    raw: Mapping[str, Json]
    accounts: Mapping[str, Account | None]
    added: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the node's name: `source_bucket`."""
        return str(self.path[-1])

    def text(self, key: str) -> str | None:
        """Return a declared text, or `None` when it is absent or no text (which the schema objects to)."""
        value = self.raw.get(key)
        return value if isinstance(value, str) and value else None

    def mistake(self, key: str, sentence: str, hint: str = "") -> Mistake:
        """Return a mistake at the value of a key."""
        return Mistake(self.document.place_of((*self.path, key)), sentence, hint)

    def wrong(self, key: str, problem: str) -> Mistake:
        """Return the mistake of a value that breaks a naming rule."""
        return self.mistake(key, f"The {_WORDS.get(key, key)} {shown(self.text(key) or '')} {problem}.")


def read_nodes(
    document: Document,
    path: tuple[str | int, ...],
    raw: Mapping[str, Json],
    accounts: Mapping[str, Account | None],
    added: Mapping[str, tuple[str, ...]] = EMPTY,
) -> tuple[dict[str, Node], list[Mistake]]:
    """Return the nodes of one pipeline in the order of `NODES`, and all that is wrong beyond the schema.

    `accounts` maps a declared name to its account, or to `None` when the account itself is wrong; `added` maps a node to
    the kinds of other distributions that may stand there.
    """
    nodes: dict[str, Node] = {}
    mistakes: list[Mistake] = []
    for name in dict.fromkeys([*NODES, *added]):
        if not isinstance(raw.get(name), Mapping):
            continue
        declared = Declared(document, (*path, name), raw[name], accounts, added.get(name, ()))
        node, wrong = _read_node(declared)
        mistakes += wrong
        if node is not None:
            nodes[name] = node
    return nodes, [*mistakes, *_twins(nodes, document, path)]


def _read_node(declared: Declared) -> tuple[Node | None, list[Mistake]]:
    mistakes = list(_account_mistakes(declared))
    account = declared.accounts.get(declared.text("account") or "")
    kind, key = _kind(declared)
    if not kind:
        if not mistakes and any(declared.text(source) for source in _SOURCES):
            hint = "Add `kind`, one of " + ", ".join(f"`{one}`" for one in NODES["consumer"]) + "."
            mistakes.append(declared.mistake("account", "This address does not tell what the consumer is.", hint))
        return None, mistakes
    named = _named(declared, kind, key)
    settings = dict(named.settings)
    settings.update({word: value for word in ("region", "bus") if (value := declared.text(word))})
    mistakes += _name_mistakes(declared, kind, key, named, account)
    mistakes += _setting_mistakes(declared, named)
    if prefix := declared.text("prefix"):
        settings["prefix"] = prefix if prefix.endswith("/") else f"{prefix}/"
    if account is None or mistakes:
        return None, mistakes
    identity = named.id
    if kind == "glue.table" and identity:
        identity = f"{settings.pop('database', '') or declared.text('database')}/{identity}".lower()
    addresses = {source: address for source in _SOURCES if (address := declared.text(source))} or EMPTY
    place = declared.document.key_place(declared.path)
    return Node(declared.name, kind, account, identity, _shared(tuple(settings.items())), addresses, place), mistakes


@lru_cache(maxsize=1024)
def _shared(settings: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Return settings as one mapping for all nodes that have the same, as thousands of pipelines do."""
    return MappingProxyType(dict(settings)) if settings else EMPTY


def _named(declared: Declared, kind: str, key: str) -> Named:
    if kind in declared.added:
        name = declared.text(key) or ""
        return Named(name, arn=read_arn(name))
    return read_name(kind, _spelled(declared, kind, key)) if key else Named("")


def _account_mistakes(declared: Declared) -> Iterator[Mistake]:
    name = declared.text("account")
    if name is not None and declared.accounts and name not in declared.accounts:
        twin = next((one.name for one in declared.accounts.values() if one is not None and one.id == name), None)
        hint = f"Did you mean {shown(twin)}?" if twin else did_you_mean(name, declared.accounts).strip()
        yield declared.mistake("account", f"No account {shown(name)} is declared.", hint)


def _kind(declared: Declared) -> tuple[str, str]:
    """Return the node's kind and the key that names the resource; empty when they cannot be told."""
    said = declared.text("kind")
    kinds = (said,) if said in declared.added else NODES.get(declared.name, declared.added)
    if kinds[0] in declared.added:
        return str(kinds[0]), "name" if declared.text("name") else ""
    if declared.name == "consumer":
        key = next((word for word in _CONSUMERS if declared.text(word)), "")
        return (_CONSUMERS[key], key) if key else (_kind_of_address(declared), "")
    words = {"iam.role": ("role",), "kms.key": ("key", "alias", "arn", "name")}.get(kinds[0], ("name",))
    return kinds[0], next((word for word in words if declared.text(word)), "")


def _kind_of_address(declared: Declared) -> str:
    said = declared.text("kind") or ""
    if said in NODES["consumer"]:
        return said
    parts = (declared.text("terraform") or "").split("[")[0].split(".")
    return next((_TERRAFORM_TYPES[part] for part in parts if part in _TERRAFORM_TYPES), "")


def _spelled(declared: Declared, kind: str, key: str) -> str:
    text = declared.text(key) or ""
    if kind == "kms.key" and key == "alias" and not text.startswith(("alias/", "arn:")):
        return f"alias/{text}"
    return text


def _name_mistakes(declared: Declared, kind: str, key: str, named: Named, account: Account | None) -> Iterator[Mistake]:
    if named.problem:
        yield declared.wrong(key, named.problem)
        return
    region = declared.text("region") or (account.region if account else "")
    if kind == "s3.bucket" and key and (problem := bucket_problem(named.id, region)):
        yield declared.wrong(key, problem)
    if named.arn is not None and account is not None:
        known = {name: one for name, one in declared.accounts.items() if one is not None}
        sentence, hint = arn_problem(named.arn, account, region, known)
        if sentence:
            yield declared.mistake(key, sentence, hint)
    if kind == "glue.table" and key:
        yield from _database_mistakes(declared, named)
    if kind == "kms.key" and key in {"key", "alias"} and _other_sort(key, named):
        yield declared.wrong(key, "is an alias, not a key" if key == "key" else "is a key, not an alias")


def _other_sort(key: str, named: Named) -> bool:
    arn = read_arn(named.id)
    is_alias = (arn.resource if arn else named.id).startswith("alias/")
    return is_alias == (key == "key")


def _database_mistakes(declared: Declared, named: Named) -> Iterator[Mistake]:
    database = declared.text("database")
    said = named.settings.get("database")
    if "database" not in declared.raw and said is None:
        yield Mistake(declared.document.key_place(declared.path), f"`{declared.name}` needs `database`.")
    elif database is not None and said is not None and database.lower() != said.lower():
        yield declared.mistake("database", f"`database` is {shown(database)}, but the ARN names {shown(said)}.")
    elif database is not None and ("/" in database or ":" in database or not database.isprintable()):
        yield declared.wrong("database", "may not have `/`, `:` or characters that cannot be shown")


def _setting_mistakes(declared: Declared, named: Named) -> Iterator[Mistake]:
    prefix = declared.text("prefix")
    if prefix and (problem := prefix_problem(prefix)):
        yield declared.wrong("prefix", problem)
    bus, said = declared.text("bus"), named.settings.get("bus")
    if bus and said and bus != said:
        yield declared.mistake("bus", f"`bus` is {shown(bus)}, but the ARN names {shown(said)}.")
    kind = declared.text("kind")
    if kind and any(declared.text(word) and _CONSUMERS[word] != kind for word in _CONSUMERS):
        word = next(word for word in _CONSUMERS if declared.text(word))
        yield declared.mistake(
            "kind", f"`kind` is {shown(kind)}, but `{word}` names a `{_CONSUMERS[word]}`.", "Remove `kind`."
        )


def _twins(nodes: Mapping[str, Node], document: Document, path: tuple[str | int, ...]) -> Iterator[Mistake]:
    """Yield the two sides of the replication that are one and the same resource."""
    source, destination = nodes.get("source_bucket"), nodes.get("destination_bucket")
    if source is None or destination is None:
        return
    shared = [key for key in _SOURCES if source.addresses.get(key, "-") == destination.addresses.get(key)]
    if (source.id and source.id == destination.id) or shared:
        key = "name" if source.id and source.id == destination.id else shared[0]
        place: Place = document.place_of((*path, "destination_bucket", key))
        yield Mistake(
            place,
            "`source_bucket` and `destination_bucket` are the same bucket.",
            "S3 does not replicate a bucket into itself.",
        )
