"""Where a base model comes from: a folder, or a pinned revision of a hub repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_files import refuse_lfs_pointers
from prometheus_trainer.model_listing import check_listing

# Weights in safetensors, configuration and tokenizer: nothing that runs code on loading, no second copy in .bin.
DOWNLOADED_FILES = (
    "*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


def resolve_model(ref: Mapping[str, str]) -> Path:
    """The folder that holds the model ``ref`` names, fetched from the hub when it is not on this machine yet.

    ``ref`` is ``{"path": FOLDER}`` or ``{"id": "owner/name", "revision": COMMIT}`` with a commit of 40 hex digits.
    A local folder is returned as it is, a hub model as its snapshot folder in the hub cache. Raises
    ConfigurationError where there is no model of that name or the folder does not hold one.
    """
    if "path" in ref:
        folder = Path(ref["path"])
    elif "id" in ref:
        folder = _download(ref["id"], ref.get("revision"))
    else:
        raise ConfigurationError(
            f"a model must have the key path or id, found {sorted(ref)}",
            'Write {"path": FOLDER} or {"id": "owner/name", "revision": COMMIT}.',
        )
    _check_is_model(folder)
    return folder


def find_model(ref: Mapping[str, str]) -> Path | None:
    """The folder of a model that is on this machine already; None where it is not, whatever the reason."""
    if "path" in ref:
        return Path(ref["path"]) if (Path(ref["path"]) / "config.json").is_file() else None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(ref["id"], "config.json", revision=ref.get("revision"))
    return Path(found).parent if isinstance(found, str) else None


def _check_is_model(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder} is not a folder", "Name a folder that holds config.json and *.safetensors."
        )
    if not (folder / "config.json").is_file():
        raise ConfigurationError(
            f"{folder} has no config.json, so it is not a model", "Name the folder that holds config.json."
        )
    refuse_lfs_pointers(folder)
    if not any(folder.glob("*.safetensors")):
        found = sorted(path.name for path in folder.iterdir())[:8]
        raise ConfigurationError(
            f"{folder} has no weights in safetensors (found: {', '.join(found)})",
            "Save the weights as safetensors: pickled weights (.bin, .pt) are not read.",
        )


def _download(model_id: str, revision: str | None) -> Path:
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise ConfigurationError(
            f"the model {model_id} has the revision {revision!r}",
            "Give the commit (40 hex digits): a branch may change between two runs.",
        )
    from httpx import TransportError
    from huggingface_hub import is_offline_mode, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        if not is_offline_mode():
            check_listing(model_id, str(revision), list(DOWNLOADED_FILES))
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=list(DOWNLOADED_FILES)))
    except GatedRepoError as error:  # a subclass of RepositoryNotFoundError, so it comes first
        raise ConfigurationError(
            f"access to the model {model_id} is not granted",
            "Accept its terms on its hub page and set HF_TOKEN to a token of that account.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ConfigurationError(
            f"the hub has no model {model_id}, or it is private",
            "Check the name; for a private model set HF_TOKEN.",
        ) from error
    except RevisionNotFoundError as error:
        raise ConfigurationError(
            f"the model {model_id} has no revision {revision}",
            "Take the commit from the model's history on the hub.",
        ) from error
    except (LocalEntryNotFoundError, TransportError) as error:
        raise ConfigurationError(
            f"the model {model_id} at {revision} is not in the cache, and the hub can't be reached",
            "Check the network (HF_ENDPOINT, HF_HUB_OFFLINE), or download the model and name its folder with path.",
        ) from error
