"""Chat templates in the documented shapes of well-known families, written for these tests, and tokenizers for them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

ARGUMENTS = {"place": "map room", "floor": 2}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}

# ChatML as Qwen2 uses it: tools in the system turn, calls as JSON objects in tags, results in a user turn
CHATML = """\
{%- if tools -%}
{{ '<|im_start|>system\\n' }}
{%- if messages[0]['role'] == 'system' -%}{{ messages[0]['content'] + '\\n' }}{%- endif -%}
{%- for tool in tools -%}{{ tool | tojson + '\\n' }}{%- endfor -%}
{{ '<|im_end|>\\n' }}
{%- elif messages[0]['role'] == 'system' -%}{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message['role'] == 'tool' -%}
{%- if loop.first or messages[loop.index0 - 1]['role'] != 'tool' -%}{{ '<|im_start|>user' }}{%- endif -%}
{{ '\\n<tool_response>\\n' + message['content'] + '\\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1]['role'] != 'tool' -%}{{ '<|im_end|>\\n' }}{%- endif -%}
{%- elif message['role'] == 'assistant' -%}
{{ '<|im_start|>assistant' }}
{%- if message['content'] -%}{{ '\\n' + message['content'] }}{%- endif -%}
{%- for call in message['tool_calls'] or [] -%}
{{ '\\n<tool_call>\\n{"name": "' + call['function']['name'] + '", "arguments": ' }}
{{- call['function']['arguments'] | tojson + '}\\n</tool_call>' }}
{%- endfor -%}
{{ '<|im_end|>\\n' }}
{%- elif message['role'] != 'system' -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""

# Llama 3: headers, contents stripped, one call per turn as bare JSON, results of a role of their own
LLAMA = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- set role = 'ipython' if message['role'] == 'tool' else message['role'] -%}
{{- '<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' -}}
{%- if loop.first and tools -%}{{- tools | tojson + '\\n' -}}{%- endif -%}
{%- if message['tool_calls'] -%}
{%- if message['tool_calls'] | length != 1 -%}{{- raise_exception('one call per turn') -}}{%- endif -%}
{%- set call = message['tool_calls'][0]['function'] -%}
{{- '{"name": "' + call['name'] + '", "parameters": ' + (call['arguments'] | tojson) + '}' -}}
{%- else -%}{{- message['content'] | trim -}}{%- endif -%}
{{- '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}"""

# Phi-3: a marker per role, and the end of the conversation after the last turn where no prompt is asked for
PHI = """\
{%- for message in messages -%}
{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- else -%}{{ eos_token }}{%- endif -%}"""

# Mistral: no generation prompt, alternating turns, tools before the last user turn, call ids of nine characters
MISTRAL = """\
{{- bos_token -}}
{%- set turns = messages | selectattr('role', 'in', ['user', 'assistant']) | selectattr('tool_calls', 'undefined') -%}
{%- for message in turns -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) and loop.first -%}
{{- raise_exception('Conversations begin with the user.') -}}
{%- endif -%}
{%- endfor -%}
{%- set asked = (messages | selectattr('role', 'equalto', 'user') | list)[-1] -%}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{%- if tools and message == asked -%}{{- '[AVAILABLE_TOOLS]' + (tools | tojson) + '[/AVAILABLE_TOOLS]' -}}{%- endif -%}
{{- '[INST]' + message['content'] + '[/INST]' -}}
{%- elif message['tool_calls'] is defined -%}
{{- '[TOOL_CALLS][' -}}
{%- for call in message['tool_calls'] -%}
{%- if call['id'] is undefined or call['id'] | length != 9 -%}{{- raise_exception('ids of 9') -}}{%- endif -%}
{{- (call['function'] | tojson)[:-1] + ', "id": "' + call['id'] + '"}' -}}
{%- endfor -%}
{{- ']' + eos_token -}}
{%- elif message['role'] == 'assistant' -%}{{- ' ' + message['content'] + eos_token -}}
{%- elif message['role'] == 'tool' -%}{{- '[TOOL_RESULTS]' + message['content'] + '[/TOOL_RESULTS]' -}}
{%- else -%}{{- raise_exception('Only user, assistant and tool roles.') -}}
{%- endif -%}
{%- endfor -%}"""

# a thinking model: earlier answers lose their thoughts, the prompt may end in empty ones
THINKING = """\
{%- set asked = namespace(last=-1) -%}
{%- for message in messages -%}{%- if message['role'] == 'user' -%}{%- set asked.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{%- set text = message['content'] -%}
{%- if message['role'] == 'assistant' -%}
{%- set thought = '' -%}
{%- if '</think>' in text -%}
{%- set thought = text.split('</think>')[0].split('<think>')[-1] -%}
{%- set text = text.split('</think>')[-1] -%}
{%- endif -%}
{%- if loop.index0 > asked.last -%}{%- set text = '<think>' + thought + '</think>' + text -%}{%- endif -%}
{%- endif -%}
{{ '<|im_start|>' + message['role'] + '\\n' + text + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false -%}{{ '<think></think>' }}{%- endif -%}
{%- endif -%}"""

# its prompt always opens a thought, the stored turn has none: cured by the switch alone
PROMPTED_THOUGHT = """\
{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}{%- if enable_thinking | default(true) -%}{{ '<think>\\n' }}{%- endif -%}
{%- endif -%}"""

# the same without a switch: nothing cures it
OPEN_THOUGHT = PROMPTED_THOUGHT.replace("enable_thinking | default(true)", "true")

# contents as lists of parts, and nothing else
PARTS = """\
{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- for part in message['content'] -%}{{ part['text'] }}{%- endfor -%}{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""

# everything there is, with the parts that a model writes marked: an independent statement of what is trained
MARKED = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['role'] == 'assistant' and message['weight'] != 0 -%}
{%- generation -%}{{ message['content'] + '<|im_end|>\\n' }}{%- endgeneration -%}
{%- else -%}{{ message['content'] + '<|im_end|>\\n' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"""

SPECIAL = [
    "<|pad|>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>", "[INST]", "[/INST]", "[TOOL_CALLS]",
]  # fmt: skip


@lru_cache(maxsize=1)
def _trained() -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(
        ["system user assistant tool where is the map room? " + json.dumps(ARGUMENTS)] * 9, trainer
    )
    return str(tokenizer.to_str())


def tokenizer_with(template: str, *, eos: str = "<|im_end|>") -> Any:
    """A byte-level BPE tokenizer with all families' markers and the template."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained()), eos_token=eos, bos_token="<s>", pad_token="<|pad|>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    made.chat_template = template
    return made


def turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


def calling(arguments: Any = None, **more: Any) -> dict[str, Any]:
    """An assistant turn that calls a tool; arguments as JSON text unless given."""
    arguments = json.dumps(ARGUMENTS) if arguments is None else arguments
    call = {"id": "callabcde", "type": "function", "function": {"name": "find", "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call]} | more
