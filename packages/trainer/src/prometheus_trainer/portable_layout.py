"""A trained model or adapter in a layout that transformers 4 and 5, PEFT, vLLM and mergekit all read.

The tokenizer and the generation settings are the base model's own files, since training does not change them and what
transformers 5 writes there transformers 4 does not always read. Of the configuration, what transformers 5 moved or
renamed stands under both names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_trainer.merging.layout import without_quantisation
from prometheus_trainer.saving_steps import Step, Unwritten, attempt
from prometheus_trainer.unfused_mixtral import original_key, original_targets

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
ADAPTER_WEIGHTS = "adapter_model.safetensors"
# The keys that PEFT of 2023 knew, and that readers other than PEFT look for; later ones are written where they matter.
LASTING_ADAPTER_KEYS = {
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "modules_to_save",
    "peft_type",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "task_type",
}


def finish_model(
    folder: Path, base_model: Path, *, chat_template: str | None, pad_token: str | None
) -> list[Unwritten]:
    """Makes ``folder``, where a full model has been saved by transformers, portable; ``base_model`` is its base.

    ``chat_template`` is the one that training used (None: the base model's), ``pad_token`` the token it padded with.
    Returns the files that could not be written; the weights are not touched. Where the base model's folder is gone,
    what transformers wrote stays.
    """
    steps = [
        Step("config.json", partial(_finish_config, folder, base_model), _copy(base_model, "config.json"))
    ]
    if (base_model / "generation_config.json").is_file():
        steps.append(_base_file("generation_config.json", folder, base_model))
    return _gone(base_model) + attempt(
        [
            *steps,
            *_tokenizer_steps(folder, base_model, chat_template, pad_token),
            Step(
                "the end of the model's folder",
                partial(_delete_surplus, folder),
                "Delete training_args.bin there.",
            ),
        ]
    )


def finish_adapter(
    folder: Path,
    base_model: Path,
    *,
    base_model_name: str,
    revision: str | None,
    unfused_mixtral: bool,
    chat_template: str | None,
    pad_token: str | None,
) -> list[Unwritten]:
    """Makes ``folder``, where PEFT has saved an adapter, portable; arguments and result as of :func:`finish_model`.

    The adapter names its base model as ``base_model_name`` at ``revision``. The tensors and targets of an unfused
    Mixtral get their original names. A frozen copy of the output layer, which PEFT adds where that is a target, is
    left out: it is the base model's, and servers refuse an adapter that has it. The dropout is the one of training: to
    load a Mixtral's adapter into the fused experts of transformers 5, PEFT wants it set to 0 in the config.
    """
    _rewrite_adapter_weights(folder / ADAPTER_WEIGHTS, unfused_mixtral)
    config = partial(_finish_adapter_config, folder, base_model_name, revision, unfused_mixtral)
    return _gone(base_model) + attempt(
        [
            Step(
                "adapter_config.json",
                config,
                "PEFT needs it: write it by the lora_… settings of the training file.",
            ),
            *_tokenizer_steps(folder, base_model, chat_template, pad_token),
            Step(
                "the end of the adapter's folder",
                partial(_delete_surplus, folder),
                "Delete training_args.bin there.",
            ),
        ]
    )


def portable_config(saved: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """``config.json`` for every reader, from what transformers 5 saved and what the base model had.

    - ``rope_theta`` at the top level, without which transformers 4 assumes 10,000, besides ``rope_parameters``;
    - ``torch_dtype``, as transformers 4 calls it, besides ``dtype``;
    - ``architectures``, ``use_cache`` and the special tokens as in the base model (training sets them for itself),
      and every key of the base model that transformers 5 no longer writes;
    - no ``quantization_config``: the weights beside it are in full precision.
    """
    config = without_quantisation({**base, **saved})
    for key in (
        "architectures",
        "use_cache",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "output_router_logits",
    ):
        if key in base:
            config[key] = base[key]
    if "router_aux_loss_coef" in base:
        config["router_aux_loss_coef"] = base["router_aux_loss_coef"]
    rope = saved.get("rope_parameters") or {}
    theta = rope.get("rope_theta", base.get("rope_theta"))
    if theta is not None:
        config["rope_theta"] = theta
    dtype = saved.get("dtype", saved.get("torch_dtype"))
    if dtype is not None:
        config["dtype"] = config["torch_dtype"] = dtype
    return dict(sorted(config.items()))


def _finish_config(folder: Path, base_model: Path) -> None:
    file = folder / "config.json"
    # Where transformers could not write its own, the base model's says all but the type of the weights.
    saved = _read(file) if file.is_file() else {"dtype": _type_of_weights(folder)}
    base = {} if file.is_file() and _gone(base_model) else _read(base_model / "config.json")
    _write(file, portable_config(saved, base))


def _type_of_weights(folder: Path) -> str:
    from safetensors import safe_open

    with safe_open(next(folder.glob("*.safetensors")), framework="pt") as tensors:
        return str(tensors.get_tensor(next(iter(tensors.keys()))).dtype).removeprefix("torch.")


def _finish_adapter_config(
    folder: Path, base_model_name: str, revision: str | None, unfused_mixtral: bool
) -> None:
    from peft import LoraConfig

    config = _read(folder / "adapter_config.json")
    config |= {"base_model_name_or_path": base_model_name, "revision": revision, "inference_mode": True}
    if isinstance(config["target_modules"], list):
        targets = config["target_modules"]
        config["target_modules"] = sorted(original_targets(targets) if unfused_mixtral else targets)
    if unfused_mixtral and config["modules_to_save"]:
        config["modules_to_save"] = original_targets(config["modules_to_save"])
    defaults = json.loads(json.dumps(LoraConfig().to_dict(), default=_listed))
    portable = {
        key: value
        for key, value in config.items()
        if key in LASTING_ADAPTER_KEYS or (value and value != defaults.get(key) and key != "peft_version")
    }
    _write(folder / "adapter_config.json", portable)


def _tokenizer_steps(
    folder: Path, base_model: Path, chat_template: str | None, pad_token: str | None
) -> Iterator[Step]:
    if not _gone(base_model):
        for name in TOKENIZER_FILES:
            yield _base_file(name, folder, base_model)
    settings = partial(_finish_tokenizer_settings, folder, base_model, chat_template, pad_token)
    yield Step(
        "tokenizer_config.json",
        settings,
        f"{_copy(base_model, 'tokenizer_config.json')} Add the chat template.",
    )
    if chat_template is not None:
        write = partial((folder / "chat_template.jinja").write_text, chat_template, encoding="utf-8")
        yield Step("chat_template.jinja", write, "Write the chat template of the training file there.")


def _finish_tokenizer_settings(
    folder: Path, base_model: Path, chat_template: str | None, pad_token: str | None
) -> None:
    file, template_file = folder / "tokenizer_config.json", base_model / "chat_template.jinja"
    config = _read(file) if file.is_file() else {}
    if chat_template is None and template_file.is_file():
        chat_template = template_file.read_text(encoding="utf-8")
    if chat_template is not None:  # older readers look in the configuration, newer ones in the file
        config["chat_template"] = chat_template
    if config.get("pad_token") is None and pad_token is not None:
        config["pad_token"] = pad_token
    _write(file, config)


def _base_file(name: str, folder: Path, base_model: Path) -> Step:
    """Puts the base model's file in the place of the one that was saved, or leaves none where it has none."""

    def copy() -> None:
        # A base model without settings of its tokenizer has them in its other files: what transformers wrote stays.
        if name != "tokenizer_config.json" or (base_model / name).is_file():
            (folder / name).unlink(missing_ok=True)
        if (base_model / name).is_file():
            shutil.copyfile(base_model / name, folder / name)

    return Step(name, copy, _copy(base_model, name))


def _gone(base_model: Path) -> list[Unwritten]:
    """Says that the base model's files are not there any more, as where a cache was emptied during the training."""
    if (base_model / "config.json").is_file():
        return []
    remedy = (
        "The tokenizer and the settings are there as transformers writes them; for readers with an older transformers, "
        "copy the base model's own there from where you have it."
    )
    error = FileNotFoundError(f"{base_model} is not there any more")
    return [Unwritten("the base model's own files", error, remedy)]


def _copy(base_model: Path, name: str) -> str:
    return f"Copy it from {base_model / name}."


def _rewrite_adapter_weights(path: Path, unfused_mixtral: bool) -> None:
    from safetensors.torch import load_file, save_file

    tensors = {
        original_key(key) if unfused_mixtral else key: tensor
        for key, tensor in load_file(path).items()
        if ".base_layer." not in key
    }
    # Not in place: the tensors may be views of the mapped file.
    rewritten = path.with_suffix(".partial")
    save_file(tensors, rewritten, metadata={"format": "pt"})
    rewritten.replace(path)


def _delete_surplus(folder: Path) -> None:
    for name in ("training_args.bin", "README.md"):  # a pickle, and PEFT's empty model card
        (folder / name).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _listed(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else str(value)
