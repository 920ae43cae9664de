"""The language server: what an editor asks over the protocol, answered from the text it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument

from auditor.lsp import completion, definition, diagnostics, hover
from auditor.lsp.library import Library, library
from auditor.lsp.sheet import Sheet
from auditor.render.display import plain
from auditor.version import __version__

_TRIGGERS = [".", " ", "{", ":", "-", '"']
_LEVELS = {"error": types.DiagnosticSeverity.Error, "hint": types.DiagnosticSeverity.Information}
_KINDS = {
    "route": types.CompletionItemKind.Field,
    "field": types.CompletionItemKind.Field,
    "facet": types.CompletionItemKind.Field,
    "predicate": types.CompletionItemKind.Function,
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "node": types.CompletionItemKind.Module,
    "rule": types.CompletionItemKind.Reference,
    "account": types.CompletionItemKind.Reference,
    "pipeline": types.CompletionItemKind.Reference,
}


def serve(folders: tuple[Path, ...] = (), lang: str = "en") -> None:
    """Answer an editor over standard input and output until it says goodbye."""
    # The server closes the streams that it is given, and standard output is still flushed when the program ends.
    with os.fdopen(os.dup(0), "rb") as asked, os.fdopen(os.dup(1), "wb") as answered:
        _Editor(folders, lang).server.start_io(asked, answered)


class _Editor:
    """One conversation with an editor: the rules it knows of, read again when a file is saved."""

    def __init__(self, folders: tuple[Path, ...], lang: str) -> None:
        self.folders = folders
        self.lang = lang
        self.known: Library = library(folders)
        self.server = LanguageServer("auditor", __version__)
        feature = self.server.feature
        feature(types.TEXT_DOCUMENT_DID_OPEN)(_function(self.opened))
        feature(types.TEXT_DOCUMENT_DID_CHANGE)(_function(self.changed))
        feature(types.TEXT_DOCUMENT_DID_SAVE)(_function(self.saved))
        feature(types.TEXT_DOCUMENT_DID_CLOSE)(_function(self.closed))
        feature(types.TEXT_DOCUMENT_HOVER)(_function(self.hovered))
        feature(types.TEXT_DOCUMENT_DEFINITION)(_function(self.defined))
        feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))(
            _function(self.completed)
        )

    def opened(self, params: types.DidOpenTextDocumentParams) -> None:
        """Tell what is wrong in a file that was opened."""
        self._publish(params.text_document.uri, thorough=True)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """Tell what is wrong in a file that is being typed in."""
        self._publish(params.text_document.uri, thorough=False)

    def saved(self, params: types.DidSaveTextDocumentParams) -> None:
        """Read the rules again and tell what is wrong in every open file."""
        self.known = library(self.folders)
        self._publish(params.text_document.uri, thorough=True)

    def closed(self, params: types.DidCloseTextDocumentParams) -> None:
        """Take back what was said of a file."""
        self._send(params.text_document.uri, [])

    def hovered(self, params: types.HoverParams) -> types.Hover | None:
        """Explain the word under the cursor."""
        document, sheet, line, column = self._where(params.text_document.uri, params.position)
        found = hover.hover(sheet, self.known, line, column, self.lang)
        if found is None:
            return None
        entry, text = found
        span = _range(document, entry.line, entry.column, entry.column + len(entry.text))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), span)

    def defined(self, params: types.DefinitionParams) -> types.Location | None:
        """Say where the word under the cursor is defined."""
        _, sheet, line, column = self._where(params.text_document.uri, params.position)
        place = definition.definition(sheet, self.known, line, column)
        if place is None:
            return None
        start = types.Position(max(place.line - 1, 0), max(place.column - 1, 0))
        return types.Location(from_fs_path(place.file) or "", types.Range(start, start))

    def completed(self, params: types.CompletionParams) -> types.CompletionList:
        """Say what may be written at the cursor."""
        document, sheet, line, column = self._where(params.text_document.uri, params.position)
        offers = completion.completions(sheet, self.known, line, column)
        items = [
            types.CompletionItem(
                label=offer.text.rstrip(": ") if offer.sort in {"key", "predicate", "field"} else offer.text,
                kind=_KINDS[offer.sort],
                detail=offer.detail or None,
                documentation=offer.about or None,
                filter_text=offer.text,
                text_edit=types.TextEdit(_range(document, line, offer.start, column), offer.text),
            )
            for offer in offers
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    def _where(self, uri: str, cursor: types.Position) -> tuple[TextDocument, Sheet, int, int]:
        document = self.server.workspace.get_text_document(uri)
        codec = document.position_codec
        position = codec.position_from_client_units(document.lines or [""], cursor)
        return document, self._sheet(document), position.line, position.character

    def _sheet(self, document: TextDocument) -> Sheet:
        file = to_fs_path(document.uri) or document.uri
        return Sheet(document.source.replace("\r\n", "\n"), file, self.known.words)

    def _publish(self, uri: str, *, thorough: bool) -> None:
        document = self.server.workspace.get_text_document(uri)
        found = diagnostics.problems(self._sheet(document), self.known, thorough=thorough)
        self._send(
            uri,
            [
                types.Diagnostic(
                    _range(document, one.line, one.start, one.end),
                    plain(one.sentence),
                    _LEVELS[one.level],
                    source="auditor",
                )
                for one in found
            ],
        )

    def _send(self, uri: str, found: list[types.Diagnostic]) -> None:
        self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))


def _function(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a bound method as a function, on which pygls leaves its marks."""

    def answer(params: Any) -> Any:
        return method(params)

    return answer


def _range(document: TextDocument, line: int, start: int, end: int) -> types.Range:
    span = types.Range(types.Position(line, start), types.Position(line, end))
    return document.position_codec.range_to_client_units(document.lines or [""], span)
