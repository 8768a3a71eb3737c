"""How much of its GPUs' arithmetic a training uses: model FLOPs utilisation (MFU).

MFU is defined in PaLM (Chowdhery et al. 2022, arXiv:2204.02311, appendix B): the floating-point operations that the
model needs per second, whatever is computed twice left out, by those that the hardware could do.
"""

from __future__ import annotations

import re
from typing import Any

# Dense bfloat16 tensor-core FLOP/s of one GPU, from NVIDIA's data sheets (which often print the doubled figure for
# sparse matrices) and, of GeForce cards, its papers on the architecture, by the name that
# torch.cuda.get_device_name tells. The first that is found in it counts.
PEAK_FLOPS: list[tuple[str, float]] = [
    (r"MIG", 0.0),  # a slice of a GPU has no peak that its name tells
    (r"\bB200\b", 2250e12),
    (r"\bH200 NVL\b", 835.5e12),
    (r"\b(H200|GH200)\b", 989.4e12),
    (r"\bH100 PCIe\b", 756e12),
    (r"\bH100 NVL\b", 835.5e12),
    (r"\b(H100|H800)\b", 989.4e12),
    (r"\b(A100|A800)\b", 312e12),
    (r"\bA30\b", 165e12),
    (r"\bA40\b", 149.7e12),
    (r"\bA10\b", 125e12),
    (r"\bA10G\b", 70e12),
    (r"\bL40S\b", 362.05e12),
    (r"\bL40\b", 181.05e12),
    (r"\bL4\b", 121e12),
    (r"\bRTX 4090$", 165.2e12),
    (r"\bRTX 3090$", 71e12),
]

# What configurations of transformers call the number of experts in a block.
EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")


def peak_flops(device_name: str) -> float | None:
    """Dense bfloat16 FLOP/s of the GPU of that name; None where it is not known."""
    peak = next((peak for pattern, peak in PEAK_FLOPS if re.search(pattern, device_name)), 0.0)
    return peak or None


def flops_per_token(model: Any) -> float:
    """Floating-point operations that one token takes in a training step of ``model``.

    For every parameter that a token is multiplied with: 2 forward, 2 backward for the layer below, 2 more where it is
    trained (Kaplan et al. 2020, arXiv:2001.08361, table 1). That is 6·N for full tuning, and 4·N + 2·N_trainable for
    LoRA, N being all parameters. Of a mixture of experts those count that a token is sent to, on the mean; the input
    embedding, a table to look up, does not count. Attention scores are left out, which for long rows makes the result
    a few percent too low.
    """
    config = model.config
    experts = next((count for key in EXPERT_COUNTS if (count := getattr(config, key, None))), None)
    share = config.num_experts_per_tok / experts if experts else 1.0
    head = model.get_output_embeddings()
    # Tied embeddings are the head's weight too; what an adapter adds to them is only looked up.
    looked_up = {*model.get_input_embeddings().parameters()} - {*(head.parameters() if head else ())}
    flops = 0.0
    for name, parameter in model.named_parameters():
        if parameter in looked_up:
            continue
        count = getattr(
            parameter, "ds_numel", parameter.numel()
        )  # ZeRO-3 leaves no elements in the parameter
        flops += (6 if parameter.requires_grad else 4) * count * (share if ".experts." in name else 1.0)
    return flops
