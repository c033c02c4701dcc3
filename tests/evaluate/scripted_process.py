"""A process that speaks as the answering process does, by rule: `python scripted_process.py HOW LOG`."""

import json
import sys
from pathlib import Path


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def main(how: str, log: Path) -> None:
    if how == "refuses":
        say(type="refused", id=None, code="unreadable_model", detail="It has no weights.", remedy="Give it some.")
        return
    say(type="ready", engine="torch", version="1", context=100)
    for line in sys.stdin:
        asked = json.loads(line)
        with log.open("a") as file:
            file.write(line)
        said, name = asked["messages"][-1]["content"], asked["id"]
        if how == "dies":
            return
        if said == "long":
            say(type="refused", id=name, code="context_overflow", detail="It is too long.")
            continue
        say(type="began", id=name, prompt_tokens=3)
        say(type="piece", id=name, text="said ")
        calls = [{"name": "find", "arguments": {"floor": 2}}] if said == "call" else []
        counts = {"prompt_tokens": 3, "completion_tokens": 2, "seconds": 0.5}
        say(type="answered", id=name, text=f"said {said}", calls=calls, finish_reason="stop", **counts)
    with log.open("a") as file:
        file.write("ended\n")


main(sys.argv[1], Path(sys.argv[2]))
