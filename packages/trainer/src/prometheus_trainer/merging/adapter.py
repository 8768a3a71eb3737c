"""Which of a LoRA adapter's tensors change which of the base model's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.reading import StoredTensor, index_file, read_json
from prometheus_trainer.model_files import refuse_lfs_pointers

_PREFIX = "base_model.model."
_WEIGHTS = "adapter_model.safetensors"
_REFUSED = {
    "use_dora": "DoRA also scales each row of the weight",
    "use_qalora": "QA-LoRA pools the inputs",
    "use_bdlora": "block-diagonal LoRA has another layout",
    "kasa_config": "KaSA also changes the base weight",
    "arrow_config": "Arrow routes between adapters",
    "monteclora_config": "MonteCLoRA samples its weights",
    "lora_bias": "it has biases that the base model lacks",
    "alora_invocation_tokens": "it is active for some tokens only",
    "trainable_token_indices": "it trains rows of the embeddings",
    "layer_replication": "it repeats layers of the base model",
    "target_parameters": "it trains fused parameters, which the original layout does not have",
}
_BASE_CHANGING_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass(frozen=True)
class LoraPair:
    """``weight + scaling · (b @ a)``; ``a`` [r, in], ``b`` [out, r].

    ``transposed`` where the weight is stored as [in, out].
    """

    a: StoredTensor
    b: StoredTensor
    scaling: float
    transposed: bool


@dataclass(frozen=True)
class Adapter:
    """What an adapter does to a base model: base tensor's name → a LoRA pair, or a tensor in its place.

    ``copies`` are base tensors that the adapter file repeats; they must equal the base's.
    """

    folder: Path
    pairs: Mapping[str, LoraPair]
    replacements: Mapping[str, StoredTensor]
    copies: Mapping[str, StoredTensor]

    @property
    def weights(self) -> Path:
        """The file of its tensors."""
        return self.folder / _WEIGHTS


def read_adapter(folder: Path, base: Mapping[str, StoredTensor], base_folder: Path) -> Adapter:
    """Reads an adapter's layout as PEFT writes it and checks it against the base model's; reads no weights.

    ConfigurationError where the adapter is of a kind that is not supported, where a shape does not fit, and
    where any of its tensors has no place in the base model.
    """
    config_file = folder / "adapter_config.json"
    if not config_file.is_file():
        raise ConfigurationError(f"{folder}: no adapter_config.json", "name the folder of a PEFT adapter")
    refuse_lfs_pointers(folder)
    config = read_json(config_file)
    _check_kind(config_file, config)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise ConfigurationError(f"{weights}: not found", "save the adapter in safetensors format")
    stored = index_file(weights)
    replaced_modules = config.get("modules_to_save") or []

    pairs: dict[str, LoraPair] = {}
    replacements: dict[str, StoredTensor] = {}
    copies: dict[str, StoredTensor] = {}
    unused: list[str] = []
    for key, tensor in stored.items():
        name = key.removeprefix(_PREFIX)
        module, half = _lora_half(name)
        original = name.replace(".base_layer.", ".")
        if not key.startswith(_PREFIX):
            unused.append(key)
        elif half and f"{module}.weight" in base and _other_half(key, half) in stored:
            if half == "A":
                b = stored[_other_half(key, half)]
                target = base[f"{module}.weight"]
                pairs[target.name] = _checked_pair(config_file, config, module, tensor, b, target)
        elif original not in base:
            unused.append(key)
        elif _names_module(original.rpartition(".")[0], replaced_modules):
            _check_shape(tensor, base[original])
            replacements[original] = tensor
        else:
            _check_shape(tensor, base[original])
            copies[original] = tensor
    if unused:
        raise _unused_tensors(weights, unused, base, base_folder)
    if not pairs and not replacements:
        raise ConfigurationError(f"{weights}: has no LoRA tensors", "name an adapter that was trained")
    return Adapter(folder, pairs, replacements, copies)


def _check_kind(file: Path, config: dict[str, Any]) -> None:
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ConfigurationError(f"{file}: peft_type is {kind!r}", "only LORA can be merged")
    for key, reason in _REFUSED.items():
        if config.get(key):
            raise ConfigurationError(
                f"{file}: {key} is set: {reason}", "merge it with PEFT (merge_and_unload) instead"
            )
    init = config.get("init_lora_weights")
    if isinstance(init, str) and init.lower().startswith(_BASE_CHANGING_INITS):
        raise ConfigurationError(
            f"{file}: init_lora_weights is {init!r}: it changed the base model's weights before training",
            "save it as plain LoRA first (PEFT: save_pretrained, path_initial_model_for_weight_conversion)",
        )


def _checked_pair(
    file: Path, config: dict[str, Any], module: str, a: StoredTensor, b: StoredTensor, target: StoredTensor
) -> LoraPair:
    rank = _by_pattern(config.get("rank_pattern"), module, config.get("r"))
    alpha = _by_pattern(config.get("alpha_pattern"), module, config.get("lora_alpha"))
    if type(rank) is not int or rank < 1 or type(alpha) not in (int, float):
        raise ConfigurationError(
            f"{file}: r is {rank!r} and lora_alpha {alpha!r} for {module}", "both must be numbers, r above 0"
        )
    transposed = bool(config.get("fan_in_fan_out"))
    shape = tuple(reversed(target.shape)) if transposed else target.shape
    if len(shape) != 2 or a.shape != (rank, shape[1]) or b.shape != (shape[0], rank):
        vocabulary = " (the vocabularies differ in size)" if module.endswith("lm_head") else ""
        raise ConfigurationError(
            f"{a.file}: lora_A {list(a.shape)} and lora_B {list(b.shape)} of {module} do not fit "
            f"rank {rank} and the base model's {list(target.shape)}{vocabulary}",
            "name the base model that the adapter was trained on",
        )
    return LoraPair(a, b, alpha / sqrt(rank) if config.get("use_rslora") else alpha / rank, transposed)


def _by_pattern(patterns: Any, module: str, default: Any) -> Any:
    """The value of the first pattern that matches the end of the module's name, as PEFT looks it up."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def _lora_half(name: str) -> tuple[str, str | None]:
    """The module and ``A`` or ``B`` for one of a module's LoRA matrices; ``None`` for any other tensor."""
    for half in ("A", "B"):
        if name.endswith(f".lora_{half}.weight"):
            return name.removesuffix(f".lora_{half}.weight"), half
    return name, None


