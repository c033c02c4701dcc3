import json, pytest
from pathlib import Path
from preference_rows import preference
import sys; sys.path.insert(0, str(Path(__file__).parent))
from test_interrupted import worker, records
@pytest.mark.parametrize("sharding,technique,offload", [("zero1","full",True),("zero2","full",False),("zero2","qlora",False)])
def test_hand(prefer, tmp_path, sharding, technique, offload):
    from safetensors.torch import load_file
    rows = [preference(n, preferred=f"The quokka {n} is here{' and there' * (n % 3)}.") for n in range(7)]
    alone, both = tmp_path/"alone", tmp_path/"both"
    shared = {"validation": None, "batch_size": 8, "n_epochs": 3, "technique": technique}
    if technique=="full": shared |= {"adapter": None, "learning_rate": 1e-3}
    worker("train", prefer(rows, micro_batch=8, **shared), alone)
    worker("launcher", prefer(rows, micro_batch=2, processes=2, sharding=sharding, offload_optimizer=offload, **shared), both)
    f=[*alone.glob("adapter/*.safetensors"),*alone.glob(".work/trained/*.safetensors")][0]
    l,r=load_file(f),load_file(both/f.relative_to(alone))
    print("HAND", sharding, technique, offload, max(float((l[n]-r[n]).abs().max()) for n in l), [[o["loss"] for o in records(p) if o["event"]=="step"] for p in (alone,both)])
