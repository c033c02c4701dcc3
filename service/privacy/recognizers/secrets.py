"""Secret rules as Presidio recognizers; a finding spans the secret alone, not the name before it."""

from __future__ import annotations

import regex
from presidio_analyzer import Pattern, PatternRecognizer

from service.privacy.recognizers.checks import CHECKS, PROOFS, entropy, placeholder
from service.privacy.recognizers.secret_rules import SecretRule

# letters count as written: a token's prefix is its name. Never 0, which Presidio takes for its own default
FLAGS = regex.MULTILINE | regex.DOTALL


class FramedPattern(Pattern):  # type: ignore[misc]
    r"""A pattern whose matches span the secret without what stands before it.

    `regex` holds the frame and the secret: a gate that reads it is asked for both, so it is never asked too little.
    What runs is the same with \K between the two, which only moves the start of a match. Vectorscan has no \K, and a
    look-behind would leave its pre-filter nothing but "eight characters without a space".
    """

    def __init__(self, name: str, before: str, secret: str, after: str, score: float) -> None:
        super().__init__(name, f"{before}(?:{secret}){after}", score)
        self.compiled_regex = regex.compile(f"{before}\\K(?:{secret})(?={after})", FLAGS)
        self.compiled_with_flags = FLAGS


class SecretRecognizer(PatternRecognizer):  # type: ignore[misc]
    """One rule: a placeholder, too little entropy or a failed test drops the match."""

    def __init__(self, rule: SecretRule, language: str) -> None:
        before, after = rule.edges
        self.rule = rule
        super().__init__(
            supported_entity=rule.id,
            name=rule.id,
            supported_language=language,
            patterns=[FramedPattern(rule.id, before, rule.regex, after, rule.score)],
            context=list(rule.context),
            global_regex_flags=FLAGS,
        )

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether the matched text is no secret."""
        if entropy(pattern_text) < self.rule.min_entropy or placeholder(pattern_text):
            return True
        return bool(self.rule.check) and CHECKS[self.rule.check](pattern_text) is False


class ProvenSecretRecognizer(SecretRecognizer):
    """A rule whose test can prove a secret: the score is then 1."""

    def validate_result(self, pattern_text: str) -> bool | None:
        """True where the test says so."""
        return CHECKS[self.rule.check](pattern_text)


def secret_recognizers(rules: dict[str, SecretRule], language: str) -> list[SecretRecognizer]:
    """A recognizer for each rule."""
    return [
        (ProvenSecretRecognizer if rule.check in PROOFS else SecretRecognizer)(rule, language)
        for rule in rules.values()
    ]
