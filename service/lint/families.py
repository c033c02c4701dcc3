"""Where in the bytes of JSON lines the patterns of patterns.py may be: what the gate is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from service.lint.patterns import (
    BLOB,
    BOILERPLATE,
    CALL,
    CONTROL,
    FENCE,
    HARM,
    HARM_WORDS,
    HEADS,
    INJECTION,
    INVISIBLE,
    MARKUP,
    MOJIBAKE,
    PLACEHOLDER,
    RUN_LENGTH,
    SLOTS,
    SPECIAL,
    TITLES,
)


class Family(NamedTuple):
    """What is looked for in text, and where in the bytes of JSON lines it may be.

    A text in which `found` is true stands in a line in which one of `exact` (or of `any_case`, whatever the case)
    matches; a property test holds the two together. The expressions are Hyperscan's, for raw JSON: a quotation mark in
    a text has a backslash before it there, a line break is two characters and any character may take twelve. Each
    match holds one of `literals`, which are in small letters.
    """

    name: str
    found: Callable[[str], object]
    exact: tuple[str, ...] = ()
    any_case: tuple[str, ...] = ()
    literals: tuple[bytes, ...] = ()


# the twenty characters between the words of an injection, each escaped as a pair
_GAP = r"[^\n]{0,240}"
FAMILIES = (
    Family(
        "special-token",
        SPECIAL.search,
        exact=(r"<\|[a-z_]+\|>", r"\[/?INST\]", "<</?SYS", "</?s>", "<(?:start|end)_of_turn>"),
        literals=(
            b"<|",
            b"[inst]",
            b"[/inst]",
            b"<<sys",
            b"<</sys",
            b"<s>",
            b"</s>",
            b"_of_turn>",
        ),
    ),
    Family(
        "markup",
        MARKUP.search,
        any_case=(
            r"</?(?:br|p|div|span|li|ul|ol|td|tr|table|a|b|i|em|strong|h[1-6]|img)[^a-z0-9]",
            "&(?:nbsp|amp|lt|gt|quot|#)",
        ),
        literals=(
            b"<",
            b"&",
        ),
    ),
    Family(
        "blob",
        BLOB.search,
        exact=(rf"[A-Za-z0-9+/]{{{RUN_LENGTH}}}",),
        any_case=("<script", ";base64,"),
        literals=(
            b"<script",
            b";base64,",
        ),
    ),
    Family(
        "injection",
        INJECTION.search,
        any_case=(
            rf"(?:ignore|disregard|forget){_GAP}(?:instruction|prompt|rules|message)",
            "jailbreak",
            "developer mode",
            "system prompt",
        ),
        literals=(
            b"ignore",
            b"disregard",
            b"forget",
            b"jailbreak",
            b"developer mode",
            b"system prompt",
        ),
    ),
    # a line feed and an escaped character end with a letter or digit in a line, and a word may begin behind them
    Family(
        "harm",
        HARM.search,
        any_case=(rf"(?:\b|\\[nrt]|\\u[0-9a-f]{{4}}){HARM_WORDS}",),
        literals=(
            b"kill",
            b"behead",
            b"massacre",
            b"pipe bomb",
            b"mass shooting",
            b"child porn",
            b"pornograph",
            b"nude",
            b"incest",
            b"molest",
            b"genocid",
            b"ethnic cleansing",
            b"subhuman",
            b"white power",
            b"suicid",
            b"self-harm",
            b"self harm",
            b"rap",
        ),
    ),
    Family(
        "boilerplate",
        BOILERPLATE.search,
        any_case=("as an? (?:ai|artificial|large)", "as of my last", "my (?:knowledge|training) cut"),
        literals=(
            b"as a ai",
            b"as an ai",
            b"as a artificial",
            b"as an artificial",
            b"as a large",
            b"as an large",
            b"as of my last",
            b"my knowledge cut",
            b"my training cut",
        ),
    ),
    Family(
        "placeholder",
        PLACEHOLDER.search,
        exact=(
            rf"\[(?:{'|'.join(HEADS)})",
            r"\{\{ ?[A-Za-z_.]",
            rf"\{{(?:{'|'.join(SLOTS)})[_}}]",
            TITLES,
            "TODO",
            "FIXME",
            "[Ll]orem ipsum",
            "XXXX",
        ),
        literals=(
            b"[",
            b"{",
            b"todo",
            b"fixme",
            b"lorem ipsum",
            b"xxxx",
        ),
    ),
    Family(
        "invisible",
        INVISIBLE.search,
        exact=(r"\xe2\x80[\x8b\x8e\x8f\xaa-\xae]", r"\xe2\x81[\xa0-\xa9]", r"\xef\xbb\xbf", r"\xf3\xa0[\x80\x81]"),
        literals=(
            b"\xe2\x80",
            b"\xe2\x81",
            b"\xef\xbb\xbf",
            b"\xf3\xa0",
        ),
    ),
    Family(
        "mojibake",
        MOJIBAKE.search,
        exact=(r"\xc3\x83", r"\xc3\xa2\xe2\x82\xac", r"\xc3\x82", r"\xef\xbf\xbd"),
        literals=(
            b"\xc3\x83",
            b"\xc3\xa2\xe2\x82\xac",
            b"\xc3\x82",
            b"\xef\xbf\xbd",
        ),
    ),
    # texts are looked at joined, and a fence that one leaves open another may seem to close: so any fence counts
    Family(
        "fence",
        FENCE.search,
        exact=(FENCE.pattern,),
        literals=(b"```",),
    ),
    Family(
        "call",
        CALL.search,
        exact=("<tool_call", r"```(?:json)?(?:\\[nrt]|[ \t])*\{"),
        literals=(
            b"<tool_call",
            b"```",
        ),
    ),
    Family("control", CONTROL.search),
)
# an escape may hide what the others look for: those of ASCII, and those of the characters named above
ESCAPES = (
    r"\\u00[0-7]", r"\\u20(?:0[bef]|2[a-e]|6)", r"\\ufeff", r"\\ufffd", r"\\udb40", r"\\u00c[23]", r"\\u00e2",
    r"[^\\](?:\\\\)*\\[bf/]",
)  # fmt: skip
# told of a whole text at its end, not of its bytes
ENDS = "ends"
