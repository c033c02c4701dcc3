"""Files, encodings, lines and keys."""

from __future__ import annotations

import json

from defects.case import GOOD, Case, among, bot, chat, jsonl, line, row_case, system, user

CLEAN = jsonl(GOOD)
PLAIN = line(chat(user(), bot()))
ANY = "EEEEEE"


def whole(name: str, rule: str, grades: str, bad: bytes, at: int | None = None, also: str = "", **more: object) -> Case:
    """A defect of the whole file."""
    return Case(name, rule, grades, bad, CLEAN, line=at, also=frozenset(also.split()), **more)  # type: ignore[arg-type]


def broken(name: str, raw: bytes, rule: str = "F008", grades: str = ANY, also: str = "") -> Case:
    """A line that is no row."""
    return row_case(name, rule, grades, raw, PLAIN, None, also)


def keyed(name: str, rule: str, grades: str, row: object, pointer: str | None = "", also: str = "") -> Case:
    return row_case(name, rule, grades, row, chat(user(), bot()), pointer, also)


SHAREGPT = {"conversations": [{"from": "human", "value": "Where is Oslo?"}, {"from": "gpt", "value": "In Norway."}]}
ALPACA = {"instruction": "Name the capital.", "input": "Norway", "output": "Oslo."}
HALF = PLAIN[: len(PLAIN) // 2]
LATIN = PLAIN.replace(b"Dresden", b"Ch\xe2lons")

CASES = [
    whole("empty file", "F001", ANY, b""),
    whole("blank lines only", "F001", ANY, b"\n\n \n", also="F011"),
    whole("byte order mark only", "F001", ANY, b"\xef\xbb\xbf", also="F004"),
    broken("latin-1 byte", LATIN, "F002"),
    broken("cut utf-8 sequence", PLAIN.replace(b"Dresden", b"K\xc3ln"), "F002"),
    broken("overlong utf-8", PLAIN.replace(b"Dresden", b"a\xc0\xafb"), "F002"),
    broken("surrogate in utf-8", PLAIN.replace(b"Dresden", b"a\xed\xa0\x80b"), "F002"),
    whole("utf-16 with mark", "F006", ANY, CLEAN.decode().encode("utf-16")),
    whole("utf-16-le without mark", "F006", ANY, CLEAN.decode().encode("utf-16-le")),
    whole("utf-16-be without mark", "F006", ANY, CLEAN.decode().encode("utf-16-be")),
    whole("utf-32 with mark", "F006", ANY, CLEAN.decode().encode("utf-32")),
    whole("byte order mark at the start", "F004", "-W--WW", b"\xef\xbb\xbf" + CLEAN),
    broken("byte order mark between joined files", b"\xef\xbb\xbf" + PLAIN, "F005"),
    whole("ends in .json", "F007", "WWWIII", CLEAN, file="train.json"),
    whole("ends in .txt", "F007", "WWWIII", CLEAN, file="train.txt"),
    broken("trailing comma in the object", PLAIN[:-1] + b",}"),
    broken("trailing comma after the object", PLAIN + b",", "F010"),
    broken("trailing comma in the list", PLAIN.replace(b"}]}", b"},]}")),
    broken("single quotes", str(chat(user(), bot())).encode()),
    broken("Python None", PLAIN[:-1] + b', "tools": None}'),
    broken("key without quotes", PLAIN.replace(b'"messages"', b"messages")),
    broken("closing brace missing", PLAIN[:-1]),
    broken("row cut in half", HALF),
    broken("comment", b"// the second lesson"),
    broken("hash comment", b"# the second lesson"),
    broken("tab inside a string", PLAIN.replace(b"runs through", b"runs\tthrough")),
    broken("bad escape", PLAIN.replace(b"runs through", b"runs \\x through")),
    broken("NUL byte inside a string", PLAIN.replace(b"runs through", b"runs\0through"), also="F016"),
    broken("leading zero", PLAIN[:-1] + b', "n": 012}', also="F022"),
    broken("missing comma", PLAIN.replace(b'"system", ', b'"system" ')),
    broken("missing colon", PLAIN.replace(b'"messages": ', b'"messages" ')),
    broken("typographic quotes", PLAIN.replace(b'"messages"', "\u201cmessages\u201d".encode())),
    broken("merge conflict marker", b"<<<<<<< HEAD"),
    broken("HTML instead of data", b"<!doctype html><html><body>404</body></html>"),
    broken("csv header", b"prompt,completion"),
    whole("last line cut off", "F008", ANY, CLEAN + HALF, at=61),
    whole(
        "newline unescaped inside a string", "F008", ANY, among(PLAIN.replace(b"runs through", b"runs\nthrough")), at=7
    ),
    broken("list on a line", b'["a", "b"]', "F009"),
    broken("string on a line", b'"Where is Oslo?"', "F009"),
    broken("number on a line", b"42", "F009"),
    broken("null on a line", b"null", "F009"),
    broken("two objects on a line", line(GOOD[0]).replace(b"Norway", b"Prussia") + PLAIN, "F010"),
    broken("two objects on a line, comma", line(GOOD[0]).replace(b"Norway", b"Prussia") + b", " + PLAIN, "F010"),
    whole("one JSON array", "F010", ANY, json.dumps(GOOD).encode(), at=1),
    whole("one JSON array, a row per line", "F010", ANY, b"[\n" + b",\n".join(map(line, GOOD)) + b"\n]\n", at=1),
    whole("pretty-printed", "F010", ANY, b"\n".join(json.dumps(r, indent=2).encode() for r in GOOD), at=1),
    whole("CR line ends", "F010", ANY, CLEAN.replace(b"\n", b"\r"), at=1, also="X004"),
    broken("blank line", b"", "F011", "WWWIII"),
    broken("line of spaces", b"   ", "F011", "WWWIII"),
    whole("CRLF line ends", "F012", "IIIIII", CLEAN.replace(b"\n", b"\r\n")),
    keyed("NaN", "F013", ANY, PLAIN[:-1] + b', "score": NaN}', "/score", "F022"),
    keyed("Infinity", "F013", ANY, PLAIN[:-1] + b', "score": Infinity}', "/score", "F022"),
    keyed("minus Infinity", "F013", ANY, PLAIN[:-1] + b', "score": -Infinity}', "/score", "F022"),
    keyed("messages twice", "F014", ANY, PLAIN[:-1] + b', "messages": []}', "/messages", "R002"),
    keyed(
        "content twice",
        "F014",
        ANY,
        PLAIN.replace(b'"content": "The', b'"content": "A", "content": "The'),
        "/messages/2/content",
    ),
    keyed(
        "role twice",
        "F014",
        ANY,
        PLAIN.replace(b'"role": "assistant"', b'"role": "assistant", "role": "assistant"'),
        "/messages/2/role",
    ),
    keyed(
        "weight twice",
        "F014",
        ANY,
        PLAIN.replace(b'"role": "assistant"', b'"role": "assistant", "weight": 0, "weight": 1'),
        "/messages/2/weight",
        "R033",
    ),
    keyed("lone high surrogate", "F015", ANY, PLAIN.replace(b"runs through", b"runs \\ud83d through"), None),
    keyed("lone low surrogate", "F015", ANY, PLAIN.replace(b"runs through", b"runs \\ude00 through"), None),
    keyed("surrogates the wrong way round", "F015", ANY, PLAIN.replace(b"runs through", b"\\ude00\\ud83d"), None),
    keyed("NUL escape", "F016", "WWWWWW", chat(user(), bot("The Elbe\0 runs there.")), "/messages/2/content"),
    keyed(
        "escape character",
        "F016",
        "WWWWWW",
        chat(user(), bot("The \x1b[1mElbe\x1b[0m runs there.")),
        "/messages/2/content",
    ),
    keyed("nested too deep", "F017", ANY, PLAIN[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}", None, "F022"),
    keyed(
        "nested beyond any parser",
        "F017",
        ANY,
        PLAIN[:-1] + b', "x": ' + b"[" * 90000 + b"]" * 90000 + b"}",
        None,
        "F022",
    ),
    keyed("sharegpt", "F020", ANY, SHAREGPT, None),
    keyed("alpaca", "F020", ANY, ALPACA, None),
    keyed("empty object", "F020", ANY, {}, None),
    keyed("key message", "F020", ANY, {"message": [user(), bot()]}, None),
    keyed("error page as a row", "F020", ANY, {"error": {"code": 429, "message": "Too many requests"}}, None),
    keyed(
        "batch request around the row",
        "F020",
        ANY,
        {"custom_id": "7", "method": "POST", "url": "/v1/chat/completions", "body": chat(user(), bot())},
        None,
        "F021",
    ),
    keyed("mixed shapes", "F021", ANY, {"prompt": "Where is Oslo?", "completion": " In Norway."}, None, "F026"),
    keyed("unknown top-level key", "F022", "WWWIII", chat(user(), bot(), source="lesson 3"), "/source"),
    keyed("Messages", "F023", ANY, {"Messages": [system(), user(), bot()]}, "/Messages"),
    keyed("messages with a space", "F023", ANY, {" messages": [system(), user(), bot()]}, "/?"),
    keyed(
        "Content",
        "F023",
        ANY,
        chat(user(), {"role": "assistant", "Content": "The Elbe."}),
        "/messages/2/Content",
    ),
]
CASES += [
    Case("nine rows", "L001", "EEW---", jsonl(GOOD[:9]), jsonl(GOOD[:10]), line=None, also=frozenset({"L002", "X004"})),
    Case("forty-nine rows", "L002", "WWWWWW", jsonl(GOOD[:49]), jsonl(GOOD[:50]), line=None),
]
