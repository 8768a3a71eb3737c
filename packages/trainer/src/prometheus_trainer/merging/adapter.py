"""Which of a LoRA adapter's tensors change which of the base model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

from prometheus_trainer.adapter_support import features
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.adapter_settings import check_settings, is_finite, scales
from prometheus_trainer.merging.plan import layer_of
from prometheus_trainer.merging.reading import StoredTensor, index_file, read_json
from prometheus_trainer.merging.tied import tied_head, with_own_head
from prometheus_trainer.model_files import refuse_lfs_pointers
from prometheus_trainer.strict_json import number_or_kind

_PREFIX = "base_model.model."
_WEIGHTS = "adapter_model.safetensors"
# Their layers are of the class Conv1D.
_TRANSPOSED_LAYERS = ("gpt2", "openai-gpt")
# How the names of a module's LoRA matrices end: those of a linear layer, those of embeddings.
_HALVES = {"A": (".lora_A.weight", ".lora_embedding_A"), "B": (".lora_B.weight", ".lora_embedding_B")}
# PEFT of 2024 wrote the first.
_MAGNITUDES = (".lora_magnitude_vector.weight", ".lora_magnitude_vector")


@dataclass(frozen=True)
class LoraPair:
    """``weight + scaling · (b @ a)``; ``a`` [r, in], ``b`` [out, r].

    ``transposed`` where the weight is stored as [in, out], as that of embeddings is. With ``magnitude`` [out], that of
    DoRA, each row of the sum is scaled to that length.
    """

    a: StoredTensor
    b: StoredTensor
    scaling: float
    transposed: bool
    magnitude: StoredTensor | None = None

    @property
    def stored(self) -> list[StoredTensor]:
        """Its tensors."""
        return [self.a, self.b, *([self.magnitude] if self.magnitude else [])]


@dataclass(frozen=True)
class Adapter:
    """What an adapter does to a base model: base tensor's name → a LoRA pair, or a tensor in its place.

    ``copies`` are base tensors that the adapter file repeats; they must equal the base's. ``base`` are the base model's
    tensors, its output layer among them where the adapter ``unties`` it from the embeddings.
    """

    folder: Path
    base: Mapping[str, StoredTensor]
    pairs: Mapping[str, LoraPair]
    replacements: Mapping[str, StoredTensor]
    copies: Mapping[str, StoredTensor]
    unties: bool

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
        within = sorted(file.parent.name for file in folder.glob("*/adapter_config.json"))
        raise ConfigurationError(
            f"{folder}: no adapter_config.json",
            "name the folder of a PEFT adapter" + (f": it has {', '.join(within)}" if within else ""),
        )
    refuse_lfs_pointers(folder)
    config = read_json(config_file)
    check_settings(config_file, config)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise ConfigurationError(f"{weights}: not found", "save the adapter in safetensors format")
    return placed_adapter(folder, config, index_file(weights), base, base_folder)


def placed_adapter(
    folder: Path,
    config: dict[str, Any],
    stored: Mapping[str, StoredTensor],
    base: Mapping[str, StoredTensor],
    base_folder: Path,
) -> Adapter:
    """The adapter of these settings and tensors, ``stored`` by their names in its file, on a base model.

    ConfigurationError as of :func:`read_adapter`.
    """
    tied = None
    if any(not layer_of(key).isdigit() for key in stored):
        tied = tied_head(base_folder, base)
    adapter = _placed(folder, config, stored, with_own_head(base, tied), base_folder)
    changed = adapter.pairs.keys() | adapter.replacements.keys()
    # What changes one of the two no longer changes the other: PEFT's model computes so, and its merge_and_unload, which
    # adds to the weight that both use, does not.
    unties = tied is not None and not changed.isdisjoint(tied)
    return replace(adapter, unties=unties, base=adapter.base if unties else base)


def _placed(
    folder: Path,
    config: dict[str, Any],
    stored: Mapping[str, StoredTensor],
    base: Mapping[str, StoredTensor],
    base_folder: Path,
) -> Adapter:
    pairs: dict[str, LoraPair] = {}
    replacements: dict[str, StoredTensor] = {}
    copies: dict[str, StoredTensor] = {}
    unused: list[str] = []
    model_type = read_json(base_folder / "config.json").get("model_type")
    magnitudes: dict[str, StoredTensor] = {}
    scale_of = scales(
        folder / "adapter_config.json", config, {_lora_part(key.removeprefix(_PREFIX))[0] for key in stored}
    )
    for key, tensor in stored.items():
        name = key.removeprefix(_PREFIX)
        module, half, ending = _lora_part(name)
        original = name.replace(".base_layer.", ".")
        if not key.startswith(_PREFIX):
            unused.append(key)
        elif half == "magnitude" and config.get("use_dora"):
            magnitudes[f"{module}.weight"] = tensor
        elif half in _HALVES and f"{module}.weight" in base and _other_half(key, half, ending) in stored:
            if half == "A":
                b = stored[_other_half(key, half, ending)]
                target = base[f"{module}.weight"]
                transposed = _is_transposed(config, model_type, module)
                pairs[target.name] = _checked_pair(
                    folder, config, scale_of[module], module, tensor, b, target, transposed
                )
        elif original not in base:
            unused.append(key)
        elif _replaces(config, name):
            _check_shape(tensor, base[original])
            replacements[original] = tensor
        else:
            _check_shape(tensor, base[original])
            copies[original] = tensor
    unused += [tensor.name for name, tensor in magnitudes.items() if name not in pairs]
    if unused:
        raise _unused_tensors(folder / _WEIGHTS, unused, base, base_folder)
    if not pairs and not replacements:
        raise ConfigurationError(
            f"{folder / _WEIGHTS}: has no LoRA tensors", "name an adapter that was trained"
        )
    if config.get("use_dora"):
        pairs = {
            name: _with_magnitude(folder, pair, magnitudes.get(name), base[name])
            for name, pair in pairs.items()
        }
    return Adapter(folder, base, pairs, replacements, copies, unties=False)


def _checked_pair(
    folder: Path,
    config: dict[str, Any],
    scale: tuple[Any, Any],
    module: str,
    a: StoredTensor,
    b: StoredTensor,
    target: StoredTensor,
    transposed: bool,
) -> LoraPair:
    rank, alpha = scale
    if type(rank) is not int or not 1 <= rank < 1 << 31 or not is_finite(alpha):
        raise ConfigurationError(
            f"{folder / 'adapter_config.json'}: r is {number_or_kind(rank)} and lora_alpha "
            f"{number_or_kind(alpha)} for {module}",
            "both must be numbers, r above 0",
        )
    transposed = transposed or a.name.endswith(_HALVES["A"][1])
    shape = tuple(reversed(target.shape)) if transposed else target.shape
    if len(shape) != 2 or a.shape != (rank, shape[1]) or b.shape != (shape[0], rank):
        vocabulary = ""
        if not layer_of(module).isdigit():
            vocabulary = " (the vocabularies differ in size)"
        raise ConfigurationError(
            f"{a.file}: lora_A {list(a.shape)} and lora_B {list(b.shape)} of {module} do not fit "
            f"rank {rank} and the base model's {list(target.shape)}{vocabulary}",
            "name the base model that the adapter was trained on",
        )
    return LoraPair(a, b, alpha / sqrt(rank) if config.get("use_rslora") else alpha / rank, transposed)


def _is_transposed(config: dict[str, Any], model_type: Any, module: str) -> bool:
    """Whether a layer's weight is stored as [in, out].

    PEFT goes by the layer's class; its config says of all layers what is so of the last one.
    """
    if model_type in _TRANSPOSED_LAYERS:
        return layer_of(module + ".").isdigit()
    return bool(config.get("fan_in_fan_out"))


def _with_magnitude(
    folder: Path, pair: LoraPair, magnitude: StoredTensor | None, target: StoredTensor
) -> LoraPair:
    if pair.transposed:
        feature = features()["dora-conv1d" if layer_of(target.name).isdigit() else "dora-embeddings"]
        raise feature.refused_in_merge(f"{folder}: use_dora is set, for {target.name}")
    if magnitude is None or magnitude.shape != target.shape[:1]:
        found = "no lora_magnitude_vector" if magnitude is None else f"one of {list(magnitude.shape)}"
        raise ConfigurationError(
            f"{pair.a.file}: use_dora is set, and there is {found} for {target.name} {list(target.shape)}",
            "name an adapter with all of its tensors",
        )
    return replace(pair, magnitude=magnitude)


def _lora_part(name: str) -> tuple[str, str | None, int]:
    """The module, ``A``, ``B`` or ``magnitude``, and which ending it was; ``None`` for any other tensor."""
    for part, endings in (*_HALVES.items(), ("magnitude", _MAGNITUDES)):
        for number, ending in enumerate(endings):
            if name.endswith(ending):
                return name.removesuffix(ending), part, number
    return name, None, 0


def _other_half(key: str, half: str, ending: int) -> str:
    other = "B" if half == "A" else "A"
    return key.removesuffix(_HALVES[half][ending]) + _HALVES[other][ending]


def _replaces(config: dict[str, Any], name: str) -> bool:
    """Whether a tensor beside the LoRA matrices was trained, and is no copy of the base model's."""
    if name.endswith(".bias") and config.get("bias", "none") != "none":
        return True
    listed = config.get("modules_to_save") or []
    # The names of the module and of all that it is in.
    parts = name.replace(".base_layer.", ".").split(".")[:-1]
    modules = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    # As PEFT compares: "norm" names "input_layernorm" too.
    if any(module.endswith(entry) for entry in listed for module in modules):
        return ".base_layer." not in name
    # PEFT saves what it ties to a module of modules_to_save, and does not list it.
    return bool(listed) and bool(config.get("ensure_weight_tying")) and not layer_of(name).isdigit()


def _check_shape(tensor: StoredTensor, base: StoredTensor) -> None:
    if tensor.shape != base.shape:
        raise ConfigurationError(
            f"{tensor.file}: tensor {tensor.name} is {list(tensor.shape)}, in the base {list(base.shape)}",
            "name the base model that the adapter was trained on; added tokens are not supported",
        )


def _unused_tensors(
    file: Path, unused: list[str], base: Mapping[str, StoredTensor], base_folder: Path
) -> ConfigurationError:
    fused = [name for name in base if ".mlp.experts." in name]
    return ConfigurationError(
        f"{file}: {len(unused)} of its tensors have no place in {base_folder}, which has for example "
        f"{(fused or list(base))[0]}:" + "".join(f"\n    {key}" for key in unused),
        "name the base model that the adapter was trained on, with its tensors under the same names",
    )
