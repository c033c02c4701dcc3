"""Tool declarations, calls and results."""

from __future__ import annotations

import json
from typing import Any

from defects.case import Case, Row, chat, row_case, user

ANY, NOTE, HOSTED = "EEEEEE", "WWWWWW", "EEEWWW"
PARAMETERS = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "unit": {"type": "string", "enum": ["km", "mi"]}},
    "required": ["place"],
    "additionalProperties": False,
}


def tool(name: str = "river_length", **more: Any) -> Row:
    function = {"name": name, "description": "Length of the river of a place.", "parameters": PARAMETERS, **more}
    return {"type": "function", "function": function}


def call(arguments: Any = '{"place": "Dresden"}', name: str = "river_length", id_: str = "call_1", **more: Any) -> Row:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*made: Any, **more: Any) -> Row:
    return {"role": "assistant", "tool_calls": list(made), **more}


def result(text: Any = "1094", id_: str = "call_1", **more: Any) -> Row:
    return {"role": "tool", "tool_call_id": id_, "content": text, **more}


def without(message: Row, key: str) -> Row:
    return {k: v for k, v in message.items() if k != key}


FINAL = {"role": "assistant", "content": "The Elbe is 1094 km long."}
ASKED = user("How long is the river of Dresden?")
TOOLS = [tool()]


def talk(*messages: Row, tools: Any = TOOLS, **more: Any) -> Row:
    return chat(ASKED, *messages, **({} if tools is None else {"tools": tools}), **more)


GOOD_TALK = talk(calls(call()), result(), FINAL)
TWICE = (call(), call('{"place": "Prague"}', id_="call_2"))
PAIR = talk(calls(*TWICE), result(), result("430", "call_2"), FINAL)


def case(
    name: str, rule: str, grades: str, bad: Row, pointer: str | None, also: str = "", good: Row = GOOD_TALK
) -> Case:
    return row_case(name, rule, grades, bad, good, pointer, also)


def declared(name: str, rule: str, grades: str, tools: Any, pointer: str, also: str = "") -> Case:
    return case(name, rule, grades, talk(calls(call()), result(), FINAL, tools=tools), pointer, also)


def called(name: str, rule: str, grades: str, made: Any, key: str = "", also: str = "") -> Case:
    pointer = f"/messages/2/tool_calls/0{key}"
    return case(name, rule, grades, talk(calls(made), result(), FINAL), pointer, also)


