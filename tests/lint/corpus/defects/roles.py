"""Messages, roles, order, content, names, weights."""

from __future__ import annotations

import json

from defects.case import GOOD, Case, bot, chat, jsonl, row_case, system, user

ANY, NOTE = "EEEEEE", "WWWWWW"
PLAIN = chat(user(), bot())
FIRST, LAST = "/messages/1", "/messages/2"


def case(
    name: str, rule: str, grades: str, bad: object, pointer: str | None, also: str = "", good: object = PLAIN
) -> Case:
    return row_case(name, rule, grades, bad, good, pointer, also)


def answer(name: str, rule: str, grades: str, message: object, key: str = "", also: str = "") -> Case:
    """A defect of the last message."""
    return case(name, rule, grades, chat(user(), message), LAST + key, also)


def question(name: str, rule: str, grades: str, message: object, key: str = "", also: str = "") -> Case:
    """A defect of the user's message."""
    return case(name, rule, grades, chat(message, bot()), FIRST + key, also)


FOUR = (user(), bot(), user("And through Prague?"), bot("The Vltava runs through Prague."))
LONG = [user() if i % 2 == 0 else bot() for i in range(2048)]

CASES = [
    case("messages is a string", "R001", ANY, {"messages": json.dumps(PLAIN["messages"])}, "/messages"),
    case("messages is an object", "R001", ANY, {"messages": user()}, "/messages"),
    case("messages is null", "R001", ANY, {"messages": None}, "/messages"),
    case("messages is empty", "R002", ANY, {"messages": []}, "/messages"),
    case("message is a string", "R003", ANY, chat("Where is Oslo?", user(), bot()), FIRST, "F025"),
    case("message is null", "R003", ANY, chat(user(), None, bot()), LAST),
    case("message is a list", "R003", ANY, chat(["user", "Hi"], user(), bot()), FIRST, "F025"),
    question("role missing", "R004", ANY, {"content": "Where is Oslo?"}, "", "R011"),
    answer("role human", "R005", ANY, {"role": "gpt", "content": "In Norway."}, "/role", "R010 R012"),
    question("role customer", "R005", ANY, user(role="customer"), "/role", "R011"),
    answer("role Assistant", "R006", ANY, bot(role="Assistant"), "/role", "R010 R012"),
    answer("role with a space", "R006", ANY, bot(role="assistant "), "/role", "R010 R012"),
    question("role is a number", "R007", ANY, user(role=1), "/role", "R011 F025"),
    question("role is null", "R007", ANY, user(role=None), "/role", "R011"),
    case(
        "developer role",
        "R008",
        "IIWWWW",
        {"messages": [user("Answer briefly.", role="developer"), user(), bot()]},
        "/messages/0/role",
        "Q010 Q011",
    ),
    case(
        "function role",
        "R009",
        "WWEEEE",
        chat(
            user(),
            {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": '{"place": "Oslo"}'}},
            {"role": "function", "name": "find", "content": "Norway"},
            bot("In Norway."),
            functions=[{"name": "find", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}],
        ),
        "/functions",
    ),
    case("no assistant", "R010", ANY, chat(user()), "/messages", "R012"),
    case("no user", "R011", "WWWEEE", chat(bot()), "/messages", "R017"),
    case("ends with user", "R012", ANY, chat(*FOUR[:3]), "/messages/3", good=chat(*FOUR)),
    case("ends with system", "R012", ANY, chat(user(), bot(), system("Be brief.")), "/messages/3", "R013 R014"),
    case("system not first", "R013", NOTE, {"messages": [user(), system(), bot()]}, "/messages/1"),
    case("two system messages", "R014", NOTE, chat(system("Be brief."), user(), bot()), "/messages/1", "R013"),
    case("two user messages", "R015", "IIWWWW", chat(user(), user("In Saxony?"), bot()), "/messages/2"),
    case("two assistant messages", "R016", NOTE, chat(user(), bot(), bot("Also the Weisseritz.")), "/messages/3"),
    case(
        "opens with assistant",
        "R017",
        NOTE,
        chat(bot("Hello, what would you like to know?"), user(), bot()),
        "/messages/1",
    ),
    case("single message", "R018", ANY, {"messages": [bot()]}, "/messages", "R011 R017 Q010"),
    case("2049 messages", "R019", "EEW---", chat(*LONG), "/messages", good=chat(*LONG[:2046])),
    answer("content missing", "R020", ANY, {"role": "assistant"}),
    question("content missing from user", "R020", ANY, {"role": "user"}),
    answer("content null", "R021", ANY, bot(None), "/content"),
    answer("content empty", "R022", ANY, bot(""), "/content"),
    answer("content blank", "R022", ANY, bot(" \n\t"), "/content"),
    question("content of user empty", "R023", NOTE, user(""), "/content"),
    case(
        "content of system empty",
        "R023",
        NOTE,
        {"messages": [system(""), user(), bot()]},
        "/messages/0/content",
        "Q011",
    ),
    answer("content a number", "R024", ANY, bot(42), "/content", "F025"),
    answer("content an object", "R024", ANY, bot({"text": "The Elbe."}), "/content", "F025"),
    answer("content true", "R024", ANY, bot(True), "/content", "F025"),
    question("content of user a number", "R024", ANY, user(42), "/content", "F025"),
    answer("unknown message key", "R025", "WWWIII", bot(timestamp=3), "/timestamp"),
    question("name with a space", "R026", NOTE, user(name="Ada L."), "/name"),
    question("name too long", "R026", NOTE, user(name="a" * 65), "/name"),
    answer("weight true", "R030", "EEEE--", bot(weight=True), "/weight", "R033"),
    answer("weight 1.0", "R030", "EEEE--", bot(weight=1.0), "/weight", "R033"),
    answer("weight 0.5", "R030", "EEEE--", bot(weight=0.5), "/weight", "R033"),
    answer("weight 2", "R030", "EEEE--", bot(weight=2), "/weight", "R033"),
    answer("weight -1", "R030", "EEEE--", bot(weight=-1), "/weight", "R033"),
    answer("weight as text", "R030", "EEEE--", bot(weight="1"), "/weight", "R033"),
    question("weight on user", "R031", "EEEE--", user(weight=1), "/weight", "R033"),
    case(
        "weight on system",
        "R031",
        "EEEE--",
        {"messages": [system(weight=0), user(), bot()]},
        "/messages/0/weight",
        "R033",
    ),
    case("nothing trained", "R032", "EEEEWW", chat(user(), bot(weight=0)), "/messages", "R034 R033"),
    case(
        "last answer not trained",
        "R034",
        NOTE,
        chat(*FOUR[:3], bot(weight=0)),
        "/messages/4/weight",
        "R033",
        good=chat(*FOUR),
    ),
    answer("training key", "R035", "WWW---", bot(training=True), "/training", "R025"),
    answer("thinking key", "R035", "WWW---", bot(thinking="The pupil asks for a river."), "/thinking", "R025"),
    Case(
        "system message in some rows only",
        "Q010",
        "WWWIII",
        jsonl([*GOOD[:30], *({"messages": row["messages"][1:]} for row in GOOD[30:])]),
        jsonl(GOOD),
        line=None,
    ),
    Case(
        "several system messages",
        "Q011",
        "WWWIII",
        jsonl({"messages": [system(f"You teach class {i % 30}."), *row["messages"][1:]]} for i, row in enumerate(GOOD)),
        jsonl(GOOD),
        line=None,
    ),
]
