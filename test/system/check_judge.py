"""Loads a judge, generates, and compares every element with the float64 mean of its experts, rounded once.

Usage: check_judge.py JUDGE EXPERT EXPERT. The reference is numpy, and rounds by looking at both neighbours.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def read(folder: str) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for file in sorted(Path(folder).glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def round_to_bfloat16(values: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of each float64, ties to even, as its 16 bits."""
    magnitude = np.abs(values)
    # Toward zero: float32 can only have rounded up past a bfloat16 by being equal to it, so cut from below.
    single = magnitude.astype(np.float32)
    single = np.where(single.astype(np.float64) > magnitude, np.nextafter(single, np.float32(0)), single)
    below = single.view(np.uint32) >> 16
    above = below + 1
    low = (below << 16).astype(np.uint32).view(np.float32).astype(np.float64)
    high = (above << 16).astype(np.uint32).view(np.float32).astype(np.float64)
    to_low, to_high = magnitude - low, high - magnitude
    up = (to_high < to_low) | ((to_high == to_low) & (below % 2 == 1))
    return (np.where(up, above, below) | (np.signbit(values).astype(np.uint32) << 15)).astype(np.uint16)


def main() -> None:
    judge_folder, *expert_folders = sys.argv[1:]
    judge, experts = read(judge_folder), [read(folder) for folder in expert_folders]
    assert all(judge.keys() == expert.keys() for expert in experts), "tensor names differ"
    wrong = 0
    for name, tensor in judge.items():
        assert tensor.dtype == torch.bfloat16, name
        mean = sum(expert[name].double().numpy() for expert in experts) / len(experts)
        wrong += int((tensor.contiguous().view(torch.uint16).numpy() != round_to_bfloat16(mean)).sum())

    model = AutoModelForCausalLM.from_pretrained(judge_folder)
    tokenizer = AutoTokenizer.from_pretrained(judge_folder)
    ids = tokenizer("[INST] Is this response good? [/INST]", return_tensors="pt")
    generated = model.generate(**ids, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    new_tokens = generated.shape[1] - ids["input_ids"].shape[1]
    print(json.dumps({"tensors": len(judge), "elements_wrong": wrong, "generated_tokens": new_tokens}))


main()
