"""Models that can be asked: OpenAI-compatible endpoints and folders on this machine, each a TOML file or a short name.

Short names: `NAME@URL` is an endpoint (the model's name there, and its address up to /v1), anything else a folder: a
model, a run or an ONNX export.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.evaluate.given import Given, read_toml
from service.evaluate.model_folders import MANIFEST, contents, exports

# hosts that read the key from the header `api-key`
# (learn.microsoft.com/azure/ai-services/openai/reference, section Authentication)
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_CHAT = "/chat/completions"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?|preview|latest|v1")
# the name may hold an @ itself
_SHORT = re.compile(r"((?:(?!://).)+?)@([A-Za-z][A-Za-z0-9+.-]*://.*)")
_ID = re.compile(r"[A-Za-z0-9]+(?:[-_.:/]?[A-Za-z0-9]+)*")
# what a request holds of itself
_OWN = ("model", "messages", "tools", "temperature", "max_tokens", "max_completion_tokens", "stream", "n")
# keys of a model's file that mean nothing for a folder
_OF_ENDPOINTS = (
    "api_key_env", "api_version", "backoff_s", "concurrency", "left_out", "limit_as", "parameters", "retries",
    "timeout_s",
)  # fmt: skip
LimitName = Literal["max_tokens", "max_completion_tokens"]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoint` is the whole address that is posted to, null for a folder; prices in USD per million tokens.

    `engine` holds the libraries that open a folder, each with its version. `parameters` are sent with every request,
    `left_out` names what is not (temperature, a limit of tokens).
    """

    id: str
    name: str
    endpoint: str | None = None
    folder: str | None = None
    sha256: str | None = None
    tuned: bool = False
    engine: tuple[str, ...] = ()
    api_key_env: str | None = None
    api_key_header: Literal["authorization", "api-key"] = "authorization"
    usd_per_million: tuple[float, float] | None = None
    parameters: dict[str, Any] = {}
    limit_as: LimitName = "max_tokens"
    left_out: list[str] = []
    timeout_s: float = 120.0
    retries: int = 5
    backoff_s: float = 0.5
    concurrency: int | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What makes another answer another model's, for the cache."""
        if self.endpoint is not None:
            return {"endpoint": self.endpoint, "name": self.name}
        return {"folder": self.sha256, "engine": self.engine}

    def described(self) -> dict[str, Any]:
        """As the record names it."""
        return {
            "id": self.id,
            "kind": "endpoint" if self.endpoint is not None else "folder",
            "name": self.name,
            "endpoint": self.endpoint,
            "sha256": self.sha256,
            "tuned": self.tuned,
        }


class Prices(msgspec.Struct, frozen=True):
    """What the command line says for endpoints that are named in short."""

    api_key_env: str | None = None
    usd_per_million: tuple[float, float] | None = None


def read_models(specs: Sequence[str], short: Prices, errors: list[ErrorItem]) -> list[Model]:
    """The models in their order; whatever is wrong with any of them is noted in `errors`."""
    found: list[Model] = []
    for spec in specs:
        made = _from_file(Path(spec), errors) if spec.endswith(".toml") else _from_short(spec, short, errors)
        if made is not None:
            if made.id in {one.id for one in found}:
                errors.append(ErrorItem(f"model {made.id}", "two of this id", "ids that differ (id = in a TOML file)"))
            found.append(made)
    return found


def key_of(model: Model, environment: Mapping[str, str]) -> str | None:
    """The key of a model that names a variable; asked for by the model itself, so that no other of its id gets it."""
    return environment.get(model.api_key_env, "").strip() or None if model.api_key_env else None


def require_keys(models: Sequence[Model], environment: Mapping[str, str]) -> None:
    """Every variable that a model names holds a key.

    Raises:
        TuneGateError: `missing_key`, naming every variable that holds none.

    """
    empty = {(one.id, one.api_key_env): None for one in models if one.api_key_env and key_of(one, environment) is None}
    if empty:
        raise TuneGateError(
            "missing_key",
            f"{len(empty)} model(s) have no key.",
            remedy="Set the variable to the endpoint's key.",
            errors=[ErrorItem(f"model {model}", f"{name} is not set", "a key") for model, name in empty],
        )


def _from_short(spec: str, short: Prices, errors: list[ErrorItem]) -> Model | None:
    found = _SHORT.fullmatch(spec)
    if found is not None:
        name, url = found.groups()
        given = Given({}, f"model {name}@{_host(url)}", errors)
        endpoint = address(given, url, name, None)
        if endpoint is None:
            return None
        return Model(
            id=name,
            name=name,
            endpoint=endpoint,
            api_key_env=short.api_key_env,
            api_key_header=header_of(endpoint),
            usd_per_million=short.usd_per_million,
        )
    if "://" in spec:
        Given({}, f"model {_host(spec)}", errors).wrong("name", "an address without one", "NAME@URL")
        return None
    given = Given({}, f"model {spec}", errors)
    return _of_folder(given, Path(spec), Model(id=Path(spec).resolve().name, name=Path(spec).resolve().name))


def _from_file(path: Path, errors: list[ErrorItem]) -> Model | None:
    given = read_toml(path, errors)
    return None if given is None else model_of(given, path.stem, path.parent)


