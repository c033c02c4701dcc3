"""What the recognizers cost grows with the length of a text, not with its square: ratios of CPU time, never seconds."""

from __future__ import annotations

import time

import pytest

from service.privacy.recognizers import own_recognizers

# the heads of patterns, repeated: a search that starts anew at each and runs to the end shows as a square
BEGIN = "-" * 5 + "BEGIN PRIVATE KEY" + "-" * 5 + "\n"
PIECES = ["a", "1", "eyJ.", 'password = "', "aws_ key ", "server= ; ", "https://a:", "sk-proj-", BEGIN, "Bearer ",
          "xoxb-1234567890-", "4111 ", "12345678901 ", "?sig=%2B", "\nA_", "DE44 "]  # fmt: skip
# four times the length may take four times as long, and twice that on a busy machine; the square takes sixteen times
TIMES, MOST_RATIO = 4, 9
# below this the clock is what is measured
SECONDS = 0.02
CHARACTERS = 15_000
RECOGNIZERS = own_recognizers("en", ("US", "GB", "PH", "DE", "IN"))


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_of_heads_takes_no_square(piece: str) -> None:
    slow = []
    for one in RECOGNIZERS:
        taken = []
        for size in (CHARACTERS, TIMES * CHARACTERS):
            text = piece * (size // len(piece))
            start = time.process_time()
            one.analyze(text, one.supported_entities)
            taken.append(time.process_time() - start)
        if taken[1] > MOST_RATIO * max(taken[0], SECONDS):
            slow.append((one.name, taken))
    assert slow == []
