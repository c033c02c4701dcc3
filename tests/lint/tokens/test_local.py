"""A local model counts as transformers does: its own tokenizer, its own template's frame."""

from __future__ import annotations

import json
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import TuneGateError
from service.lint.tokens.counter import TokenCounter, counter_for

FAMILIES: dict[str, Any] = tomllib.loads((Path(__file__).parents[1] / "templates" / "templates.toml").read_text())
MARKERS = [
    "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]",
]  # fmt: skip
PROSE = [
    "The library opens at nine and closes at six; the map room is on the second floor.",
    "Answer in one sentence. Be brief. When may I return the book, and who runs the desk?",
    "def f(x):\n    return x ** 2  # squares 1234567890",
    "\u56fe\u4e66\u9986\u4eca\u5929\u51e0\u70b9\u5f00\u95e8 caf\u00e9 \U0001f44d it's, they'll, I'd",
] * 3
KINDS = ("byte-level", "metaspace", "word-piece")


def build(kind: str) -> Any:
    """A small tokenizer of one family, trained on PROSE; post-processors add tokens that no count may hold."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    if kind == "byte-level":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        how: Any = trainers.BpeTrainer(
            vocab_size=700, special_tokens=MARKERS, initial_alphabet=alphabet, show_progress=False
        )
    elif kind == "metaspace":
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        how = trainers.UnigramTrainer(vocab_size=300, special_tokens=MARKERS, unk_token="<unk>", show_progress=False)
    else:
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        how = trainers.WordPieceTrainer(vocab_size=500, special_tokens=MARKERS, show_progress=False)
    made.train_from_iterator(PROSE, how)
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """kind -> model folder, last saved in use: with truncation and padding switched on."""
    made = {}
    for kind in KINDS:
        made[kind] = tmp_path_factory.mktemp(kind)
        tokenizer = build(kind)
        tokenizer.enable_truncation(max_length=5)
        tokenizer.enable_padding(length=32)
        tokenizer.save(str(made[kind] / "tokenizer.json"))
    return made


def counter(folder: Path) -> TokenCounter:
    found, why = counter_for(target="local", model=None, model_folder=folder, mode="exact")
    assert found is not None, why
    return found


def with_template(folder: Path, tmp_path: Path, family: str) -> Path:
    """A folder of its own with the tokenizer and a template."""
    text = FAMILIES[family]["text"].replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "chat_template": text,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return tmp_path


def transformers_count(folder: Path, messages: list[dict[str, str]]) -> int:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    return len(tokenizer(text, add_special_tokens=False, truncation=False, padding=False)["input_ids"])


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(st.one_of(st.text(st.characters(), max_size=40), st.sampled_from(PROSE)), max_size=10))
@settings(max_examples=40)
def test_texts_count_as_the_tokenizer_reads_them(folders: dict[str, Path], kind: str, texts: list[str]) -> None:
    plain, readable = reference(folders[kind]), [text.encode("utf-8", "replace").decode() for text in texts]
    wanted = [len(plain.encode(text, add_special_tokens=False)) for text in readable]
    assert counter(folders[kind]).count(readable) == wanted


def reference(folder: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_truncation_or_padding_changes_no_count(folders: dict[str, Path], kind: str) -> None:
    short, long = counter(folders[kind]).count(["a", "the map room is on the second floor " * 50])
    assert short < 5
    assert long > 32


def test_the_text_of_a_special_token_counts_as_plain_text(folders: dict[str, Path]) -> None:
    assert counter(folders["byte-level"]).count(["<|im_end|>"])[0] > 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_surrogate_counts_as_a_replacement_character(folders: dict[str, Path], kind: str) -> None:
    count = counter(folders[kind]).count
    assert count(["a\ud800b"]) == count(["a\ufffdb"])


def test_the_name_says_which_file_counted(folders: dict[str, Path]) -> None:
    names = {counter(folder).name for folder in folders.values()}
    assert len(names) == len(KINDS)
    assert all(name.startswith("tokenizer.json ") and len(name) == len("tokenizer.json ") + 8 for name in names)


def test_a_counter_travels_and_notices_a_changed_file(folders: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes((folders["byte-level"] / "tokenizer.json").read_bytes())
    sent = pickle.dumps(counter(tmp_path))
    assert pickle.loads(sent).count(["a b"]) == counter(tmp_path).count(["a b"])
    path.write_bytes((folders["metaspace"] / "tokenizer.json").read_bytes())
    with pytest.raises(TuneGateError, match="changed"):
        fresh(pickle.loads(sent)).count(["a b"])


def fresh(found: TokenCounter) -> TokenCounter:
    """As in a new process: nothing loaded."""
    from service.lint.tokens import local

    local._tokenizer.cache_clear()
    return found


CHATS = [
    [("user", "When does the map room open"), ("assistant", "At nine. Bring your card.")],
    [("system", "Be brief"), ("user", "Who runs the desk?"), ("assistant", "A librarian, from nine (9) to six")],
    [("user", "one"), ("assistant", "two"), ("user", "three 3"), ("assistant", "It's four, I'd say!")],
    [("system", "Answer."), ("user", "one"), ("assistant", "two"), ("user", "x"), ("assistant", "y " * 400 + "end")],
]


@pytest.mark.parametrize("family", ["chatml", "chatml-with-a-default-system", "headers", "turns-without-system"])
def test_a_row_counts_as_transformers_tokenises_it(folders: dict[str, Path], tmp_path: Path, family: str) -> None:
    folder = with_template(folders["byte-level"], tmp_path, family)
    found = counter(folder)
    framing = found.framing()
    assert framing.exact
    for chat in CHATS:
        messages = [{"role": role, "content": text} for role, text in chat]
        if messages[0]["role"] == "system" and not FAMILIES[family]["supports_system"]:
            continue
        texts, added, approximate = framing.row({"messages": messages})
        assert not approximate
        assert sum(found.count(texts)) + added == transformers_count(folder, messages)


@pytest.mark.parametrize("family", ["instructions", "system-dropped"])
def test_a_frame_that_joins_with_the_text_or_drops_some_is_not_called_exact(
    folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    framing = counter(with_template(folders["byte-level"], tmp_path, family)).framing()
    assert not framing.exact
    assert "about" in framing.scheme


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_frame_is_within_a_token_a_message_for_every_family(
    folders: dict[str, Path], tmp_path: Path, kind: str, family: str
) -> None:
    folder = with_template(folders[kind], tmp_path, family)
    found = counter(folder)
    for chat in CHATS:
        messages = [{"role": role, "content": text} for role, text in chat]
        if messages[0]["role"] == "system" and not FAMILIES[family]["supports_system"]:
            continue
        framed = found.framing().row({"messages": messages})
        counted = sum(found.count(framed.texts)) + framed.added
        assert abs(counted - transformers_count(folder, messages)) <= len(messages)


def test_without_a_template_only_texts_count_and_the_scheme_says_so(folders: dict[str, Path]) -> None:
    framing = counter(folders["byte-level"]).framing()
    assert (framing.tokens(["user", "assistant"]), framing.exact) == (0, False)
    assert "no chat template" in framing.scheme


def test_a_hostile_template_leaves_the_count_of_texts(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = with_template(folders["byte-level"], tmp_path, "chatml")
    (folder / "chat_template.jinja").write_text("{{ 'x' * 30000000000 }}")
    framing = counter(folder).framing()
    assert (framing.tokens(["user"]), framing.exact) == (0, False)