def model_of(given: Given, default: str, beside: Path) -> Model | None:
    """The model of a table, called `default` unless it has an id; a folder that it names is looked for in `beside`.

    None, with what is wrong noted in the table's errors, where it is unusable.
    """
    before = len(given.errors)
    name, url, folder = given.text("name"), given.text("endpoint"), given.text("folder")
    version, precision = given.text("api_version"), given.text("precision")
    made = Model(
        id=_id(given, default),
        name=name or default,
        tuned=given.flag("tuned"),
        api_key_env=given.text("api_key_env"),
        usd_per_million=_prices(given),
        parameters=_parameters(given),
        limit_as=_limit(given),
        left_out=_left_out(given),
        timeout_s=given.number("timeout_s", 120.0, least=0.01, most=3600) or 120.0,
        retries=given.whole("retries", 5, least=0, most=20),
        backoff_s=given.number("backoff_s", 0.5, least=0, most=60) or 0.0,
        concurrency=given.whole("concurrency", 0, least=1, most=1024) or None,
    )
    given.close()
    if (url is None) == (folder is None):
        given.wrong("endpoint", "both, or neither of endpoint and folder", "one of the two")
        return None
    for key in _OF_ENDPOINTS if folder is not None else ("precision",):
        if key in given.data:
            given.wrong(key, "a setting of endpoints" if folder is not None else "a setting of folders", "no such key")
    if folder is not None:
        return _of_folder(given, beside / folder, made, precision)
    if name is None:
        given.wrong("name", "nothing", "the model's (or deployment's) name at the endpoint")
    endpoint = address(given, str(url), made.name, version)
    if endpoint is None or len(given.errors) > before:
        return None
    return msgspec.structs.replace(made, endpoint=endpoint, api_key_header=header_of(endpoint))


def address(given: Given, url: str, name: str, version: str | None, path: str = _CHAT) -> str | None:
    """The address that is posted to; None, with the error noted, for what is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        given.wrong("endpoint", "no address", "http(s)://HOST[:PORT]/v1")
        return None
    if parts.query or parts.fragment or parts.username or parts.password:
        given.wrong("endpoint", "an address with a query or a password", "the address alone: it stands in the record")
        return None
    if version is not None:
        if not _VERSION.fullmatch(version):
            given.wrong("api_version", "no version", "for example 2024-10-21")
        # learn.microsoft.com/azure/ai-services/openai/reference, section Chat completions
        return f"{parts.scheme}://{parts.netloc}/openai/deployments/{quote(name, safe='')}{path}?api-version={version}"
    above = parts.path.rstrip("/").removesuffix(path)
    return f"{parts.scheme}://{parts.netloc}{above}{path}"


def _host(url: str) -> str:
    """What of an address may be shown: the rest may hold a password or a signature."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def header_of(endpoint: str) -> Literal["authorization", "api-key"]:
    """The header that takes the key: Azure's own, or the usual one."""
    parts = urlsplit(endpoint)
    return "api-key" if parts.query or (parts.hostname or "").endswith(_AZURE) else "authorization"


def _of_folder(given: Given, folder: Path, model: Model, precision: str | None = None) -> Model | None:
    if not folder.is_dir():
        given.wrong("folder", "no folder", "a folder with a model, NAME@URL, or a .toml file")
        return None
    manifest = folder / MANIFEST
    tuned = model.tuned or manifest.is_file() or (folder.parent.parent / MANIFEST).is_file()
    if manifest.is_file():
        inside = exports(manifest)
        if precision not in {None, *inside} or not inside:
            given.wrong("precision", "none of the run's ONNX exports", ", ".join(inside) or "a run with an ONNX export")
            return None
        folder = folder / inside[precision or next(iter(inside))]
    return msgspec.structs.replace(model, folder=str(folder), sha256=contents(folder), tuned=tuned)


def _id(given: Given, default: str) -> str:
    name = given.text("id", default) or default
    if not _ID.fullmatch(name):
        given.wrong("id", "another kind of name", "letters, digits, and - _ . : / between them")
    return name


def _prices(given: Given) -> tuple[float, float] | None:
    price = given.inner("usd_per_million")
    if price is None:
        return None
    both = price.number("input", None, least=0, most=1e6), price.number("output", None, least=0, most=1e6)
    price.close()
    if both[0] is None or both[1] is None:
        price.wrong("input", "one price, or none", "input and output, in USD per million tokens")
        return None
    return both[0], both[1]


def _parameters(given: Given) -> dict[str, Any]:
    found = given.table("parameters") or {}
    for key in found:
        if key in _OWN:
            given.wrong(f"parameters.{key}", "what an evaluation sets itself", "other parameters of the endpoint")
    return found


def _limit(given: Given) -> LimitName:
    name = given.text("limit_as", "max_tokens")
    if name == "max_completion_tokens":
        return "max_completion_tokens"
    if name != "max_tokens":
        given.wrong("limit_as", "another name", "max_tokens, max_completion_tokens")
    return "max_tokens"


def _left_out(given: Given) -> list[str]:
    found = given.texts("left_out")
    if any(one not in {"temperature", "limit"} for one in found):
        given.wrong("left_out", "another name", "temperature, limit")
    return found
