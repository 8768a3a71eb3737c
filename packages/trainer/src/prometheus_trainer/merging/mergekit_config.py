"""A mergekit configuration, checked: https://github.com/arcee-ai/mergekit#merge-configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType, dtype_named
from prometheus_trainer.merging.mergekit_template import parse_chat_template
from prometheus_trainer.merging.methods import METHODS
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters
from prometheus_trainer.merging.model_sources import ModelSource
from prometheus_trainer.merging.parameter_settings import (
    Settings,
    Value,
    check_keys,
    kind,
    parse_settings,
    place_in_layers,
    resolve,
    unused_filter,
)

KEYS = (
    "merge_method",
    "models",
    "slices",
    "parameters",
    "base_model",
    "dtype",
    "out_dtype",
    "tokenizer_source",
    "chat_template",
)
MERGEKIT_METHODS = (
    "arcee_fusion",
    "breadcrumbs",
    "breadcrumbs_ties",
    "della",
    "della_linear",
    "karcher",
    "model_stock",
    "multislerp",
    "nearswap",
    "nuslerp",
    "passthrough",
    "ram",
    "ramplus_tl",
    "sce",
)
"""Those that mergekit 0.1.5 has and this engine has not."""

USE_MERGEKIT = "write engine: mergekit in the recipe: mergekit itself can do that"
_ROOT = "merge configuration"


@dataclass(frozen=True)
class _Scopes:
    """Where parameters are set: each model's own first, then the slice's, then the configuration's."""

    models: tuple[Settings, ...]
    common: tuple[Settings, ...]
    places: tuple[str, ...]

    def of_model(self, model: int) -> tuple[Settings, ...]:
        return (self.models[model], *self.common)


@dataclass(frozen=True)
class MergeConfig:
    """What to merge, and how.

    ``models`` are in the file's order, all but the base where the method needs one. For ``linear``, which needs none,
    ``base`` is a donor only, unless it is listed among the models: then it is one of them, with a weight. mergekit
    adds an unlisted base to the sum, and stops as it has no weight. ``dtype`` is that of the output (``None``: the
    models' own): mergekit's ``dtype`` also says what it computes in, which here is always float64.
    """

    method_name: str
    method: Method
    models: tuple[ModelSource, ...]
    base: ModelSource | None
    dtype: DType | None
    tokenizer_source: ModelSource | None
    chat_template: str | None
    scopes: _Scopes
    layers: int | None
    """The number of layers that ``slices`` cover; ``None`` where the models are listed as ``models``."""

    def parameters(self, tensor: str, layers: int) -> Parameters:
        """The parameters for a tensor of models with so many layers, resolved as mergekit 0.1.5 does.

        ConfigurationError where a parameter that the method needs has no value for this tensor, where ``slices`` do
        not cover the layers, and where the weights of a mean sum to 0.
        """
        if self.layers is not None and self.layers != layers:
            raise ConfigurationError(
                f"{_ROOT}: slices[0]: the layer_range ends at {self.layers}, the models have {layers} layers",
                f"list them as models, without layers; for some of the layers {USE_MERGEKIT}",
            )
        return self._resolve(tensor, place_in_layers(tensor, layers))

    def _resolve(self, tensor: str, t: float) -> Parameters:
        values: dict[str, Any] = {}
        for name, default in self.method.shared.items():
            value = resolve(name, self.scopes.common, tensor, t)
            values[name] = (
                self._required(name, tensor, _ROOT)
                if value is None and default is REQUIRED
                else (default if value is None else value)
            )
        for name, default in self.method.per_model.items():
            values[name] = tuple(
                self._of_model(name, default, model, tensor, t) for model in range(len(self.models))
            )
        if "lambda" in values:
            values["lambda_"] = values.pop("lambda")
        parameters = Parameters(**values)
        # Methods with a base leave a sum of 0 undivided, as mergekit does.
        if not self.method.needs_base and parameters.normalize and abs(sum(parameters.weight)) < 1e-8:
            raise ConfigurationError(
                f"{_ROOT}: the weights {', '.join(map(str, parameters.weight))} of {tensor or 'all tensors'} sum to 0",
                "change the weights, or set parameters.normalize to false",
            )
        return parameters

    def _of_model(self, name: str, default: Value | None, model: int, tensor: str, t: float) -> Value:
        value = resolve(name, self.scopes.of_model(model), tensor, t)
        if value is None and default is REQUIRED:
            return self._required(name, tensor, f"{self.scopes.places[model]} ({self.models[model].name})")
        return default if value is None else value  # type: ignore[return-value]

    def _required(self, name: str, tensor: str, place: str) -> Value:
        raise ConfigurationError(
            f"{place}: no {name} for {tensor}: no filter matches it",
            "add - value: … without a filter at the end of the list, for all other tensors",
        )

    def unused_filters(self, tensors: Sequence[str]) -> list[str]:
        """A warning for each filter from which no tensor takes its value."""
        common = [f"{_ROOT}: slices[0].parameters", f"{_ROOT}: parameters"][-len(self.scopes.common) :]
        places = [*(f"{place}.parameters" for place in self.scopes.places), *common]
        return [
            unused_filter(f"{place}.{name}", chosen, tensors)
            for place, scope in zip(places, (*self.scopes.models, *self.scopes.common), strict=True)
            for name, setting in scope.items()
            for chosen in setting.unused(tensors)
        ]

    def check(self) -> None:
        """ConfigurationError where a parameter that the method needs is nowhere, or constant weights sum to 0."""
        for name, default in self.method.shared.items():
            if default is REQUIRED and not any(name in scope for scope in self.scopes.common):
                raise ConfigurationError(
                    f"{_ROOT}: {self.method_name} needs parameters.{name}",
                    f"write parameters: {{{name}: 0.5}}",
                )
        for model, place in enumerate(self.scopes.places):
            for name, default in self.method.per_model.items():
                if default is REQUIRED and not any(name in scope for scope in self.scopes.of_model(model)):
                    raise ConfigurationError(
                        f"{place}: no parameters.{name}", f"write parameters: {{{name}: 1.0}}"
                    )
        everywhere = (*self.scopes.models, *self.scopes.common)
        if all(setting.constant for scope in everywhere for setting in scope.values()):
            self._resolve("", 0.0)


