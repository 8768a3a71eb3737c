"""Prints the versions of the packages that pyproject.toml asks for, as JSON; exit code 1 names what does not fit.

Needs nothing but ``packaging``, which comes with transformers, so that it can explain an environment that lacks
everything else.
"""

import json
import sys
from importlib import metadata
from pathlib import Path


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - any Python may be named by PROMETHEUS_PYTHON
        print(f"Python {sys.version.split()[0]} is older than 3.11", file=sys.stderr)
        return 1
    import tomllib  # since 3.11

    try:
        from packaging.requirements import Requirement
    except ImportError:
        print("the package packaging is missing, and so, it seems, is everything else", file=sys.stderr)
        return 1
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    versions: dict[str, str] = {}
    problems: list[str] = []
    for requirement in map(Requirement, project["dependencies"]):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{requirement} is missing")
            continue
        versions[requirement.name] = version
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement.name} is {version}, wanted {requirement.specifier}")
    versions["python"] = sys.version.split()[0]
    if problems:
        print("; ".join(problems), file=sys.stderr)
        return 1
    print(json.dumps(versions, sort_keys=True))
    return 0


sys.exit(main())
