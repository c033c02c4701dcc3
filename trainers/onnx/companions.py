"""What travels beside the graph: tokenizer, chat template, generation config; nothing that points back to this host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TRAVELLING = (
    "config.json",
    "generation_config.json",
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
# keys whose values are paths or names of the machine that wrote them
_LOCAL = ("_name_or_path", "name_or_path", "base_model_name_or_path", "transformers_weights", "local_files_only")


def add_companions(folder: Path, merged: Path) -> None:
    """Copy what the graph's folder lacks, and make its configs readable by others and free of local names."""
    for name in _TRAVELLING:
        if not (folder / name).exists() and (merged / name).exists():
            (folder / name).write_bytes((merged / name).read_bytes())
    without_local_names(folder)


def without_local_names(folder: Path) -> None:
    """Make a folder's configs readable by others and free of the names of this machine."""
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            _rewrite(folder / name)


def _rewrite(path: Path) -> None:
    values: dict[str, Any] = json.loads(path.read_text())
    for key in _LOCAL:
        values.pop(key, None)
    # transformers 5 names a tokenizer class of its own, which transformers 4 does not know
    if values.get("tokenizer_class") == "TokenizersBackend":
        values["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
