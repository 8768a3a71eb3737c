"""Reads files of models that are changed at random: ``mutate_model_files.py SEED COUNT FOLDER``.

FOLDER holds ``model`` and ``adapter``, whole ones. Prints what was found, as JSON. Run by a test in a process of its
own, so that one that hangs can be killed, and with its memory measured.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import shutil
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_trainer.base_model import tensor_shapes
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_settings import empty_model
from prometheus_trainer.master_weights import parameter_dtype
from prometheus_trainer.merging.adapter import read_adapter
from prometheus_trainer.merging.companions import check_config, config_differences, write_companions
from prometheus_trainer.merging.dtypes import BFLOAT16
from prometheus_trainer.merging.layout import check_full_precision, read_layout
from prometheus_trainer.merging.mergekit_template import template_in
from prometheus_trainer.merging.model import Model
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.reading import check_headers
from prometheus_trainer.merging.tied import same_heads, tied_head
from prometheus_trainer.model_config import check_sizes, transformers_config
from prometheus_trainer.model_files import check_model_texts, read_object
from prometheus_trainer.model_source import resolve_model
from prometheus_trainer.position_limit import position_limit
from prometheus_trainer.training import end_ids, load_tokenizer, refused_generation_settings
from prometheus_trainer.unfused_mixtral import is_mixtral

# What stands in a JSON text where another value belongs.
VALUES = [
    *(
        "null",
        "true",
        "0",
        "-1",
        "0.5",
        "1e400",
        "-1e400",
        "1e300",
        "9" * 5000,
        "9" * 4000,
        "4294967296",
        "NaN",
    ),
    *(
        "Infinity",
        '""',
        '"x"',
        '"\\ud800"',
        '"../../x"',
        '"\\u0000"',
        "[]",
        "{}",
        "[[0]]",
        "[1, 2]",
        '{"x": 1}',
    ),
    *(
        "[null]",
        "[" * 50_000,
        '{"a":' * 50_000,
        "[" * 300 + "]" * 300,
        "[" + "2," * 5000 + "2]",
        '{"a": 1, "a": 2}',
    ),
    *(
        '{"__class__": "x"}',
        '"' + "x" * 100_000 + '"',
        '"float64"',
        "1152921504606846976",
        "[true]",
        '"(a+)+$"',
    ),
    *(
        '{"(a|a)*(a|a)*(a|a)*x": 8}',
        '{"(": 8}',
        '{"a{99999999999}": 8}',
        '"mixtral"',
        '"gpt2"',
        '"kernels/evil"',
    ),
    *(
        '{"AutoConfig": "evil--x.Y"}',
        '{"rope_type": [], "factor": 1e400}',
        '{"factor": 8, "rope_type": "linear"}',
    ),
]


def mutate_bytes(content: bytes, dice: random.Random) -> bytes:
    """Bits, numbers of eight bytes, a part that is lost, doubled or moved, another encoding."""
    data = bytearray(content)
    for _ in range(dice.randint(1, 3)):
        if len(data) < 16:
            break
        at, length = dice.randrange(len(data) - 8), dice.randint(1, 64)
        change = dice.randrange(7)
        if change == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif change == 1:
            data[at] = dice.choice([0, 1, 0x22, 0x5B, 0x7B, 0x7F, 0x80, 0xFF])
        elif change == 2:
            data[at : at + 8] = struct.pack(
                "<q", dice.choice([-1, 0, 1 << 62, 1 << 40, dice.randrange(1 << 20)])
            )
        elif change == 3:
            del data[at:]
        elif change == 4:
            del data[at : at + length]
        elif change == 5:
            data[at:at] = data[at : at + length]
        else:
            data[:0] = dice.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00"])
    return bytes(data)


def mutate_json(content: bytes, dice: random.Random) -> bytes:
    """A value in another's place, a key that is gone, misspelt or there twice; or no JSON any more."""
    change = dice.randrange(8)
    if change == 0:
        return mutate_bytes(content, dice)
    if change == 1:
        return dice.choice(VALUES).encode()
    root = {"": json.loads(content)}
    marks: dict[str, str] = {}
    for _ in range(dice.randint(1, 2)):
        place, key = dice.choice(_places(root))
        if isinstance(place, dict) and key and change == 2:
            place[f"{key}_"] = place.pop(key)
        elif isinstance(place, dict) and key and change == 3:
            del place[key]
        else:
            mark = f"@{len(marks)}@"
            place[key], marks[mark] = mark, dice.choice(VALUES)
    text = json.dumps(root[""])
    for mark, value in marks.items():
        text = text.replace(json.dumps(mark), value)
    return text.encode()


def _places(value: Any, most: int = 400) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    rest = [value]
    while rest and len(found) < most:
        outer = rest.pop()
        for key in list(outer) if isinstance(outer, dict) else range(min(len(outer), 3)):
            found.append((outer, key))
            if isinstance(outer[key], (dict, list)):
                rest.append(outer[key])
    return found


