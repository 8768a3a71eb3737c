"""Finding base models in folders and on a hub: a real local server stands for the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_source import resolve_model

COMMIT = "3ad372fc79158a2148299e3318516c786aeded6c"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
}


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        if self.path.startswith("/api/models/owner/gated"):
            self._send(403, b"", {"X-Error-Code": "GatedRepo"}, body)
        elif self.path.startswith("/api/models/owner/model/") and COMMIT not in self.path:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"}, body)
        elif self.path.startswith("/api/models/owner/huge-"):
            name = "config.json" if "huge-config" in self.path else "model.safetensors"
            tree = [
                {"type": "file", "path": name, "oid": "0", "size": 8_000_000_000 << 24 * (name[0] == "m")}
            ]
            self._send(200, json.dumps(tree).encode(), {}, body)
        elif self.path.startswith("/api/models/owner/model/tree/"):
            tree = [{"type": "file", "path": name, "oid": "0", "size": len(FILES[name])} for name in FILES]
            self._send(200, json.dumps(tree).encode(), {}, body)
        elif self.path.startswith("/api/models/owner/model"):
            files = [{"rfilename": name} for name in FILES]
            self._send(
                200, json.dumps({"id": "owner/model", "sha": COMMIT, "siblings": files}).encode(), {}, body
            )
        elif self.path.startswith(f"/owner/model/resolve/{COMMIT}/"):
            content = FILES[self.path.rpartition("/")[2]]
            self._send(200, content, {"ETag": f'"{hash(content)}"', "X-Repo-Commit": COMMIT}, body)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a hub that serves ``owner/model`` at COMMIT."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _resolve(reference: dict[str, str], hub: str, home: Path) -> dict[str, str]:
    """What ``resolve_model`` gives (``folder``) or raises (``problem``, ``hint``) in a process that knows this hub."""
    program = (
        "import json, sys\n"
        "from prometheus_trainer.errors import ConfigurationError\n"
        "from prometheus_trainer.model_source import resolve_model\n"
        "try:\n"
        "    print(json.dumps({'folder': str(resolve_model(json.loads(sys.argv[1])))}))\n"
        "except ConfigurationError as error:\n"
        "    print(json.dumps({'problem': error.problem, 'hint': error.hint}))\n"
    )
    # A process of its own, since the hub's library reads its address when it is imported.
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "HF_ENDPOINT": hub,
        "HF_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(reference)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    assert resolve_model({"path": str(tmp_path)}) == tmp_path


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        resolve_model({"path": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigurationError, match=r"has no config\.json"):
        resolve_model({"path": str(tmp_path)})
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(
        ConfigurationError, match=r"no weights in safetensors \(found: config\.json, pytorch_model\.bin\)"
    ):
        resolve_model({"path": str(tmp_path)})


def test_a_hub_model_is_fetched_at_its_commit_without_pickles_and_code(hub: str, tmp_path: Path) -> None:
    folder = Path(_resolve({"id": "owner/model", "revision": COMMIT}, hub, tmp_path)["folder"])
    assert folder.name == COMMIT
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (folder / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"id": "owner/gated", "revision": COMMIT}, "access to the model owner/gated is not granted"),
        ({"id": "owner/none", "revision": COMMIT}, "the hub has no model owner/none"),
        ({"id": "owner/model", "revision": COMMIT[::-1]}, "has no revision"),
    ],
)
def test_what_the_hub_refuses_is_the_users_to_put_right(
    reference: dict[str, str], message: str, hub: str, tmp_path: Path
) -> None:
    raised = _resolve(reference, hub, tmp_path)
    assert message in raised["problem"]
    assert raised["hint"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("huge-config", "has a config.json of 8000000000 bytes by the hub's list, and no more than 4194304"),
        ("huge-weights", "are to be fetched, and the disk of the cache"),
    ],
)
def test_sizes_that_can_not_be_right_are_refused_before_a_byte(
    name: str, message: str, hub: str, tmp_path: Path
) -> None:
    raised = _resolve({"id": f"owner/{name}", "revision": COMMIT}, hub, tmp_path)
    assert message in raised["problem"]
    assert raised["hint"]
    assert not list(tmp_path.rglob("*.incomplete")) + list(tmp_path.rglob("blobs/*"))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"id": "owner/model", "revision": "main"}, "the revision 'main'"),
        ({"id": "owner/model"}, "the revision None"),
        ({"name": "owner/model"}, "must have the key path or id"),
    ],
)
def test_a_reference_that_pins_nothing_is_refused(reference: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolve_model(reference)


def test_a_hub_out_of_reach_is_said_so(tmp_path: Path) -> None:
    raised = _resolve({"id": "owner/model", "revision": COMMIT}, "http://127.0.0.1:9", tmp_path)
    assert "the hub can't be reached" in raised["problem"]
