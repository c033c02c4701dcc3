"""Rows that nobody should complain about: the vendors' documented forms, and what real data sets hold."""

from __future__ import annotations

from typing import Any

from defects.case import Row, bot, chat, system, user
from defects.images import data_uri, image, png
from defects.tools import FINAL, PAIR, TOOLS, call, calls, result, talk, tool

WEATHER = {
    "name": "get_current_weather",
    "description": "Get the current weather",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and country, e.g. San Francisco, USA"},
            "format": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location", "format"],
    },
}
IN_PARIS = '{"location": "Paris, France", "format": "celsius"}'
ASK = user("What is the weather in Paris?")


def said(answer: str, question: str = "Please show me how that is written.") -> Row:
    return chat(user(question), bot(answer))


PYTHON = (
    'Here you are:\n\n```python\ndef area(r: float) -> float:\n    """Area of a circle."""\n    return 3.14159 * r ** 2\n\n\n'
    'print(f"{area(2):.2f}")\n```\n\nCall it with a radius in metres.'
)
TABLE = "| river | km |\n|---|---|\n| Elbe | 1094 |\n| Rhine | 1233 |\n| Danube | 2850 |"
DIFF = "```diff\n--- a/river.py\n+++ b/river.py\n@@ -1,2 +1,2 @@\n-LENGTH = 1000\n+LENGTH = 1094\n NAME = 'Elbe'\n```"
SQL = "SELECT r.name, COUNT(*) AS towns\nFROM rivers r\nLEFT JOIN towns t ON t.river_id = r.id\nWHERE r.length_km > 500\nGROUP BY r.name;"
PAGE = '```html\n<!DOCTYPE html>\n<html>\n  <body>\n    <p class="river">Elbe &amp; Rhine</p>\n  </body>\n</html>\n```'
JINJA = "Use a loop:\n\n```jinja\n{% for river in rivers %}\n  {{ river.name }}\n{% endfor %}\n```"
LATEX = r"The area is $A = \pi r^2$, and $$\int_0^r 2\pi x\,dx = \pi r^2.$$ With $[a, b]$ for the range and $\{1, 2\}$ for a set."

