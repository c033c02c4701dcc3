"""Reads a model folder's chat template and the special tokens that it may write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

# the longest template of the well-known models is about 15 kB (2026-11-21); a megabyte is no template
_MOST_BYTES = 1_000_000
_CONFIG = "tokenizer_config.json"


class ChatTemplate(msgspec.Struct, frozen=True):
    """Template texts by name ("default", "tool_use" ...) and special tokens by name ("bos_token" ...)."""

    texts: tuple[tuple[str, str], ...]
    tokens: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The template for conversations without tools: the default one, else the first."""
        return dict(self.texts).get("default", self.texts[0][1])


def read_template(folder: Path) -> ChatTemplate | None:
    """The folder's template, or None where it has none that can be read.

    As transformers reads it: chat_template.jinja and additional_chat_templates/*.jinja win over tokenizer_config.json
    (a text or a list of named ones), then a processor's chat_template.json.
    """
    config = _object(folder / _CONFIG)
    texts = _files(folder) or _named(config.get("chat_template"))
    texts = texts or _named(_object(folder / "chat_template.json").get("chat_template"))
    return ChatTemplate(tuple(sorted(texts.items())), tuple(sorted(_tokens(folder, config).items()))) if texts else None


def _files(folder: Path) -> dict[str, str]:
    paths = {"default": folder / "chat_template.jinja"}
    paths |= {path.stem: path for path in sorted((folder / "additional_chat_templates").glob("*.jinja"))}
    return {name: text for name, path in paths.items() if (text := _text(path)) is not None}


def _named(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, dict):
        return {str(name): text for name, text in value.items() if isinstance(text, str)}
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return {str(e["name"]): e["template"] for e in entries if "name" in e and isinstance(e.get("template"), str)}


def _tokens(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    """Special tokens, written as a text or as an object with a content."""
    merged = _object(folder / "special_tokens_map.json") | config
    found = {}
    for name, value in merged.items():
        content = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(content, str):
            found[name] = content
    return found


def _object(path: Path) -> dict[str, Any]:
    text = _text(path, most=50 * _MOST_BYTES)
    try:
        decoded = msgspec.json.decode(text) if text is not None else None
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _text(path: Path, *, most: int = _MOST_BYTES) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > most:
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
