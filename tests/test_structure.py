"""The package's parts know only what lies below them, imports within functions included."""

import ast
import re

from conftest import ROOT

import roilessons

PACKAGE = ROOT / "roilessons"
# From the lowest to the highest; the parts of one level know nothing of each other.
LEVELS = [
    ["files", "numbers", "volumes"], ["datasets"], ["subject"], ["steps"], ["inference"], ["figures"], ["explorer", "batch"], ["check"],
    ["app"],
]  # fmt: skip
LEVEL_OF = {part: level for level, parts in enumerate(LEVELS) for part in parts}


def imported(source):
    """What a module imports from the package, without the package's name; `score` as the module that has it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports within the package name it"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in (name.removeprefix("roilessons.") for name in names if name.startswith("roilessons.")):
            yield roilessons._MODULE_OF.get(name, name)


def private_names(source):
    """What a module takes of the package that begins with an underscore: imported, or as an attribute of a module."""
    tree = ast.parse(source)
    from_package = {
        alias.asname or alias.name
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("roilessons")
        for alias in node.names
    }  # fmt: skip
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    names = [node.attr for node in attributes if node.value.id in from_package]
    names += [name.rpartition(".")[2] for name in imported(source)]
    return [name for name in names if name.startswith("_") and not name.startswith("__")]


def test_every_part_knows_only_what_lies_below_it():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        place, source = path.relative_to(PACKAGE), path.read_text(encoding="utf-8")
        wrong += [f"{place}: {name}" for name in private_names(source)]
        part = place.with_suffix("").parts[0]
        if part.startswith("__"):  # the package itself, and its start
            continue
        assert part in LEVEL_OF, f"{part} is new: which level is it?"
        for name in imported(source):
            other = name.partition(".")[0]
            if other not in (part, "__version__") and LEVEL_OF[other] >= LEVEL_OF[part]:
                wrong.append(f"{place} imports {name}")
    assert not wrong


def test_what_points_upwards_is_seen():
    source = "def f():\n    from roilessons import steps, score\n    import roilessons.app.cli\n    return steps._mean"
    assert [*imported(source)] == ["steps", "steps", "app.cli"]
    assert private_names(source + "\nfrom roilessons.volumes.images import _name") == ["_mean", "_name"]


def test_the_architecture_page_has_every_part_in_its_order_and_names_files_that_are_there():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    described = [part for part in re.findall(r"(?:^|  )(\w+(?:, \w+)*)  ", page.split("```")[3], re.M) for part in part.split(", ")]
    assert sorted(described) == sorted(LEVEL_OF) == sorted(path.stem for path in PACKAGE.glob("[!_]*"))
    levels = [LEVEL_OF[part] for part in described]
    assert levels == sorted(levels, reverse=True)
    names = [name for name in re.findall(r"`([\w./-]+\.(?:py|js|yml))`", page) if "NN" not in name]
    names += re.findall(r"\b((?:app|explorer|tests)/\w+\.(?:py|js))", page)
    assert len(names) > 10
    lost = [name for name in names if not any([*ROOT.glob(name), *PACKAGE.glob(f"**/{name}")])]
    assert not lost
