"""How a variant finds its passages: the tables [retrieval], [retrieval.embeddings] and [retrieval.search].

Without the inner tables, by the words of the documents (BM25). With `embeddings`, by the vectors that an
OpenAI-compatible endpoint gives the passages, and by both where `hybrid = true`. With `search`, by an index of Azure AI
Search, which holds the texts itself.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from service.evaluate.given import Given
from service.evaluate.models import Model, address, header_of
from service.evaluate.templates import check_template

PASSAGES = "Use these passages where they help.\n\n{{passages}}\n\n{{input}}"
_MOST_TOKENS = 1 << 20
_EMBEDDINGS = "/embeddings"
# one request takes 2,048 texts at most (platform.openai.com/docs/api-reference/embeddings/create, `input`)
_MOST_TEXTS, _MOST_DIMENSIONS = 2048, 1 << 16
# the newest stable version whose request is documented where we read it
# (learn.microsoft.com/rest/api/searchservice/documents/search-post, 2024-07-01)
SEARCH_VERSION = "2024-07-01"
_SEARCH_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[Pp]review)?")
# learn.microsoft.com/rest/api/searchservice/naming-rules
_INDEX = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """`model` posts to an /embeddings address; some models want another prefix for questions than for passages."""

    model: Model
    dimensions: int | None = None
    batch: int = 64
    question_prefix: str = ""
    passage_prefix: str = ""

    def described(self) -> dict[str, Any]:
        """What makes other vectors, without texts of the variant."""
        return {"endpoint": self.model.endpoint, "name": self.model.name, "dimensions": self.dimensions}


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """`service` posts to an index; `vector_field` is also searched by what the question means.

    The vector of the question is the index's own (a vectorizer), or that of [retrieval.embeddings] where there is one.
    """

    service: Model
    text_field: str
    vector_field: str | None = None
    semantic_configuration: str | None = None
    filter: str | None = None

    def described(self) -> dict[str, Any]:
        """What makes other results; a filter may hold a name, so that only whether there is one is said."""
        return {
            "endpoint": self.service.endpoint,
            "text_field": self.text_field,
            "vector_field": self.vector_field,
            "semantic_configuration": self.semantic_configuration,
            "filter": self.filter is not None,
        }


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    """What of the documents a prompt is given; `template` has {{passages}} and {{input}}."""

    top_k: int = 4
    chunk_tokens: int = 256
    template: str
    hybrid: bool = False
    embeddings: Embeddings | None = None
    search: Search | None = None

    @property
    def by(self) -> Literal["bm25", "embeddings", "hybrid", "search"]:
        """What finds the passages."""
        if self.search is not None:
            return "search"
        if self.embeddings is None:
            return "bm25"
        return "hybrid" if self.hybrid else "embeddings"

    @property
    def services(self) -> list[tuple[str, Model]]:
        """(key of the table, address) of everything that is asked to find passages."""
        found = [] if self.embeddings is None else [("embeddings", self.embeddings.model)]
        return found if self.search is None else [*found, ("search", self.search.service)]

    @property
    def reads_documents(self) -> bool:
        """Whether it needs documents of the evaluation's own."""
        return self.search is None

    def content(self) -> dict[str, Any]:
        """What the hash of a variant holds of it; of BM25 what it always held."""
        found: dict[str, Any] = {"top_k": self.top_k, "chunk_tokens": self.chunk_tokens, "template": self.template}
        if self.embeddings is not None:
            made = self.embeddings
            prefixes = {"question_prefix": made.question_prefix, "passage_prefix": made.passage_prefix}
            found |= {"hybrid": self.hybrid, "embeddings": {**made.described(), **prefixes}}
        if self.search is not None:
            found["search"] = {**self.search.described(), "filter": self.search.filter}
        return found

    def described(self) -> dict[str, Any]:
        """As the record names it: without its template."""
        parts = {"embeddings": self.embeddings, "search": self.search}
        return {"by": self.by, **{name: one.described() for name, one in parts.items() if one is not None}}


def read_retrieval(given: Given | None) -> Retrieval | None:
    """The table [retrieval] of a variant; what is wrong with it is noted in its errors."""
    if given is None:
        return None
    template = given.text("template", PASSAGES) or PASSAGES
    check_template(given, "template", template, ("input", "passages"), asked=("input", "passages"))
    search = _search(given.inner("search"))
    made = Retrieval(
        top_k=given.whole("top_k", 4, least=1, most=100),
        chunk_tokens=given.whole("chunk_tokens", 256, least=16, most=_MOST_TOKENS),
        template=template,
        hybrid=given.flag("hybrid"),
        embeddings=_embeddings(given.inner("embeddings")),
        search=search,
    )
    given.close()
    _check_together(given, made)
    return made


