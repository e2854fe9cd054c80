"""What is tested is what a classroom gets: the files that describe the environment agree."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from roilessons.__main__ import STAMP

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = ROOT / "binder/requirements.txt"
POST_BUILD = ROOT / "binder/postBuild"
ENVIRONMENTS = [ROOT / "environment.yml", ROOT / "binder/environment.yml"]
DIRECT = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]]


def pins():
    """Every line of the pinned list as a requirement."""
    lines = PINNED.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def pinned_here():
    """{name: version} of the pins that this Python and system take."""
    here = [pin for pin in pins() if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}


def environment(path):
    """(channels, Python, other conda packages, the file that pip reads) of an environment.yml."""
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    conda = [item for item in described["dependencies"] if isinstance(item, str)]
    (pip,) = (item["pip"] for item in described["dependencies"] if isinstance(item, dict))
    ((option, name),) = (line.split() for line in pip)
    assert option == "-r"
    (python,) = (item.removeprefix("python=") for item in conda if item.startswith("python="))
    others = sorted(item for item in conda if not item.startswith("python="))
    return described["channels"], python, others, (path.parent / name).resolve()


def test_both_environment_files_describe_the_same():
    here, binder = map(environment, ENVIRONMENTS)
    assert here == binder
    channels, python, others, pinned = here
    assert channels == ["conda-forge"] and others == ["pip"], "all but Python and pip comes from the pinned list"
    assert pinned == PINNED
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)


def test_every_pin_is_exact_and_no_line_names_a_place():
    for pin in pins():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{pin} is not pinned"
        assert pin.url is None
    text = PINNED.read_text(encoding="utf-8")
    assert "://" not in text and not re.search(r"^-", text, re.MULTILINE), "no index, no options"


def test_direct_dependencies_are_pinned_within_their_bounds():
    for direct in DIRECT:
        same = [pin for pin in pins() if canonicalize_name(pin.name) == canonicalize_name(direct.name)]
        assert same, f"{direct.name} is not in the pinned list: refresh it"
        wrong = [pin for pin in same if not direct.specifier.contains(str(pin.specifier).removeprefix("=="))]
        assert not wrong, f"pyproject.toml wants {direct}, the pinned list has {wrong}"


def test_list_refreshes_with_the_command_it_names():
    """The head of the list gives the command; pyproject.toml gives its settings."""
    assert "uv pip compile pyproject.toml -o binder/requirements.txt" in PINNED.read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["pip"]
    assert settings["universal"] and settings["extra"] == ["test"]
    assert PROJECT["requires-python"] == f">={settings['python-version']}"


def test_running_environment_is_the_pinned_one():
    if not (Path(sys.prefix) / STAMP).is_file():
        pytest.skip("this environment was not made from the pinned list")
    installed = {name: importlib.metadata.version(name) for name in pinned_here()}
    assert {name: Version(v) for name, v in installed.items()} == {n: Version(v) for n, v in pinned_here().items()}


def test_pinned_list_resolves_in_a_fresh_environment(tmp_path):
    """pip finds every pin, nothing is missing from the list, and no two pins are at odds."""
    venv.create(tmp_path / "fresh", with_pip=False)
    python = tmp_path / "fresh" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--dry-run", "--quiet"]
    command += ["--disable-pip-version-check", "--report", tmp_path / "report.json", "--requirement", PINNED]
    pip = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if "Retrying (" in pip.stderr and not os.environ.get("CI"):
        pytest.skip("no network, which pip needs to resolve")
    assert pip.returncode == 0, pip.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = {canonicalize_name(item["metadata"]["name"]): item["metadata"]["version"] for item in report["install"]}
    assert {n: Version(v) for n, v in found.items()} == {n: Version(v) for n, v in pinned_here().items()}


def test_post_build_is_a_strict_script():
    lines = POST_BUILD.read_bytes().split(b"\n")
    assert lines[0] == b"#!/bin/bash", "shebang first, without a carriage return"
    commands = [line for line in lines[1:] if line and not line.startswith(b"#")]
    assert commands[0] == b"set -euo pipefail"
    if os.name != "nt":
        assert os.access(POST_BUILD, os.X_OK)
        subprocess.run(["bash", "-n", POST_BUILD], check=True)


@pytest.mark.skipif(os.name == "nt", reason="repo2docker runs on Linux and macOS")
def test_binder_builds_this(monkeypatch):
    """repo2docker picks conda, our Python, our file, and runs postBuild after the packages."""
    from repo2docker.app import Repo2Docker

    monkeypatch.chdir(ROOT)
    app = Repo2Docker()
    app.platform = "linux/amd64"
    for BuildPack in app.buildpacks:
        pack = BuildPack(base_image=app.base_image)
        pack.platform = app.platform
        if pack.detect():
            break
    assert type(pack).__name__ == "CondaBuildPack"
    assert pack.python_version == environment(ENVIRONMENTS[1])[1]
    dockerfile = pack.render({"NB_USER": "jovyan", "NB_UID": "1000"})
    steps = ["COPY --chown=1000:1000 src/", '--file "binder/environment.yml"', "RUN ./binder/postBuild"]
    places = [dockerfile.index(step) for step in steps]
    assert places == sorted(places), "the pinned list must be copied before conda reads environment.yml"