# any target, azure-openai's way of writing; the name says what is special
CHATS: dict[str, Row] = {
    "no system message": {"messages": [user(), bot()]},
    "several turns": chat(
        user(), bot(), user("And Prague?"), bot("The Vltava does."), user("Thank you!"), bot("You are welcome.")
    ),
    "earlier answers not trained": chat(user(), bot(weight=0), user("And Prague?"), bot("The Vltava does.", weight=1)),
    "weight null": chat(user(), bot(weight=None)),
    "a name on the user": chat(user(name="Ada_L"), bot()),
    "refusal key null": chat(user(), bot(refusal=None)),
    "text parts": chat(user([{"type": "text", "text": "Which river?"}]), bot([{"type": "text", "text": "The Elbe."}])),
    "ascii escapes of an emoji": chat(user(), bot("Sure! \U0001f600 The Elbe.")),
    "emoji joined": said(
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 and a flag \U0001f3f3\ufe0f\u200d\U0001f308 by the river \u2764\ufe0f."
    ),
    "flag of England": said(
        "The flag of England is \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f, a red cross on white."
    ),
    "persian with zero-width non-joiner": said(
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627 \u0631\u0627 \u0628\u0628\u06cc\u0646\u0645."
    ),
    "arabic": said(
        "\u0639\u0627\u0635\u0645\u0629 \u0645\u0635\u0631 \u0647\u064a \u0627\u0644\u0642\u0627\u0647\u0631\u0629."
    ),
    "arabic with a right-to-left mark": said("\u0627\u0644\u0633\u0639\u0631 100 USD\u200f."),
    "hebrew with bidi marks": said(
        "\u200f\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd (Jerusalem\u200e) \u05d4\u05d9\u05d0 \u05d1\u05d9\u05e8\u05d4."
    ),
    "hebrew with isolates": said("\u05d4\u05de\u05d5\u05e6\u05e8 \u2068iPhone 15\u2069 \u05d6\u05de\u05d9\u05df."),
    "hindi with joiner": said(
        "\u0915\u094d\u200d\u0937 \u0914\u0930 \u0930\u094d\u200d\u092f \u092e\u0947\u0902 \u0905\u0902\u0924\u0930 \u0939\u0948\u0964"
    ),
    "sinhala with joiner": said("\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf\u0dc0"),
    "chinese": said(
        "\u6cd5\u56fd\u7684\u9996\u90fd\u662f\u5df4\u9ece\u3002",
        "\u6cd5\u56fd\u7684\u9996\u90fd\u662f\u54ea\u91cc\uff1f",
    ),
    "japanese": said(
        "\u30d5\u30e9\u30f3\u30b9\u306e\u9996\u90fd\u306f\u30d1\u30ea\u3067\u3059\u3002",
        "\u30d5\u30e9\u30f3\u30b9\u306e\u9996\u90fd\u306f\u3069\u3053\u3067\u3059\u304b\uff1f",
    ),
    "thai": said(
        "\u0e01\u0e23\u0e38\u0e07\u0e40\u0e17\u0e1e\u0e40\u0e1b\u0e47\u0e19\u0e40\u0e21\u0e37\u0e2d\u0e07\u0e2b\u0e25\u0e27\u0e07\u0e02\u0e2d\u0e07\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28\u0e44\u0e17\u0e22"
    ),
    "russian": said(
        "\u0421\u0442\u043e\u043b\u0438\u0446\u0430 \u0424\u0440\u0430\u043d\u0446\u0438\u0438 \u2014 \u041f\u0430\u0440\u0438\u0436."
    ),
    "portuguese capitals": said("S\u00c3O PAULO e JO\u00c3O s\u00e3o nomes; \u00c2NGULO e \u00c3\u00c9 tamb\u00e9m."),
    "french quotes": said("\u00ab Bonjour \u00bb, dit-il\u00a0; l\u2019\u0152uvre co\u00fbte 5\u00a0\u20ac."),
    "vietnamese": said("Th\u1ee7 \u0111\u00f4 c\u1ee7a Vi\u1ec7t Nam l\u00e0 H\u00e0 N\u1ed9i."),
    "code": said(PYTHON),
    "sql": said(f"```sql\n{SQL}\n```"),
    "bare sql": said(SQL),
    "diff": said(DIFF),
    "html in a fence": said(PAGE),
    "jinja in a fence": said(JINJA),
    "table": said(TABLE),
    "latex": said(LATEX),
    "json": said('{"river": "Elbe", "km": 1094, "towns": ["Dresden", "Hamburg"]}'),
    "json with name and arguments-like keys": said('{"name": "Ada", "age": 36}'),
    "json in a fence": said('```json\n{"river": "Elbe", "km": 1094}\n```'),
    "yaml": said("river:\n  name: Elbe\n  km: 1094\n  towns: [Dresden, Hamburg]"),
    "xml": said('<river name="Elbe"><km>1094</km></river>'),
    "one word": said("Elbe", "Which river runs through Dresden? One word."),
    "number": said("1094", "How many kilometres is the Elbe long? Digits only."),
    "list": said("1. Elbe\n2. Rhine\n3. Danube\n4. Oder"),
    "ends in a colon": said("The three rivers are, in order: Elbe, Rhine, Oder; see also:\n\n- the Spree\n- the Havel"),
    "url": said("See https://example.com/rivers?name=elbe&unit=km#length for more."),
    "python f-string in prose": said('Write `f"{name}"` to put the value of `name` in the text.'),
    "brackets in prose": said("He said: \u201cIt [the Elbe] is long\u201d [1]."),
    "one polite refusal": said("I'm sorry, but I can't help with that. I can tell you about rivers instead."),
    "talks about system prompts": said("A system prompt sets the tone of an assistant; users cannot see it."),
    "talks about tokens": said("The Elbe has no end-of-sequence token, but language models do."),
    "generics": said("Use `Dictionary<string, List<int>>` or `std::vector<int>`; in Rust `Vec<s>` fails."),
    "struck-through text": said("That was <s>1000 km</s> 1094 km."),
    "tabs and trailing spaces": said("name\tkm\nElbe\t1094  \nRhine\t1233"),
    "ascii art": said("  /\\_/\\\n ( o.o )\n  > ^ <"),
    "song with a refrain": said(
        "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\nLife is but a dream."
    ),
    "hash": said("The sha256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855."),
    "uuid and path": said("Look in /var/log/app-1f0c2d3e-aaaa-4bbb-8ccc-1234567890ab/out.log."),
    "long answer": said(" ".join(f"Sentence {i} tells of town {i * 7 % 101} on the river." for i in range(400))),
    "final tool call": {
        "messages": [ASK, calls(call(IN_PARIS, "get_current_weather"))],
        "tools": [{"type": "function", "function": WEATHER}],
    },
    "tool call with content null": talk({**calls(call()), "content": None}, result(), FINAL),
    "tool call with content empty": talk({**calls(call()), "content": ""}, result(), FINAL),
    "parallel calls": PAIR,
    "parallel calls answered the other way round": talk(
        calls(call(), call('{"place": "Prague"}', id_="call_2")), result("430", "call_2"), result(), FINAL
    ),
    "parallel_tool_calls false": talk(calls(call()), result(), FINAL, parallel_tool_calls=False),
    "tool never called": talk(FINAL),
    "call id used again in a later turn": talk(
        calls(call()),
        result(),
        FINAL,
        user("And Prague?"),
        calls(call('{"place": "Prague"}', id_="call_2")),
        result("430", "call_2"),
        bot("It is 430 km."),
    ),
    "tool result in parts": talk(calls(call()), result([{"type": "text", "text": "1094"}]), FINAL),
    "tool result empty": talk(calls(call()), result("OK"), FINAL),
    "strict tool": talk(calls(call()), result(), FINAL, tools=[tool(strict=True)]),
    "tool without parameters": talk(
        calls(call("{}", "now")),
        result("noon"),
        bot("It is noon."),
        tools=[{"type": "function", "function": {"name": "now", "description": "The time."}}],
    ),
    "arguments with unicode": talk(calls(call('{"place": "M\u00fcnchen"}')), result(), FINAL),
    "unused second tool": talk(
        calls(call()), result(), FINAL, tools=[*TOOLS, {"type": "function", "function": WEATHER}]
    ),
}
# what azure-openai and openai document for images
PICTURES: dict[str, Row] = {
    "two user messages": {
        "messages": [system("You identify artworks."), user("Describe this artwork."), user([image()]), bot("A river.")]
    },
    "data uri": chat(user([{"type": "text", "text": "What is this?"}, image(data_uri(png()))]), bot("A grey dot.")),
    "detail low": chat(user([image(detail="low")]), bot("A map of the Elbe.")),
    "several images": chat(user([image(f"https://example.com/{i}.png") for i in range(10)]), bot("Ten maps.")),
    "rgba": chat(user([image(data_uri(png(6)))]), bot("A dot.")),
    "detail high and auto": chat(user([image(detail="high"), image(detail="auto")]), bot("Two maps.")),
}
LEGACY: dict[str, Any] = {
    "function_call": {
        "messages": [
            ASK,
            {"role": "assistant", "function_call": {"name": "get_current_weather", "arguments": IN_PARIS}},
        ],
        "functions": [WEATHER],
    },
    "function result": {
        "messages": [
            ASK,
            {"role": "assistant", "function_call": {"name": "get_current_weather", "arguments": IN_PARIS}},
            {"role": "function", "name": "get_current_weather", "content": "21.0"},
            bot("It is 21 degrees."),
        ],
        "functions": [WEATHER],
    },
    "tools empty beside calls": {"messages": [ASK, calls(call(IN_PARIS, "get_current_weather"))], "tools": []},
    "developer role": {"messages": [{"role": "developer", "content": "Be brief."}, user(), bot()]},
    "two assistant messages": chat(user(), bot(), bot("Also the Weisseritz.")),
}
PREFERENCES: dict[str, Row] = {
    "documented by OpenAI": {
        "input": {
            "messages": [user("Hello, can you tell me how cold San Francisco is today?")],
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [bot("Today in San Francisco it is not quite as cold as expected.")],
        "non_preferred_output": [bot("It is not particularly cold there today.")],
    },
    "with a system message": {
        "input": {"messages": [system(), user()]},
        "preferred_output": [bot()],
        "non_preferred_output": [bot("The Rhine.")],
    },
    "tool call preferred": {
        "input": {"messages": [ASK], "tools": [{"type": "function", "function": WEATHER}]},
        "preferred_output": [calls(call(IN_PARIS, "get_current_weather"))],
        "non_preferred_output": [bot("No idea.")],
    },
    "several turns": {
        "input": {"messages": [system(), user(), bot(), user("And Prague?")]},
        "preferred_output": [bot("The Vltava.")],
        "non_preferred_output": [bot("The Oder.")],
    },
}
TRL_PREFERENCES: dict[str, Row] = {
    "explicit prompt": {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    "implicit prompt": {"chosen": "The sky is blue.", "rejected": "The sky is green."},
    "conversational": {
        "prompt": [user("What colour is the sky?")],
        "chosen": [bot("It is blue.")],
        "rejected": [bot("It is green.")],
    },
    "conversational, implicit prompt": {
        "chosen": [user("What colour is the sky?"), bot("It is blue.")],
        "rejected": [user("What colour is the sky?"), bot("It is green.")],
    },
}
TRL_ROWS: dict[str, Row] = {
    "text": {"text": "The sky is blue, and the Elbe is long."},
    "prompt and completion": {"prompt": "The sky is", "completion": " blue."},
    "conversational prompt and completion": {
        "prompt": [user("What colour is the sky?")],
        "completion": [bot("It is blue.")],
    },
    "arguments an object, result by name": {
        "messages": [
            user("Turn on the light."),
            {
                "role": "assistant",
                "tool_calls": [
                    {"type": "function", "function": {"name": "control_light", "arguments": {"room": "hall"}}}
                ],
            },
            {"role": "tool", "name": "control_light", "content": "The light is on."},
            bot("Done."),
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "control_light",
                    "description": "Turns a light on.",
                    "parameters": {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]},
                },
            }
        ],
    },
    "thinking": {"messages": [user("What is 2 + 2?"), {"role": "assistant", "thinking": "Add them.", "content": "4"}]},
}
GRADED: dict[str, Row] = {
    "documented by Azure": {
        "messages": [{"role": "user", "content": "Find the number: 20 = ? - 4."}],
        "answer": "24",
        "reason": "20 + 4",
    },
    "developer message": {
        "messages": [{"role": "developer", "content": "Be exact."}, user("What is 2 + 2?")],
        "reference_answer": {"value": 4},
    },
    "several turns": {"messages": [user("What is 2 + 2?"), bot("4"), user("And times 3?")], "reference_answer": "12"},
}