ARGS = "/function/arguments"
CASES = [
    case("calls without tools", "T001", NOTE, talk(calls(call()), result(), FINAL, tools=None), "/messages"),
    declared("tools an object", "T002", ANY, tool(), "/tools"),
    declared("tools a string", "T002", ANY, json.dumps(TOOLS), "/tools"),
    declared("tool without wrapper", "T002", ANY, [tool()["function"]], "/tools/0"),
    declared(
        "tool without name",
        "T002",
        ANY,
        [tool(), {"type": "function", "function": {"description": "Nothing."}}],
        "/tools/1/function",
    ),
    declared("tool of unknown type", "T002", ANY, [{**tool(), "type": "retrieval"}], "/tools/0"),
    declared("129 tools", "T003", "EEW---", [tool(), *(tool(f"t{i}") for i in range(128))], "/tools"),
    declared("name of a tool with a space", "T004", "EEEWWW", [tool(), tool("river width")], "/tools/1/function/name"),
    declared("name of a tool too long", "T004", "EEEWWW", [tool(), tool("a" * 65)], "/tools/1/function/name"),
    declared("tool declared twice", "T005", NOTE, [tool(), tool()], "/tools/1/function/name"),
    declared(
        "parameters a string",
        "T006",
        ANY,
        [tool(), tool("b", parameters="none")],
        "/tools/1/function/parameters",
        "F025",
    ),
    declared(
        "parameters of unknown type",
        "T006",
        ANY,
        [tool(), tool("b", parameters={"type": "dict"})],
        "/tools/1/function/parameters",
    ),
    declared(
        "required not a list",
        "T006",
        ANY,
        [tool(), tool("b", parameters={"type": "object", "required": "place"})],
        "/tools/1/function/parameters",
        "F025",
    ),
    declared(
        "properties a list",
        "T006",
        ANY,
        [tool(), tool("b", parameters={"type": "object", "properties": ["place"]})],
        "/tools/1/function/parameters",
        "F025",
    ),
    declared(
        "tool without description",
        "T007",
        "IIIIII",
        [{"type": "function", "function": without(tool()["function"], "description")}],
        "/tools/0/function",
    ),
    case(
        "no calls in the list",
        "T010",
        ANY,
        talk(calls(content="One moment."), user("Well?"), FINAL),
        "/messages/2/tool_calls",
        good=talk(FINAL),
    ),
    called("call without id", "T011", HOSTED, without(call(), "id"), "", "T021"),
    called("call without type", "T011", HOSTED, without(call(), "type")),
    called("call of unknown type", "T011", HOSTED, call(type="tool"), "/type"),
    called("call without function", "T011", HOSTED, without(call(), "function")),
    called(
        "call without name",
        "T011",
        HOSTED,
        {"id": "call_1", "type": "function", "function": {"arguments": "{}"}},
    ),
    called(
        "call without arguments",
        "T011",
        HOSTED,
        {"id": "call_1", "type": "function", "function": {"name": "river_length"}},
    ),
    called("id is a number", "T011", HOSTED, {**call(), "id": 1}, "", "T021"),
    called("arguments an object", "T012", "EEE---", call({"place": "Dresden"}), ARGS),
    called("arguments a list", "T012", "EEE---", call(["Dresden"]), ARGS, "T015"),
    row_case(
        "arguments a string",
        "T013",
        "WW",
        GOOD_TALK,
        talk(calls(call({"place": "Dresden"})), result(), FINAL),
        f"/messages/2/tool_calls/0{ARGS}",
        targets=("trl", "kaito"),
    ),
    called("arguments no JSON", "T014", ANY, call("place=Dresden"), ARGS),
    called("arguments cut off", "T014", ANY, call('{"place": "Dres'), ARGS),
    called("arguments with single quotes", "T014", ANY, call("{'place': 'Dresden'}"), ARGS),
    called("arguments empty", "T014", ANY, call(""), ARGS),
    called("arguments a JSON list", "T015", NOTE, call('["Dresden"]'), ARGS),
    called("required argument missing", "T015", NOTE, call("{}"), ARGS),
    called("argument of wrong type", "T015", NOTE, call('{"place": 5}'), ARGS),
    called("argument outside enum", "T015", NOTE, call('{"place": "Dresden", "unit": "m"}'), ARGS),
    called("argument not declared", "T015", NOTE, call('{"place": "Dresden", "year": 3}'), ARGS),
    called("tool not declared", "T016", NOTE, call(name="river_depth"), "/function/name"),
    case(
        "call id twice",
        "T017",
        HOSTED,
        talk(calls(call(), call('{"place": "Prague"}')), result(), FINAL),
        "/messages/2/tool_calls/1/id",
        good=PAIR,
    ),
    case(
        "result without id",
        "T020",
        HOSTED,
        talk(calls(call()), without(result(), "tool_call_id"), FINAL),
        "/messages/3",
        "T022",
    ),
    case(
        "result of no call",
        "T021",
        HOSTED,
        talk(calls(call()), result(id_="call_9"), FINAL),
        "/messages/3/tool_call_id",
        "T022",
    ),
    case(
        "result before its call",
        "T021",
        HOSTED,
        talk(result(), calls(call()), result(), FINAL),
        "/messages/2/tool_call_id",
        "T023",
    ),
    case(
        "result without any call", "T021", HOSTED, talk(result(), FINAL), "/messages/2/tool_call_id", good=talk(FINAL)
    ),
    case("call not answered", "T022", HOSTED, talk(calls(call()), FINAL), "/messages/2/tool_calls/0", "R016"),
    case(
        "second call not answered",
        "T022",
        HOSTED,
        talk(calls(*TWICE), result(), FINAL),
        "/messages/2/tool_calls/1",
        good=PAIR,
    ),
    case(
        "call answered by the user",
        "T022",
        HOSTED,
        talk(calls(call()), user("1094"), FINAL),
        "/messages/2/tool_calls/0",
    ),
    case("result twice", "T023", HOSTED, talk(calls(call()), result(), result(), FINAL), "/messages/4/tool_call_id"),
    case(
        "content beside calls",
        "T024",
        "IIIIII",
        talk(calls(call(), content="I look that up."), result(), FINAL),
        "/messages/2/content",
    ),
    case(
        "parallel_tool_calls as text",
        "T025",
        "EEW---",
        talk(calls(call()), result(), FINAL, parallel_tool_calls="no"),
        "/parallel_tool_calls",
        "F022",
        good=talk(calls(call()), result(), FINAL, parallel_tool_calls=False),
    ),
    case(
        "parallel calls refused",
        "T025",
        "EEW---",
        {**PAIR, "parallel_tool_calls": False},
        "/messages/2/tool_calls",
        "F022",
        good=PAIR,
    ),
    case(
        "call written as text",
        "T027",
        NOTE,
        talk(
            {
                "role": "assistant",
                "content": '<tool_call>{"name": "river_length", "arguments": {"place": "Dresden"}}</tool_call>',
            }
        ),
        "/messages/2/content",
    ),
    case(
        "call as a fenced block",
        "T027",
        NOTE,
        talk(
            {
                "role": "assistant",
                "content": '```json\n{"name": "river_length", "arguments": {"place": "Dresden"}}\n```',
            }
        ),
        "/messages/2/content",
    ),
    case(
        "result not text", "R024", ANY, talk(calls(call()), result({"km": 1094}), FINAL), "/messages/3/content", "F025"
    ),
    case(
        "tool_calls an object",
        "T010",
        ANY,
        talk({"role": "assistant", "tool_calls": call()}, result(), FINAL),
        "/messages/2/tool_calls",
        "T021",
    ),
    case(
        "tool_calls on user",
        "R036",
        NOTE,
        chat({**ASKED, "tool_calls": [call()]}, FINAL),
        "/messages/1/tool_calls",
        "T001 T022",
        good=talk(FINAL),
    ),
]
