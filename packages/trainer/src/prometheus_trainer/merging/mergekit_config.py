from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from prometheus_trainer.merging.dtypes import DType, dtype_named
from prometheus_trainer.merging.methods import METHODS
from prometheus_trainer.merging.methods.method import Method, Parameters


@dataclass(frozen=True)
class ModelSource:
    folder: Path
    adapter: Path | None = None
    name: str = ""

    @property
    def tokenizer_folder(self) -> Path:
        """Where its tokenizer is: an adapter's folder has the one that it was trained with, if it has any."""
        return self.adapter if self.adapter and (self.adapter / "tokenizer_config.json").is_file() else self.folder


@dataclass(frozen=True)
class MergeConfig:
    method_name: str
    method: Method
    models: tuple
    base: ModelSource | None
    dtype: DType | None
    tokenizer_source: ModelSource | None
    chat_template: str | None
    config: dict

    def parameters(self, tensor: str, layers: int) -> Parameters:
        c = self.config
        def per(name):
            if name not in self.method.per_model: return ()
            return tuple(float(m.get("parameters", {}).get(name, (c.get("parameters") or {}).get(name, self.method.per_model[name]))) for m in c["models"] if m["model"] != c.get("base_model"))
        sh = {**self.method.shared, **{k: v for k, v in (c.get("parameters") or {}).items() if k in self.method.shared}}
        if "lambda" in sh: sh["lambda_"] = sh.pop("lambda")
        return Parameters(weight=per("weight"), density=per("density"), **sh)


def parse_merge_config(config, resolve):
    b = config.get("base_model")
    d = config.get("out_dtype") or config.get("dtype")
    return MergeConfig(config["merge_method"], METHODS[config["merge_method"]], tuple(resolve(m["model"]) for m in config["models"] if m["model"] != b), resolve(b) if b else None, dtype_named(d, "") if d else None, None, None, config)
