"""One small file per technique.

A technique (`technique.Technique`) loads the base it trains, puts what is trained into it, may bring its own
optimizer and callbacks, saves what was trained, and gives back a plain model:

| technique | base | trained | merge |
|---|---|---|---|
| full | fp32 | every weight (OUT/model) | is the model |
| lora, dora | fp32 | an adapter on linear layers | into the fp32 base |
| qlora, qdora | 4 bits | the same | into the dequantised 4-bit base |
| peft | fp32 | any other PeftConfig | as the method can; the prompt family cannot |
"""

from __future__ import annotations

from trainers.techniques.any_peft import AnyPeft
from trainers.techniques.dora import Dora
from trainers.techniques.full_weights import Full
from trainers.techniques.lora import Lora
from trainers.techniques.qdora import Qdora
from trainers.techniques.qlora import Qlora
from trainers.techniques.technique import Technique

# the whole registry
TECHNIQUES: dict[str, Technique] = {
    "full": Full(),
    "lora": Lora(),
    "dora": Dora(),
    "qlora": Qlora(),
    "qdora": Qdora(),
    "peft": AnyPeft(),
}
FOUR_BIT = ("qlora", "qdora")


def technique(name: str) -> Technique:
    """The technique of a plan that `refusals` let through."""
    return TECHNIQUES[name]
