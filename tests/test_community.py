"""What strangers and services read of the repository is well formed, and says the same as the package."""

import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

import roilessons

SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/*[!g].yml",  # all but config.yml
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.citation-file-format": "CITATION.cff",
}


def judged(schema, *paths):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_for_services_are_valid(schema):
    paths = sorted(ROOT.glob(SCHEMAS[schema]))
    done = judged(schema, *paths)
    assert paths and done.returncode == 0, done.stdout + done.stderr


def test_a_fault_would_be_seen(tmp_path):
    for schema, text in (
        ("vendor.citation-file-format", (ROOT / "CITATION.cff").read_text(encoding="utf-8").replace("authors:", "writers:")),
        (
            "vendor.github-workflows",
            (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8").replace("runs-on", "runs"),
        ),
    ):
        (tmp_path / "file.yml").write_text(text, encoding="utf-8")
        assert judged(schema, tmp_path / "file.yml").returncode == 1, schema


def test_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == roilessons.__version__
    changes = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert changes[0] == roilessons.__version__
    for path in ("README.md", "docs/instructor_guide.md"):
        for tag in re.findall(r"/roilessons/roilessons/v([\d.]+\d)", (ROOT / path).read_text(encoding="utf-8")):
            assert tag == roilessons.__version__, path


def test_the_readmes_picture_is_described_as_the_explorer_describes_itself():
    explorer = roilessons.explore(roilessons.load_subject("simulated"), "threshold", "intersection", "cut_coords")
    said = " ".join(explorer.describe().split())
    assert f"{said}](docs/images/explorer.png)" in (ROOT / "README.md").read_text(encoding="utf-8")
    explorer.close()
