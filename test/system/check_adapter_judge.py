"""Checks a run of the LoRA recipe against PEFT's own merge and a float64 merge. Usage: check_adapter_judge.py RUNS"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PREFIX = "base_model.model."


def read(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def pairs(adapter: dict[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Name of the weight → its A and B."""
    return {
        name.removeprefix(PREFIX).removesuffix(".lora_A.weight") + ".weight": (
            a,
            adapter[name.replace("lora_A", "lora_B")],
        )
        for name, a in adapter.items()
        if name.endswith(".lora_A.weight")
    }


def merged_by_peft(
    weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, config: LoraConfig
) -> torch.Tensor:
    base = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=weight.dtype)
    base.weight.data.copy_(weight)
    layer = Linear(base, "default", config, r=config.r, lora_alpha=config.lora_alpha)
    layer.lora_A["default"].weight.data = a
    layer.lora_B["default"].weight.data = b
    layer.merge()
    return base.weight.data


def logits(folder: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("[INST] Is this response better than the other? [/INST] The first", return_tensors="pt")
    with torch.no_grad():
        return model(**ids).logits.double()


def logits_of(weights: dict[str, torch.Tensor], like: Path) -> torch.Tensor:
    """Logits of a model with these weights, in a copy of the folder of another one."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in like.iterdir():
            if file.suffix in {".json", ".model", ".jinja"} and "index" not in file.name:
                (Path(scratch) / file.name).write_bytes(file.read_bytes())
        tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
        save_file(tensors, Path(scratch) / "model.safetensors", {"format": "pt"})
        return logits(Path(scratch))


def main() -> None:
    runs = Path(sys.argv[1])
    base = read(runs / "base")
    unlike, count, exact = {}, {}, {name: tensor.double() for name, tensor in base.items()}
    for expert in ("absolute", "relative"):
        folder = runs / "experts" / expert
        config = LoraConfig.from_pretrained(folder)
        deltas = pairs(read(folder))
        merged = read(runs / "experts-merged" / expert)
        assert merged.keys() == base.keys()
        unlike[expert] = 0
        count[expert] = sum(not torch.equal(merged[name], base[name]) for name in base)
        for name, weight in base.items():
            expected = weight
            if name in deltas:
                a, b = deltas[name]
                expected = merged_by_peft(weight, a, b, config)
                exact[name] += 0.5 * config.lora_alpha / config.r * (b.double() @ a.double())
            unlike[expert] += int((expected != merged[name]).sum())
    judge = read(runs / "judge")
    assert judge.keys() == base.keys()
    reference = logits_of(exact, runs / "judge")
    rounded_once = logits_of({name: tensor.bfloat16() for name, tensor in exact.items()}, runs / "judge")
    found = logits(runs / "judge")
    base_logits = logits(runs / "base")
    print(
        json.dumps(
            {
                "elements_unlike_peft": unlike,
                "merged_tensors": count,
                "tensor_names": sorted(judge),
                # How far the judge is from the exact merge, and how far a merge rounded once is from it. The median: a
                # router that is undecided between two experts makes single positions jump.
                "logit_difference": (found - reference).abs().median().item(),
                "logit_difference_of_one_rounding": (rounded_once - reference).abs().median().item(),
                # Experts that a reader did not find would be random: as far off as the base, or farther.
                "logit_difference_of_the_base": (base_logits - reference).abs().median().item(),
            }
        )
    )


main()