def _check_together(given: Given, made: Retrieval) -> None:
    if made.hybrid and "embeddings" not in given.data:
        given.wrong("hybrid", "true without [retrieval.embeddings]", "a table [retrieval.embeddings]")
    if "search" not in given.data:
        return
    for key in ("hybrid", "chunk_tokens"):
        if key in given.data:
            given.wrong(
                key, "a setting of documents beside [retrieval.search]", "no such key: the index holds the texts"
            )
    if "embeddings" in given.data and made.search is not None and made.search.vector_field is None:
        given.wrong(
            "embeddings", "vectors, and no vector_field in [retrieval.search]", "a vector_field, or no embeddings"
        )


def _embeddings(given: Given | None) -> Embeddings | None:
    if given is None:
        return None
    name, version = given.text("name", asked=True), given.text("api_version")
    url = given.text("endpoint", asked=True)
    endpoint = address(given, url, name or "", version, _EMBEDDINGS) if url is not None else None
    price = given.number("usd_per_million", None, least=0, most=1e6)
    model = Model(
        id=f"{name} (embeddings)",
        name=name or "",
        endpoint=endpoint,
        api_key_env=_variable(given),
        api_key_header=header_of(endpoint or ""),
        usd_per_million=None if price is None else (price, 0.0),
        **_patience(given),
    )
    made = Embeddings(
        model=model,
        dimensions=given.whole("dimensions", 0, least=1, most=_MOST_DIMENSIONS) or None,
        batch=given.whole("batch", 64, least=1, most=_MOST_TEXTS),
        question_prefix=given.text("question_prefix") or "",
        passage_prefix=given.text("passage_prefix") or "",
    )
    given.close()
    return made


def _search(given: Given | None) -> Search | None:
    if given is None:
        return None
    url, index = given.text("endpoint", asked=True), given.text("index", asked=True)
    version = given.text("api_version", SEARCH_VERSION) or SEARCH_VERSION
    if index is not None and not _INDEX.fullmatch(index):
        given.wrong("index", "no name of an index", "lower-case letters, digits, - and _")
    if not _SEARCH_VERSION.fullmatch(version):
        given.wrong("api_version", "no version", f"for example {SEARCH_VERSION}")
    above = address(given, url, "", None, "") if url is not None else None
    fields = {key: _field(given, key, asked=key == "text_field") for key in ("text_field", "vector_field")}
    service = Model(
        id=f"{index} (search)",
        name=index or "",
        endpoint=f"{above}/indexes/{index}/docs/search?api-version={version}",
        api_key_env=_variable(given),
        api_key_header="api-key",
        usd_per_million=(0.0, 0.0),
        **_patience(given),
    )
    if service.api_key_env is None and given.data.get("api_key_env") is None:
        given.wrong("api_key_env", "nothing", "the name of the environment variable that holds the key")
    made = Search(
        service=service,
        text_field=fields["text_field"] or "",
        vector_field=fields["vector_field"],
        semantic_configuration=given.text("semantic_configuration"),
        filter=given.text("filter"),
    )
    given.close()
    return made


def _field(given: Given, key: str, *, asked: bool) -> str | None:
    name = given.text(key, asked=asked)
    if name is not None and not _FIELD.fullmatch(name):
        given.wrong(key, "no name of a field", "letters, digits and _, a letter first")
        return None
    return name


def _variable(given: Given) -> str | None:
    """The name of a variable: a key by itself would stand in the record's inputs."""
    name = given.text("api_key_env")
    if name is not None and not _VARIABLE.fullmatch(name):
        given.wrong("api_key_env", "no name of a variable", "the name of the environment variable that holds the key")
        return None
    return name


def _patience(given: Given) -> dict[str, Any]:
    return {
        "timeout_s": given.number("timeout_s", 120.0, least=0.01, most=3600) or 120.0,
        "retries": given.whole("retries", 5, least=0, most=20),
        "backoff_s": given.number("backoff_s", 0.5, least=0, most=60) or 0.0,
        "concurrency": given.whole("concurrency", 0, least=1, most=1024) or None,
    }
