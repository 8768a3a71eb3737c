"""Writes what a package index serves, honest and lying ones, and the folder of locks that name the honest files.

``package_index.py OUT``: ``OUT/honest/NAME/FILE``, the same for each lie, and ``OUT/trainer`` with the locks.
Whatever of it is run by an installer appends a line to the file in ``PACKAGE_NOTES``.
"""

import hashlib
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

NOTE = """
import json, os
with open(os.environ["PACKAGE_NOTES"], "a") as notes:
    notes.write(json.dumps({"ran": %r, "environment": dict(os.environ)}) + "\\n")
"""
# What a source distribution is built by, in place of the real one.
BACKEND = (
    NOTE
    + """
import zipfile

def get_requires_for_build_wheel(settings=None):
    return []

def build_wheel(folder, settings=None, metadata=None):
    about = open("PKG-INFO").read()
    name = about.split("Name: ")[1].split()[0]
    with zipfile.ZipFile(os.path.join(folder, f"{name}-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr(f"{name}.py", "made_by = %r")
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", about)
        wheel.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name}-1.0-py3-none-any.whl"
"""
)
BUILD_SYSTEM = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


def wheel(name: str, version: str, files: dict[str, str]) -> tuple[str, bytes]:
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file, (2020, 1, 1, 0, 0, 0)), text)
    return f"{name}-{version}-py3-none-any.whl", written.getvalue()


def source(name: str, version: str, files: dict[str, str]) -> tuple[str, bytes]:
    files = {**files, "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", written.getvalue()


def setuptools(version: str, who: str) -> tuple[str, bytes]:
    return wheel(
        "setuptools",
        version,
        {"setuptools/__init__.py": "", "setuptools/build_meta.py": BACKEND % (f"setuptools of {who}", who)},
    )


def uv(who: str) -> tuple[str, bytes]:
    return wheel("uv", "1.0", {"uv-1.0.data/scripts/uv": f"#!/bin/sh\necho uv of {who}\n"})


def main(out: Path) -> None:
    demo_source = {"pyproject.toml": BUILD_SYSTEM}
    honest = dict(
        [
            wheel("demo", "1.0", {"demo.py": "made_by = 'honest'"}),
            source("demo", "1.0", demo_source),
            source("deepspeed", "1.0", {"pyproject.toml": BUILD_SYSTEM}),
            setuptools("84.0", "honest"),
            uv("honest"),
        ]
    )
    only_source = {name: content for name, content in honest.items() if not name.startswith("demo-1.0-py3")}
    extra = {"setup.py": NOTE % "source of a liar"}
    lies = {
        "other-wheel": {**honest, **dict([wheel("demo", "1.0", {"demo.py": "made_by = 'liar'"})])},
        "no-wheel": only_source,
        "other-source": {**only_source, **dict([source("demo", "1.0", {**demo_source, **extra})])},
        "other-sdist": {
            **honest,
            **dict([source("deepspeed", "1.0", {"pyproject.toml": BUILD_SYSTEM, **extra})]),
        },
        "other-builder": {**honest, **dict([setuptools("84.0", "liar")])},
        "newer-builder": {**honest, **dict([setuptools("99.0", "liar")])},
        "other-uv": {**honest, **dict([uv("liar")])},
    }
    for kind, files in {"honest": honest, **lies}.items():
        for name, content in files.items():
            file = out / kind / name.split("-")[0] / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def locked(*names: str) -> str:
        hashes = [f" \\\n    --hash=sha256:{hashlib.sha256(honest[name]).hexdigest()}" for name in names]
        project, version = names[0].removesuffix(".tar.gz").split("-")[:2]
        return f"{project}=={version}{''.join(hashes)}\n"

    trainer = out / "trainer"
    (trainer / "scripts").mkdir(parents=True)
    demo = locked("demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz")
    for kind in ("", "-tracking", "-mergekit", "-dev"):
        (trainer / f"requirements{kind}.lock").write_text(demo)
    (trainer / "requirements-gpu.lock").write_text(demo + locked("deepspeed-1.0.tar.gz"))
    (trainer / "requirements-build.lock").write_text(locked("setuptools-84.0-py3-none-any.whl"))
    (trainer / "requirements-uv.lock").write_text(locked("uv-1.0-py3-none-any.whl"))
    (trainer / "scripts/check_environment.py").write_text(
        "import importlib, importlib.util, json\n"
        "found = filter(importlib.util.find_spec, ('demo', 'deepspeed'))\n"
        "print(json.dumps({name: importlib.import_module(name).made_by for name in found}))\n"
    )
    print(json.dumps(sorted(lies)))


main(Path(sys.argv[1]))