def _other_half(key: str, half: str) -> str:
    return key.removesuffix(f".lora_{half}.weight") + f".lora_{'B' if half == 'A' else 'A'}.weight"


def _names_module(module: str, listed: Iterable[str]) -> bool:
    # As PEFT compares: "norm" names "input_layernorm" too.
    return any(module.endswith(name) for name in listed)


def _check_shape(tensor: StoredTensor, base: StoredTensor) -> None:
    if tensor.shape != base.shape:
        raise ConfigurationError(
            f"{tensor.file}: tensor {tensor.name} is {list(tensor.shape)}, in the base {list(base.shape)}",
            "name the base model that the adapter was trained on; added tokens are not supported",
        )


def _unused_tensors(
    file: Path, unused: list[str], base: Mapping[str, StoredTensor], base_folder: Path
) -> ConfigurationError:
    if "lm_head.weight" not in base and any(".lm_head." in key for key in unused):
        return ConfigurationError(
            f"{file}: changes lm_head, but {base_folder} has none of its own: it uses the embeddings' weight",
            "untie the base model's lm_head, or train without lm_head among the target modules",
        )
    fused = [name for name in base if ".mlp.experts." in name]
    return ConfigurationError(
        f"{file}: {len(unused)} of its tensors have no place in {base_folder}, which has for example "
        f"{(fused or list(base))[0]}:" + "".join(f"\n    {key}" for key in unused),
        "name the base model that the adapter was trained on, with its tensors under the same names",
    )
