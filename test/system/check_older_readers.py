"""Opens what a run wrote with what stood before this process in its path. Usage: check_older_readers.py RUNS

Prints the versions, what the judge lacked, and how far PEFT's plain loading of each adapter is from its merged model.
"""

import json
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def load(folder: Path) -> tuple[torch.nn.Module, dict[str, list[str]]]:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)


def logits(model: torch.nn.Module, ids: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**ids).logits


def main() -> None:
    runs = Path(sys.argv[1])
    judge, loading = load(runs / "judge")
    tokenizer = AutoTokenizer.from_pretrained(runs / "judge")
    ids = tokenizer("[INST] Is this response better than the other? [/INST] The first", return_tensors="pt")
    base_logits = logits(load(runs / "base")[0], ids)
    difference, learnt = {}, {}
    for expert in ("absolute", "relative"):
        adapted = logits(PeftModel.from_pretrained(load(runs / "base")[0], runs / "experts" / expert), ids)
        merged = logits(load(runs / "experts-merged" / expert)[0], ids)
        # The median: a router that is undecided between two experts makes single positions jump.
        difference[expert] = (adapted - merged).abs().median().item()
        learnt[expert] = (adapted - base_logits).abs().median().item()
    print(
        json.dumps(
            {
                "versions": [transformers.__version__, peft.__version__],
                "missing": sorted(loading["missing_keys"]) + sorted(loading["unexpected_keys"]),
                "rope_theta": judge.config.rope_theta,
                "ids": ids["input_ids"][0].tolist(),
                "adapter_from_merged": difference,
                "adapter_from_base": learnt,
            }
        )
    )


main()
