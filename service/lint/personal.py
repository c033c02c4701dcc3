"""Personal data and secrets of rows: what the privacy scan finds at each text, by rule; never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import xxhash

from service.lint.check import Check, Hit, Row
from service.lint.languages import identifier, language_of
from service.lint.shape import role
from service.privacy.allowed import Allow, Allowed
from service.privacy.entities import CARRIED_RULE, RESERVED_RULE, SECRET_RULE, EntityTable
from service.privacy.escapes import found_in, plain
from service.privacy.fields import Text, may_be_document, texts
from service.privacy.found import Found
from service.privacy.reserved import Reserved, ReservedAs, ReservedValues
from service.privacy.settings import NER_ENTITIES, PrivacySettings
from service.privacy.value_key import mark_of, shown_mark
from service.records.lint_report import PersonalPlace

if TYPE_CHECKING:
    from service.privacy.scanner import Scanner

# what a check `reads` that is told of personal data
READS = "personal"
# texts that come again and again, as system messages do, are scanned once; long ones are not kept
_KEPT_TEXTS, _KEPT_CHARACTERS = 1024, 8192
_CARRYING = ("/arguments", "/image_url/url", "/image_url")
_SPAN = 1 << 64


class Personal(NamedTuple):
    """One finding in a row. `mark` is 64 bits of the keyed hash of its value, `trained` that it stands in an answer
    which is trained on, `inside` that the span is of a text inside the JSON that the string at `pointer` holds.
    """

    rule: str
    pointer: str
    entity: str
    start: int
    end: int
    score: float
    mark: int
    memorised: bool
    trained: bool
    kind: str
    inside: bool


class RowFound(NamedTuple):
    """What a row holds, how often each entity was allowed, and which language it was scanned as."""

    found: list[Personal]
    allowed: Counter[str]
    language: str


class PrivacyScan(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """How a lint run looks for personal data; what it needs to look is made in the process that looks.

    `auto` tells each row's language, among those of the settings; otherwise every text is scanned as each of them.
    `reserved` are values that are nobody's, and `reserved_as` what becomes of them. `sample` is the share of rows that
    are scanned. `weights` says that the target leaves answers of weight 0 out of
    training.
    """

    settings: PrivacySettings
    table: EntityTable
    key: bytes
    allow: tuple[Allow, ...] = ()
    reserved: tuple[Reserved, ...] = ()
    reserved_as: ReservedAs = "info"
    sample: float = 1.0
    auto: bool = False
    weights: bool = True

    @cached_property
    def scanner(self) -> Scanner:
        """What finds it. Raises TuneGateError as `scanner_of`."""
        return scanner_of(self.settings)

    @property
    def unavailable(self) -> list[str]:
        """What a named-entity model would tell that is configured and not on this machine."""
        return list(NER_ENTITIES) if self.settings.ner is not None and self.scanner.settings.ner is None else []

    def prepare(self) -> None:
        """Load now what processes that are forked share."""
        self.scanner.prepare()
        if self.auto:
            identifier()

    @cached_property
    def _allowed(self) -> Allowed:
        return Allowed(self.allow)

    @cached_property
    def _reserved(self) -> ReservedValues:
        return ReservedValues(() if self.reserved_as == "personal" else self.reserved)

    @cached_property
    def _remembered(self) -> Any:
        return lru_cache(maxsize=_KEPT_TEXTS)(self._scanned_anew)

    def takes(self, line: bytes) -> bool:
        """Whether a row is in the sample: by a hash of its line, so that any cut of the data takes the same rows."""
        share = self.sample
        return share == 1 or xxhash.xxh3_64_intdigest(line) < share * _SPAN

    def may_hold(self, contents: Sequence[str]) -> bool:
        """Whether the texts of a plain row hold anything that a rule names; never wrong about a no."""
        if self.auto:
            return True
        remembered = self._remembered
        for text in contents:
            if may_be_document(text):
                return True  # its texts are others than it
            found = remembered(text) if len(text) <= _KEPT_CHARACTERS else self._scanned_anew(text)
            # nearly every text ends here
            if found and any(self.table.rule_of(one.entity) for one in found):
                return True
        return False

    def row(self, data: dict[str, Any]) -> RowFound:
        """Everything in a row, in the order of its texts."""
        told = texts(data)
        language = self._language(told)
        found: list[Personal] = []
        allowed: Counter[str] = Counter()
        for text in told:
            context = tuple(word.lower() for word in text.context)
            for one in self._scanned(text.text, context, language):
                rule = self.table.rule_of(one.entity)
                if rule is None:
                    continue
                value = plain(text.text[one.start : one.end])
                nobodys = self._reserved(one.entity, value)
                if self._allowed(one.entity, value) or (nobodys and self.reserved_as == "allow"):
                    allowed[one.entity] += 1
                else:
                    found.append(self._personal(one, RESERVED_RULE if nobodys else rule, text, value, data))
        return RowFound(found, allowed, language)

    def _personal(self, one: Found, rule: str, text: Text, value: str, data: dict[str, Any]) -> Personal:
        if rule == SECRET_RULE and text.pointer.endswith(_CARRYING):
            rule = CARRIED_RULE
        memorised = rule != RESERVED_RULE and self.table.memorised(one.entity)
        return Personal(
            rule, text.pointer, one.entity, one.start, one.end, round(one.score, 2), mark_of(self.key, value),
            memorised, is_trained(data, text.pointer, weights=self.weights), text.kind, text.inside,
        )  # fmt: skip

    def _language(self, told: Sequence[Text]) -> str:
        """The language to scan a row as; empty for every one of the settings."""
        if not self.auto:
            return ""
        code = language_of(" ".join(text.text for text in told if text.kind == "string"))
        return code if code in self.settings.languages else self.settings.languages[0]

    def _scanned(self, text: str, context: tuple[str, ...], language: str) -> Sequence[Found]:
        if len(text) > _KEPT_CHARACTERS:
            return self._scanned_anew(text, context, language)
        # called as `may_hold` does where it can be, which is one text to remember and not two
        plain = not context and not language
        found: Sequence[Found] = self._remembered(text) if plain else self._remembered(text, context, language)
        return found

    def _scanned_anew(self, text: str, context: tuple[str, ...] = (), language: str = "") -> Sequence[Found]:
        languages = (language,) if language else self.settings.languages
        if len(languages) == 1:
            return found_in(text, lambda one: self.scanner.scan(one, language=languages[0], context=context))
        return found_in(text, lambda one: self._in_each(one, languages, context))

    def _in_each(self, text: str, languages: Sequence[str], context: tuple[str, ...]) -> Sequence[Found]:
        """What several languages find alike is one finding."""
        scan = self.scanner.scan
        best: dict[tuple[int, int, str], Found] = {}
        for one in (one for each in languages for one in scan(text, language=each, context=context)):
            known = best.get(one[1:3] + one[:1])
            if known is None or one.score > known.score:
                best[one[1:3] + one[:1]] = one
        return [best[place] for place in sorted(best)]


def scanner_of(settings: PrivacySettings) -> Scanner:
    """One for all runs with the same settings: what it loads takes longer than to lint a small file.

    Raises:
        TuneGateError: for settings that cannot be, or a model that is required and not there.
    """
    return _scanner(msgspec.json.encode(settings, order="deterministic"))


@lru_cache(maxsize=4)
def _scanner(settings: bytes) -> Scanner:
    from service.privacy.scanner import Scanner

    return Scanner(msgspec.json.decode(settings, type=PrivacySettings))


def is_trained(data: dict[str, Any], pointer: str, *, weights: bool) -> bool:
    """Whether the text at a pointer is part of an answer that a model learns to give."""
    _, key, place = f"{pointer}//".split("/")[:3]
    if key in {"completion", "chosen", "preferred_output"}:
        return True
    messages = data.get(key) if key == "messages" else None
    # keys that a pointer does not show leave places that are those of other messages, or of none
    index = int(place) if place.isdecimal() else -1
    if not isinstance(messages, list) or not 0 <= index < len(messages):
        return False
    message = messages[index]
    if not isinstance(message, dict) or role(message) != "assistant":
        return False
    return not (weights and message.get("weight") == 0)


def personal_of(row: Row) -> list[Personal]:
    """What the scan found in a row; nothing where no scan was asked for."""
    found: RowFound | None = row.__dict__.get(READS)
    return found.found if found else []


def placed(one: Personal) -> PersonalPlace:
    """The finding as a record."""
    return PersonalPlace(one.entity, one.start, one.end, one.score, shown_mark(one.mark))


def personal_check(code: str, severity: str = "WWWW") -> Check:
    """A check that reports what the scan found for its rule."""

    def find(row: Row) -> Iterator[Hit]:
        for one in personal_of(row):
            if one.rule == code:
                yield Hit(said(one), pointer=one.pointer, personal=placed(one))

    return Check(code=code, scope="row", severity=severity, find=find, reads=(READS,))


def said(one: Personal) -> str:
    """What a message says of a finding: entity, span, score and mark; `tunegate redact` is what takes it out."""
    where = "in a key" if one.kind == "key" else "in the JSON" if one.inside else "at"
    span = f"characters {one.start} to {one.end}"
    place = f"{where}, {span}" if where != "at" else span
    return f"{one.entity} {place}, score {one.score:.2f}, value {shown_mark(one.mark)}"
