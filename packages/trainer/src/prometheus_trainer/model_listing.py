"""Limits on what a hub says that a model has, before any of it is fetched."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_files import most_bytes, read_object

_MOST_FILES = 20_000


def check_listing(model_id: str, revision: str, patterns: list[str]) -> None:
    """ConfigurationError where the files of a hub model that match ``patterns`` are too large for what they are called,
    or together for the disk of the cache. Raises what the hub's library does where the list is not available.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import filter_repo_objects

    cache = Path(constants.HF_HUB_CACHE)
    folder = cache / repo_folder_name(repo_id=model_id, repo_type="model")
    sizes = _sizes_in(folder / "trees" / f"{revision}.json") or _sizes_of_hub(model_id, revision)
    wanted = set(filter_repo_objects(items=sizes, allow_patterns=patterns))
    for name in sorted(wanted):
        most = most_bytes(Path(name).name)
        if not name.endswith(".safetensors") and sizes[name] > most:
            raise ConfigurationError(
                f"the model {model_id} has a {name} of {sizes[name]} bytes by the hub's list, and no more than {most} "
                "are read",
                "Is this the right model? Nothing of it was fetched.",
            )
    snapshot = folder / "snapshots" / revision
    needed = sum(sizes[name] for name in wanted if not (snapshot / name).is_file())
    free = shutil.disk_usage(next(place for place in (cache, *cache.parents) if place.is_dir())).free
    if needed > free:
        raise ConfigurationError(
            f"{needed} bytes of the model {model_id} are to be fetched, and the disk of the cache {cache} has {free} "
            "free",
            "Free some space, or set HF_HOME or HF_HUB_CACHE to a folder on another disk. Nothing was fetched.",
        )


def _sizes_of_hub(model_id: str, revision: str) -> dict[str, int]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    entries = HfApi().list_repo_tree(model_id, recursive=True, revision=revision)
    listed = list(islice(entries, _MOST_FILES + 1))
    if len(listed) > _MOST_FILES:
        raise ConfigurationError(
            f"the hub lists more than {_MOST_FILES} files of the model {model_id}", "Is this the right model?"
        )
    return {entry.path: _size(entry.size) for entry in listed if isinstance(entry, RepoFile)}


def _sizes_in(tree: Path) -> dict[str, int]:
    """Of a list that an earlier run left; none where there is none that can be read: the library replaces it."""
    try:
        files = read_object(tree).get("files")
    except (OSError, ConfigurationError):
        return {}
    return {
        name: _size(entry.get("lfs_size") or entry.get("size"))
        for name, entry in (files.items() if isinstance(files, dict) else ())
        if isinstance(entry, dict)
    }


def _size(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