def mutate_header(content: bytes, dice: random.Random) -> bytes:
    """Of a safetensors file: its length, its JSON, or anything."""
    if dice.random() < 0.3:
        return mutate_bytes(content[: 4096 if dice.random() < 0.8 else None], dice) + content[4096:]
    (length,) = struct.unpack("<Q", content[:8])
    header = mutate_json(content[8 : 8 + length], dice)
    size = len(header) if dice.random() < 0.9 else dice.choice([0, 1, 1 << 63, 1 << 40, len(header) + 1])
    return struct.pack("<Q", size) + header + content[8 + length :]


def read_weights(folder: Path) -> None:
    """As training and merges do before they read weights."""
    resolve_model({"path": str(folder)})
    check_headers(folder)
    check_full_precision(folder)
    layout = read_layout(folder)
    same_heads([Model("", folder, layout.tensors)])


def read_config(folder: Path) -> None:
    """As training and merges do."""
    check_model_texts(folder)
    file = folder / "config.json"
    check_sizes(file, read_object(file))
    tensors = read_layout(folder).tensors
    tied_head(folder, tensors)
    check_config(folder, [OutputTensor(name, stored.shape, stored.dtype) for name, stored in tensors.items()])
    config_differences(folder.parent / "whole", folder)
    position_limit(read_object(file))
    write_companions(folder.parent / "out", folder, folder, BFLOAT16)
    if transformers_config(folder) is not None:
        empty_model(folder, mixtral=is_mixtral(folder))


def read_settings(folder: Path) -> None:
    """Of generation, as training does."""
    check_model_texts(folder)
    refused_generation_settings(folder, Events(None))
    end_ids(folder, TOKENIZER)
    parameter_dtype(_Auto(), folder)  # type: ignore[arg-type]


def read_tokenizer(folder: Path) -> None:
    """As training does."""
    check_model_texts(folder)
    template_in(folder)
    load_tokenizer(folder)


class _Auto:
    dtype = "auto"


KINDS: dict[str, tuple[str, Callable[[bytes, random.Random], bytes], Callable[[Path], None], int]] = {
    "headers": ("model.safetensors", mutate_header, read_weights, 30),
    "config": ("config.json", mutate_json, read_config, 25),
    "index": ("model.safetensors.index.json", mutate_json, read_weights, 10),
    "generation": ("generation_config.json", mutate_json, read_settings, 7),
    "tokenizer": ("tokenizer.json", mutate_json, read_tokenizer, 15),
    "tokenizer config": ("tokenizer_config.json", mutate_json, read_tokenizer, 8),
    "template": ("chat_template.jinja", mutate_bytes, read_tokenizer, 5),
    "adapter config": ("adapter_config.json", mutate_json, lambda _: None, 20),
    "adapter": ("adapter_model.safetensors", mutate_header, lambda _: None, 10),
}

if __name__ == "__main__":
    seed, count, root = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    dice = random.Random(seed)
    model, adapter = root / "model", root / "adapter"
    (root / "out").mkdir(exist_ok=True)
    shutil.copytree(model, root / "whole", dirs_exist_ok=True)
    (model / "chat_template.jinja").write_text("{{ messages[0].content }}")
    names = tensor_shapes(read_object(model / "config.json"))
    TOKENIZER = load_tokenizer(model)
    base = read_layout(model).tensors
    empty_model(model, mixtral=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    outcomes: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    failures: list[str] = []
    slowest = 0.0
    for number in range(count):
        kind = dice.choices(list(KINDS), [weight for *_, weight in KINDS.values()])[0]
        name, mutate, read, _ = KINDS[kind]
        folder = adapter if kind.startswith("adapter") else model
        file, single = folder / name, model / "model.safetensors"
        if kind == "index":
            file.write_text(
                json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, "shard.safetensors")})
            )
            single.rename(model / "shard.safetensors")
        whole = file.read_bytes()
        changed = mutate(whole, dice)
        file.write_bytes(changed)
        place = f"{number} {kind}: {changed[:300]!r}"
        faulthandler.dump_traceback_later(10, exit=True)
        began = time.monotonic()
        try:
            if folder is adapter:
                read_adapter(adapter, base, model)
            else:
                read(folder)
            outcomes["read"] += 1
        except ConfigurationError as error:
            outcomes["refused"] += 1
            if not error.hint or len(str(error)) > 3000 or str(root) not in str(error):
                failures.append(f"{place}: unclear: {str(error)[:500]}")
        except BaseException:
            failures.append(f"{place}\n{traceback.format_exc()[-1500:]}")
        took = time.monotonic() - began
        slowest = max(slowest, took)
        seconds[kind] += took
        if took > 2:
            failures.append(f"{place}: {took:.1f} s")
        faulthandler.cancel_dump_traceback_later()
        if kind == "index":
            file.unlink()
            (model / "shard.safetensors").rename(single)
        else:
            file.write_bytes(whole)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(
        json.dumps({**outcomes, "slowest": slowest, "grown": grown, "seconds": seconds, "failures": failures})
    )
