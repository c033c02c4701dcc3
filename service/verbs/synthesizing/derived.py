"""Files that are made of others: which rows of them syntheses wrote, followed from the lines of the inputs."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.packing import open_file, unpacked
from service.records.synthesis import SynthReport
from service.verbs.synthesizing.files import provenance_path, record_path
from service.verbs.synthesizing.known_rows import Row, key_of
from service.verbs.synthesizing.origins import Origins, joined, origins_beside, origins_of

# /dev/stdout may be a file that the shell opened, and nothing belongs beside its other name
_DEVICES = Path("/dev")


class Followed:
    """The lines of an input, and which of them are known: 8 bytes a line where anything could be."""

    def __init__(self, path: Path | None, origins: Origins | None) -> None:
        known = origins if origins is not None else origins_beside(path) if path is not None else Origins()
        self._numbers = array("q")
        if path is not None and known.records and path.is_file():
            known = _told_as_a_whole(path, known)
            with open_file(path, str(path)) as stream:
                found = (known.number(line) for line in unpacked(stream, str(path)))
                self._numbers.extend(-1 if number is None else number for number in found)
        self.origins = known
        self.any = any(number >= 0 for number in self._numbers)

    def row(self, number: int) -> Row | None:
        """What is known of a line, by its number from 1.

        Raises:
            TuneGateError: `invalid_input` where it is not there any more.
        """
        known = self._numbers[number - 1] if 0 < number <= len(self._numbers) else -1
        return self.origins.rows.row(known) if known >= 0 else None


class Trail:
    """Follows the rows of syntheses from the lines of an input to those of a file that is made of it."""

    def __init__(self, made: Derived, followed: Followed) -> None:
        self._made, self._followed = made, followed

    def wrote(self, number: int, line: bytes) -> None:
        """A line was written that comes of line `number` (from 1) of the input; one that holds nothing is no row."""
        if line.strip():
            self._made.add(self._followed.row(number), line)


def trails(made: Sequence[Derived], path: Path | None) -> list[Trail]:
    """Of one input to each of several files; it is read once."""
    followed = Followed(path, None)
    return [one.follow(followed) for one in made]


class Derived:
    """A file that is made of others: the rows in it that syntheses wrote, and their records."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._lines = bytearray()
        self._named: Counter[str] = Counter()
        self._records: dict[str, SynthReport] = {}
        self._own: set[str] = set()
        self._expected, self._count = False, 0

    def trail(self, path: Path | None, origins: Origins | None = None) -> Trail:
        """For one input, which is read to find its rows where `origins`, else what stands beside it, know of any."""
        return self.follow(Followed(path, origins))

    def follow(self, followed: Followed) -> Trail:
        self._records |= followed.origins.records
        self._own |= followed.origins.own
        self._expected = self._expected or followed.any
        return Trail(self, followed)

    def knows(self, record: str) -> bool:
        return record in self._records

    @property
    def placed(self) -> bool:
        """Whether it is a file in a folder, and no pipe, device or descriptor."""
        folder = Path(os.path.realpath(self.out.parent))
        return (self.out.is_file() or not self.out.exists()) and folder.parts[1:2] != ("proc",) and folder != _DEVICES

    @property
    def awaited(self) -> bool:
        """Whether something may stand beside the file in the end."""
        return self._expected and self.placed

    def add(self, origin: Row | None, line: bytes) -> None:
        self._count += 1
        if origin is None:
            return
        key = key_of(line)
        changed = {} if key == origin["sha256"] or origin.get("derived_from") else {"derived_from": origin["sha256"]}
        self._lines += msgspec.json.encode(origin | changed | {"row": self._count, "sha256": key}) + b"\n"
        self._named[str(origin["synth"])] += 1

    def lines(self) -> bytes:
        """What is known of the rows, as NAME.provenance.jsonl has it."""
        return bytes(self._lines)

    def contents(self) -> dict[Path, bytes]:
        """What is to stand beside the file; nothing where no row of it was written by a synthesis."""
        if not self.awaited or not self._named:
            return {}
        records = [record for name, record in self._records.items() if name in self._named]
        content = msgspec.json.encode(records[0] if len(records) == 1 else records)
        return {
            record_path(self.out): msgspec.json.format(content, indent=2) + b"\n",
            provenance_path(self.out): self.lines(),
        }

    def origins(self) -> Origins:
        """Those of its rows; the records that stood under an input's own name are told even if no row is theirs."""
        named = self._own | self._named.keys()
        return origins_of([one for name, one in self._records.items() if name in named], self.lines())


def _told_as_a_whole(path: Path, origins: Origins) -> Origins:
    """With every row of a file that is byte for byte what a synthesis wrote, where its origins are not known."""
    if path.stat().st_size not in {one.output.bytes for one in origins.records.values() if one.output}:
        return origins
    with path.open("rb") as stream:
        whole = origins.whole(hashlib.file_digest(stream, "sha256").hexdigest())
        if whole is None:
            return origins
        stream.seek(0)
        lines = b"".join(msgspec.json.encode({"sha256": key_of(line), "synth": whole}) + b"\n" for line in stream)
    return joined([origins, origins_of([origins.records[whole]], lines)], own=origins.own)
