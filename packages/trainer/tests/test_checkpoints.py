"""Which checkpoints count, and which are deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from prometheus_trainer.checkpoints import (
    changed_checkpoints,
    complete_checkpoints,
    delete_old_checkpoints,
    last_complete_checkpoint,
    seal_checkpoint,
    torn_checkpoints,
)


def test_the_highest_complete_step_is_last_whatever_the_order_of_names(tmp_path: Path) -> None:
    for step in (900, 1000, 50):
        _write(tmp_path, step)
    (tmp_path / "rows").mkdir()
    last = last_complete_checkpoint(tmp_path)
    assert last is not None
    assert (last.step, last.processes, last.seconds) == (1000, 4, 12.5)
    assert last.folder == tmp_path / "checkpoint-1000"
    assert [checkpoint.step for checkpoint in complete_checkpoints(tmp_path)] == [50, 900, 1000]
    assert torn_checkpoints(tmp_path) == []


def test_no_folder_and_an_empty_one_have_none(tmp_path: Path) -> None:
    assert last_complete_checkpoint(tmp_path / "nowhere") is None
    assert last_complete_checkpoint(tmp_path) is None


CHANGES = {
    "cut marker": "complete.json can't be read",
    "marker of zeros": "complete.json can't be read",
    "marker of a list": "complete.json can't be read",
    "file cut": "part/optimizer.pt has 1 of 7 bytes",
    "file gone": "model.safetensors is not there",
    "copied from another step": "complete.json is not of this checkpoint",
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_that_was_complete_and_has_changed_is_named_and_not_torn(change: str, tmp_path: Path) -> None:
    _write(tmp_path, 10)
    folder = _write(tmp_path, 20)
    marker = folder / "complete.json"
    if change == "cut marker":
        marker.write_bytes(marker.read_bytes()[:30])
    elif change == "marker of zeros":
        marker.write_bytes(bytes(marker.stat().st_size))
    elif change == "marker of a list":
        marker.write_text("[]")
    elif change == "file cut":
        (folder / "part/optimizer.pt").write_bytes(b"x")
    elif change == "file gone":
        (folder / "model.safetensors").unlink()
    else:
        marker.write_bytes((tmp_path / "checkpoint-10/complete.json").read_bytes())
    ((found, problem),) = changed_checkpoints(tmp_path)
    assert found == folder and problem.startswith(CHANGES[change])
    assert torn_checkpoints(tmp_path) == []
    last = last_complete_checkpoint(tmp_path)
    assert last is not None and last.step == 10


def test_one_that_was_not_saved_to_the_end_is_torn(tmp_path: Path) -> None:
    _write(tmp_path, 10)
    folder = _write(tmp_path, 20)
    (folder / "complete.json").unlink()
    assert torn_checkpoints(tmp_path) == [folder]
    assert changed_checkpoints(tmp_path) == []
    last = last_complete_checkpoint(tmp_path)
    assert last is not None and last.step == 10


def test_old_ones_are_deleted_but_never_for_a_torn_one(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        _write(tmp_path, step)
    torn = _write(tmp_path, 40)
    (torn / "complete.json").unlink()
    delete_old_checkpoints(tmp_path, 1)
    assert [checkpoint.step for checkpoint in complete_checkpoints(tmp_path)] == [30]
    assert torn.exists()


def test_none_keeps_all_and_a_protected_one_stays(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        _write(tmp_path, step)
    delete_old_checkpoints(tmp_path, None)
    delete_old_checkpoints(tmp_path, 5)
    assert len(complete_checkpoints(tmp_path)) == 3
    delete_old_checkpoints(tmp_path, 1, [tmp_path / "checkpoint-10"])
    assert [checkpoint.step for checkpoint in complete_checkpoints(tmp_path)] == [10, 30]


def _write(checkpoints_dir: Path, step: int) -> Path:
    folder = checkpoints_dir / f"checkpoint-{step}"
    (folder / "part").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "part/optimizer.pt").write_bytes(b"moments")
    seal_checkpoint(folder, step=step, processes=4, seconds=12.5)
    return folder
