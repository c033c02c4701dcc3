"""The code that a model card shows for loading the artifact; a test takes it out of a card and runs it."""

from __future__ import annotations

import json

from trainers.contract import GENAI_BUILDER, OnnxResult, Task

_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "dml": ["DmlExecutionProvider", "CPUExecutionProvider"],
}

_PLAIN = """\
import json

import numpy as np
import onnxruntime
from transformers import AutoTokenizer

folder = "@FOLDER@"
messages = [{"role": "user", "content": "Hello"}]

session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=@PROVIDERS@)
tokenizer = AutoTokenizer.from_pretrained(folder)
prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]

@CONFIG@
ends = ends if isinstance(ends, list) else [ends]
dtypes = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
cache = {
    one.name: np.zeros((1, one.shape[1], 0, @HEAD_SIZE@), dtypes[one.type])
    for one in session.get_inputs()
    if one.name.startswith("past_key_values.")
}
outputs = [one.name for one in session.get_outputs()]
fed, answer = ids, []
while len(answer) < 64:
    length = len(ids) + len(answer)
    feed = {"input_ids": np.array([fed], np.int64), "attention_mask": np.ones((1, length), np.int64)}
@POSITIONS@    values = dict(zip(outputs, session.run(None, feed | cache)))
    cache = {name: values[name.replace("past_key_values", "present")] for name in cache}
    token = int(values["logits"][0, -1].argmax())
    if token in ends:
        break
    answer.append(token)
    fed = [token]
print(tokenizer.decode(answer))
"""
_BUILDER_CONFIG = """\
with open(f"{folder}/genai_config.json") as handle:
    config = json.load(handle)["model"]
ends, head_size = config["eos_token_id"], config["decoder"]["head_size"]"""
_DYNAMO_CONFIG = """\
with open(f"{folder}/generation_config.json") as handle:
    ends = json.load(handle)["eos_token_id"]"""
_POSITIONS = """\
    feed["position_ids"] = np.arange(length - len(fed), length, dtype=np.int64)[None]
"""

_CLASSES = """\
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder, text = "@FOLDER@", "When do you open on Monday?"
with open(f"{folder}/config.json") as handle:
    labels = json.load(handle)["id2label"]
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=@PROVIDERS@)
encoded = Tokenizer.from_file(f"{folder}/tokenizer.json").encode(text)
values = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
feed = {one.name: np.array([values[one.name]], np.int64) for one in session.get_inputs()}
(logits,) = session.run(["logits"], feed)
@ANSWER@"""
_OF_TEXT = """\
print(labels[str(logits[0].argmax())])
"""
_OF_WORDS = """\
start = 0
for word in text.split(" "):  # the first token of a word carries its tag
    place = next(at for at, (left, right) in enumerate(encoded.offsets) if right > max(left, start))
    print(word, labels[str(logits[0, place].argmax())])
    start += len(word) + 1
"""

_GENAI = """\
import json

import onnxruntime_genai as og

folder = "@FOLDER@"
messages = [{"role": "user", "content": "Hello"}]

model = og.Model(folder)
tokenizer = og.Tokenizer(model)
ids = tokenizer.encode(tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True))
parameters = og.GeneratorParams(model)
parameters.set_search_options(max_length=len(ids) + 64, do_sample=False)
generator = og.Generator(model, parameters)
generator.append_tokens(ids)
answer = []
while not generator.is_done():
    generator.generate_next_token()
    answer.append(int(generator.get_next_tokens()[0]))
print(tokenizer.decode(answer))
"""
_TORCH = """\
@IMPORTS@
from transformers import AutoModelForCausalLM, AutoTokenizer

messages = [{"role": "user", "content": "Hello"}]

@LOADED@
prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
fed = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
output = model.generate(**fed, max_new_tokens=64, do_sample=False)
answer = output[0, fed["input_ids"].shape[1] :].tolist()
print(tokenizer.decode(answer, skip_special_tokens=True))
"""
_WHOLE = """\
tokenizer = AutoTokenizer.from_pretrained("model")
model = AutoModelForCausalLM.from_pretrained("model")"""
_ADAPTER = """\
# the base model that was tuned: its folder, or its id
base = @BASE@
tokenizer = AutoTokenizer.from_pretrained(base)
if Path("adapter/chat_template.jinja").exists():  # the template that was trained on, where it is not the base's
    tokenizer.chat_template = Path("adapter/chat_template.jinja").read_text()
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "adapter")"""


def model_code() -> str:
    """Greedy decoding in PyTorch with the whole model that full fine-tuning leaves."""
    return _filled(_TORCH.removeprefix("@IMPORTS@\n"), LOADED=_WHOLE)


def adapter_code(base: str) -> str:
    """The same with an adapter beside its base."""
    imports = "from pathlib import Path\n\nfrom peft import PeftModel"
    return _filled(_TORCH, IMPORTS=imports, LOADED=_filled(_ADAPTER, BASE=json.dumps(base)))


def plain_code(model: OnnxResult, task: Task = "chat") -> str:
    """Greedy decoding in plain onnxruntime, with the cache; of a classifier what it says of one text."""
    if task != "chat":
        answer = _OF_TEXT if task == "text-classification" else _OF_WORDS
        return _filled(_CLASSES, FOLDER=_folder(model), PROVIDERS=_providers(model), ANSWER=answer)
    builder = model.route == GENAI_BUILDER
    return _filled(
        _PLAIN,
        FOLDER=_folder(model),
        PROVIDERS=_providers(model),
        CONFIG=_BUILDER_CONFIG if builder else _DYNAMO_CONFIG,
        HEAD_SIZE="head_size" if builder else "one.shape[3]",
        POSITIONS="" if builder else _POSITIONS,
    )


def genai_code(model: OnnxResult) -> str | None:
    """The same in onnxruntime-genai, or None for a folder that it does not open or does not answer alike."""
    if model.genai is None or not model.genai.verified:
        return None
    return _filled(_GENAI, FOLDER=_folder(model))


def _providers(model: OnnxResult) -> str:
    return str(_PROVIDERS[model.provider]).replace("'", '"')


def _folder(model: OnnxResult) -> str:
    return model.path.rpartition("/")[0]


def _filled(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
