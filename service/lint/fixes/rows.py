"""Safe fixes of keys, roles, content types, weights and images."""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Row
from service.lint.checks.roles.name_invalid import NAME
from service.lint.fixes.exact import Number, read
from service.lint.fixes.fix import Data, RowFix, message_list, rename
from service.lint.shape import ALIASES, MESSAGE_KEYS, ROLES, TOP_KEYS, TRAINER_KEYS, parts, pointer, role
from service.lint.suppression import KEY

# what chat templates and vision trainers read beside the documented keys: a safe fix leaves them
_READ_BY_TRAINERS = frozenset((*TRAINER_KEYS, "reasoning", "reasoning_content", "images", "audio", "videos"))
_READ_FROM_ROWS = _READ_BY_TRAINERS | {"image", "chat_template", "chat_template_kwargs"}
# and what a row says to tunegate itself
_KEPT_IN_ROWS = _READ_FROM_ROWS | {KEY}
_WEIGHTS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "true": 1, "false": 0}


def misspelt_keys(row: Row) -> Iterator[str]:
    yield from _respelt(row.data, TOP_KEYS, "")
    for i, message in row.messages:
        yield from _respelt(message, MESSAGE_KEYS, f"/messages/{i}")


def _respelt(found: Data, known: tuple[str, ...], place: str) -> Iterator[str]:
    for key in list(found):
        right = key.strip().lower()
        if key not in known and right in known and right not in found:
            rename(found, {key: right})
            yield f"{place}/{right}"


def messages_as_list(row: Row) -> Iterator[str]:
    text = row.data.get("messages")
    try:
        found = read(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        row.data["messages"] = found
        yield "/messages"


def role_spelling(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        found = message.get("role")
        if isinstance(found, str) and found not in ROLES and found.strip().lower() in ROLES:
            message["role"] = found.strip().lower()
            yield f"/messages/{i}/role"


def role_aliases(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        known = ALIASES.get(role(message) or "")
        if known is not None:
            message["role"] = known
            yield f"/messages/{i}/role"


def unknown_top_keys(row: Row) -> Iterator[str]:
    for key in list(row.data):
        if key not in TOP_KEYS and key.strip().lower() not in TOP_KEYS and key not in _KEPT_IN_ROWS:
            del row.data[key]
            yield pointer(key)


def unknown_message_keys(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        unknown = [one for one in message if one not in MESSAGE_KEYS and one.strip().lower() not in MESSAGE_KEYS]
        for key in [one for one in unknown if one not in _READ_BY_TRAINERS]:
            del message[key]
            yield f"/messages/{i}{pointer(key)}"


def trainer_keys(row: Row) -> Iterator[str]:
    """`training: false` says what weight 0 says, and is written so."""
    for i, message in row.messages:
        if message.get("training") is False and role(message) == "assistant" and "weight" not in message:
            message["training"] = 0
            rename(message, {"training": "weight"})
            yield f"/messages/{i}/training"
        for key in [one for one in TRAINER_KEYS if one in message]:
            del message[key]
            yield f"/messages/{i}/{key}"


def invalid_names(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        name = message.get("name")
        if "name" in message and not (isinstance(name, str) and NAME.fullmatch(name)):
            del message["name"]
            yield f"/messages/{i}/name"


def numbers_as_text(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        content = message.get("content")
        if isinstance(content, int | float) and not isinstance(content, bool):
            message["content"] = content.literal if isinstance(content, Number) else str(content)
            yield f"/messages/{i}/content"


def weight_spelling(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        weight = message.get("weight")
        # 1.0 and 1e0 are the number 1
        right = int(weight) if isinstance(weight, float) and weight in {0, 1} else None
        right = _WEIGHTS.get(str(weight).strip().lower()) if right is None else right
        if right is not None and type(weight) is not int:
            message["weight"] = right
            yield f"/messages/{i}/weight"


def weight_on_prompts(row: Row) -> Iterator[str]:
    """Of a role that nobody knows it is not known either whether it is trained on."""
    for i, message in row.messages:
        if "weight" in message and role(message) in ROLES and role(message) != "assistant":
            del message["weight"]
            yield f"/messages/{i}/weight"


def image_urls(row: Row) -> Iterator[str]:
    for place, _, part in parts(row):
        if isinstance(part, dict) and part.get("type") == "image_url" and isinstance(part.get("image_url"), str):
            part["image_url"] = {"url": part["image_url"]}
            yield f"{place}/image_url"


def image_details(row: Row) -> Iterator[str]:
    for place, _, part in parts(row):
        found = part.get("image_url") if isinstance(part, dict) else None
        if isinstance(found, dict) and found.get("detail", "auto") not in ("low", "high", "auto"):
            del found["detail"]
            yield f"{place}/image_url/detail"


def legacy_functions(row: Row) -> Iterator[str]:
    """Every call gets an id, and the results that follow it name it."""
    functions = row.data.get("functions")
    if isinstance(functions, list) and "tools" not in row.data:
        row.data["functions"] = [{"type": "function", "function": one} for one in functions]
        rename(row.data, {"functions": "tools"})
        row.data.pop("function_call", None)
        yield "/functions"
    last = None
    for i, message in row.messages:
        if isinstance(message.get("function_call"), dict) and not message.get("tool_calls"):
            last = f"call_{i}"
            message.pop("tool_calls", None)
            message["function_call"] = [{"id": last, "type": "function", "function": message["function_call"]}]
            rename(message, {"function_call": "tool_calls"})
            yield f"/messages/{i}/function_call"
        elif role(message) == "function" and last is not None:
            message["role"], message["tool_call_id"] = "tool", last
            last = None
            yield f"/messages/{i}/role"


def lists_of_calls(row: Row) -> Iterator[str]:
    for i, message in enumerate(message_list(row)):
        found = message.get("tool_calls") if isinstance(message, dict) else None
        if found == []:
            del message["tool_calls"]
            yield f"/messages/{i}/tool_calls"
        elif isinstance(found, dict) and isinstance(found.get("function"), dict):
            message["tool_calls"] = [found]
            yield f"/messages/{i}/tool_calls"


# in an order in which a later fix sees what an earlier one mended
SAFE = (
    RowFix("F023", "wrote the key as it is known", misspelt_keys, reveals=True),
    RowFix("R001", "wrote the list that the string held", messages_as_list, reveals=True),
    RowFix("R006", "wrote the role in small letters, without spaces", role_spelling, reveals=True),
    RowFix("R005", "wrote the role that the alias stands for", role_aliases, reveals=True),
    RowFix("R009", "wrote functions, calls and results as tools", legacy_functions),
    RowFix("R035", "dropped a key of local trainers", trainer_keys),
    RowFix("F022", "dropped a key that nobody reads", unknown_top_keys),
    RowFix("R025", "dropped a key that nobody reads", unknown_message_keys),
    RowFix("R026", "dropped the name", invalid_names),
    RowFix("R024", "wrote the number as text", numbers_as_text),
    RowFix("R030", "wrote the weight as the number 0 or 1", weight_spelling),
    RowFix("R031", "dropped the weight", weight_on_prompts),
    RowFix("T010", "dropped the empty list, or made a list of the call", lists_of_calls),
    RowFix("M002", "wrapped the URL", image_urls),
    RowFix("M010", "dropped the detail", image_details),
)