def parse_merge_config(config: Any, find_model: Callable[[str], ModelSource]) -> MergeConfig:
    """Checks a parsed configuration; ``find_model`` gives the model of a name or raises ConfigurationError.

    Keys and parameters that mergekit would pass over are errors, and so is all that this engine lacks of mergekit:
    none is left out in silence.
    """
    if not isinstance(config, dict):
        raise ConfigurationError(f"{_ROOT}: found {kind(config)}, not a mapping of keys")
    for key in ("modules", "tokenizer"):
        if config.get(key) is not None:
            raise ConfigurationError(f"{_ROOT}: {key}: this engine does not have this key", USE_MERGEKIT)
    check_keys(
        _ROOT, {key: value for key, value in config.items() if key not in ("modules", "tokenizer")}, KEYS
    )
    name = _method_name(config.get("merge_method"))
    method = METHODS[name]

    def model_at(place: str, value: Any) -> ModelSource:
        return _model(place, value, find_model)

    base = (
        None if config.get("base_model") is None else model_at(f"{_ROOT}: base_model", config["base_model"])
    )
    place, entries, common, layers, base = _entries(config, name, base, model_at)
    common.append(parse_settings(f"{_ROOT}: parameters", config.get("parameters"), name))
    sources = [model_at(f"{place}[{i}].model", entry.get("model")) for i, entry in enumerate(entries)]
    _check_models(name, method, place, sources, base)
    chosen = [i for i, source in enumerate(sources) if not (method.needs_base and source == base)]
    own = [
        parse_settings(f"{place}[{i}].parameters", entry.get("parameters"), name, per_model_only=True)
        for i, entry in enumerate(entries)
    ]
    for i, settings in enumerate(own):
        if settings and i not in chosen:
            raise ConfigurationError(
                f"{place}[{i}].parameters: this is the base model, which has none with {name}",
                "leave them out",
            )
    models = tuple(sources[i] for i in chosen)
    if base and base not in models and any("weight" in scope for scope in common) and not method.needs_base:
        raise ConfigurationError(
            f"{_ROOT}: parameters.weight: mergekit gives this weight to the base_model too",
            "write a weight for each model, or list the base_model among the models",
        )
    parsed = MergeConfig(
        method_name=name,
        method=method,
        models=models,
        base=base,
        dtype=_dtype(config),
        tokenizer_source=_tokenizer_source(config.get("tokenizer_source"), base, model_at),
        chat_template=parse_chat_template(
            f"{_ROOT}: chat_template", config.get("chat_template"), [*models, *([base] if base else [])]
        ),
        scopes=_Scopes(tuple(own[i] for i in chosen), tuple(common), tuple(f"{place}[{i}]" for i in chosen)),
        layers=layers,
    )
    parsed.check()
    return parsed


def _method_name(name: Any) -> str:
    if name in MERGEKIT_METHODS:
        raise ConfigurationError(
            f"{_ROOT}: merge_method: {name} is not one of this engine's methods", USE_MERGEKIT
        )
    if not isinstance(name, str) or name not in METHODS:
        close = get_close_matches(str(name), (*METHODS, *MERGEKIT_METHODS), n=1)
        raise ConfigurationError(
            f"{_ROOT}: merge_method: {name!r} is not there",
            f"did you mean {close[0]}?" if close else f"methods: {', '.join(METHODS)}",
        )
    return name


def _entries(
    config: dict[str, Any],
    method_name: str,
    base: ModelSource | None,
    model_at: Callable[[str, Any], ModelSource],
) -> tuple[str, list[dict[str, Any]], list[Settings], int | None, ModelSource | None]:
    """The entries that name models and where they stand; the settings of a slice, its number of layers, its base."""
    if config.get("slices") is None:
        place = f"{_ROOT}: models"
        return place, _mappings(place, config.get("models"), ("model", "parameters")), [], None, base
    if config.get("models") is not None:
        raise ConfigurationError(f"{_ROOT}: both models and slices are there", "keep one of them")
    slices = config["slices"]
    if not isinstance(slices, list) or not slices:
        raise ConfigurationError(f"{_ROOT}: slices: found {kind(slices)}", "list the models under models")
    if len(slices) > 1:
        raise ConfigurationError(
            f"{_ROOT}: slices[1]: this engine merges whole models, one slice", USE_MERGEKIT
        )
    place, output = f"{_ROOT}: slices[0]", slices[0]
    if not isinstance(output, dict):
        raise ConfigurationError(f"{place}: found {kind(output)}", "write sources: and under it the models")
    check_keys(place, output, ("sources", "parameters", "base_model"))
    if output.get("base_model") is not None:
        of_slice = model_at(f"{place}.base_model", output["base_model"])
        if base not in (None, of_slice):
            raise ConfigurationError(
                f"{place}.base_model: it is not the configuration's base_model", USE_MERGEKIT
            )
        base = of_slice
    sources = _mappings(f"{place}.sources", output.get("sources"), ("model", "layer_range", "parameters"))
    layers = _layers(f"{place}.sources", sources)
    settings = parse_settings(f"{place}.parameters", output.get("parameters"), method_name)
    return f"{place}.sources", sources, [settings], layers, base


def _mappings(place: str, entries: Any, keys: Sequence[str]) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        raise ConfigurationError(
            f"{place}: found {kind(entries)}", "list two models or more, each as - model: FOLDER"
        )
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ConfigurationError(f"{place}[{i}]: found {kind(entry)}", "write - model: FOLDER")
        check_keys(f"{place}[{i}]", entry, keys)
    return entries


def _layers(place: str, sources: list[dict[str, Any]]) -> int | None:
    """The number of layers that all sources have, from the first on."""
    ends = set()
    for i, source in enumerate(sources):
        found = source.get("layer_range")
        if not (isinstance(found, list) and len(found) == 2 and all(type(end) is int for end in found)):
            raise ConfigurationError(f"{place}[{i}].layer_range: found {kind(found)}", "write [0, LAYERS]")
        ends.add(found[1])
        if found[0] != 0 or len(ends) > 1:
            raise ConfigurationError(
                f"{place}[{i}].layer_range: {found}: this engine merges all layers of every model, in their places",
                USE_MERGEKIT,
            )
    return next(iter(ends), None)


def _model(place: str, value: Any, find_model: Callable[[str], ModelSource]) -> ModelSource:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{place}: found {kind(value)}", "name a model")
    try:
        return find_model(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.problem}", error.hint) from None


def _check_models(
    name: str, method: Method, place: str, sources: Sequence[ModelSource], base: ModelSource | None
) -> None:
    for i, source in enumerate(sources):
        if source in sources[:i]:
            raise ConfigurationError(
                f"{place}[{sources.index(source)}] and {place.split(': ')[1]}[{i}] are the same model: {source.name}",
                "merging a model with itself gives that model; name the other expert",
            )
    if not method.needs_base:
        if len(sources) < 2:
            raise ConfigurationError(
                f"{place}: found {len(sources)} of them", "list two models or more, each as - model: FOLDER"
            )
        return
    if base is None:
        raise ConfigurationError(
            f"{_ROOT}: {name} needs a base_model", "name the model that the others were trained from"
        )
    count = len([source for source in sources if source != base])
    least, most = method.models
    if count < least or (most is not None and count > most):
        number = f"{least}" if most == least else f"{least} or more"
        raise ConfigurationError(
            f"{place}: found {count} of them beside the base_model, {name} takes {number}",
            "list the models; the base_model may be among them",
        )


def _dtype(config: dict[str, Any]) -> DType | None:
    named = {
        key: dtype_named(value.removeprefix("torch.") if isinstance(value, str) else value, f"{_ROOT}: {key}")
        for key in ("out_dtype", "dtype")
        if (value := config.get(key)) is not None
    }
    return next(iter(named.values()), None)


def _tokenizer_source(
    value: Any, base: ModelSource | None, model_at: Callable[[str, Any], ModelSource]
) -> ModelSource | None:
    place = f"{_ROOT}: tokenizer_source"
    if value is None:
        return None
    if value == "union":
        raise ConfigurationError(f"{place}: union: this engine mixes no vocabularies", USE_MERGEKIT)
    if value == "base":
        if base is None:
            raise ConfigurationError(
                f"{place}: base: there is no base_model", "name a model, or give a base_model"
            )
        return base
    return model_at(place, value)
