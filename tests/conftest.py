"""What the tests share: small subjects made on the spot, the real slice, a machine without a network."""

import os
import shutil
import signal
import socket
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import roilessons as rl
from roilessons.app import cli

ROOT = Path(__file__).parents[1]
# What `-m "not slow"` leaves out: files, and names of tests or how several begin. Measured with `--durations=60`.
SLOW = (
    "test_bids_out.py", "test_book.py", "test_browser.py", "test_fuzz.py", "test_group.py", "test_hub.py", "test_lab.py",
    "test_memory.py", "test_net.py", "test_page_attacked.py", "test_real_lessons.py", "test_reruns.py", "test_simulate.py",
    "test_slides.py", "test_store.py", "::test_a_changed_folder_is_read_again", "::test_a_closed_explorer_keeps",
    "::test_a_console_that_cannot_show", "::test_a_fault_would_be_seen", "::test_a_few_thousand_random_combinations",
    "::test_a_killed_run_leaves", "::test_a_locale_with_decimal_commas", "::test_a_reader_who_has_gone",
    "::test_a_rounded_answer_is_right", "::test_a_score_is_against_what", "::test_agrees_with_the_rule_volume_by_volume",
    "::test_another_contrast_and_another_subject", "::test_conditions_of_ones_own", "::test_ctrl_c_in_the_middle",
    "::test_each_control_over_its_range", "::test_every_handout_is_whole", "::test_every_solution_is_right",
    "::test_every_value_of_every_control", "::test_family_wise_error_is_kept", "::test_files_for_services_are_valid",
    "::test_functions_are_told_from", "::test_hundreds_of_components", "::test_known_mistakes", "::test_no_answer_raises",
    "::test_no_room_for_", "::test_no_socket_is_made", "::test_one_subject_after_another",
    "::test_permuted_ols_agrees_on_the_real_slice", "::test_the_answer_is_not_on",
    "::test_the_example_is_bids", "::test_the_solution_passes_on_a_simulated", "::test_the_teachers_lesson_passes",
    "::test_the_test_across_runs", "::test_the_tutorials_numbers", "::test_what_answers_a_prediction",
    "::test_what_is_right_is_the_default", "::test_what_the_readout_would",
)  # fmt: skip
LONGEST = ("test_browser.py", "test_editions.py", "test_hub.py", "test_book.py", "test_bids_out.py", "test_group.py", "test_net.py",
           "test_lab.py", "test_store.py", "test_check.py", "test_fuzz.py")  # fmt: skip
DESIGN = ["rest"] * 3 + ["face"] * 5 + ["rest"] * 2 + ["house"] * 5 + ["cat"] * 5
AFFINE = np.array([[-3.5, 0, 0, 20], [0, 3.75, 0, -30], [0, 0, 3.75, -15], [0, 0, 0, 1.0]])


def small_series(dtype=np.int16, runs=3, shape=(12, 14, 9), seed=0):
    """A series (x, y, z, volume) with a face area and two house areas, and its conditions and runs."""
    rng = np.random.default_rng(seed)
    conditions = np.array(DESIGN * runs)
    data = rng.normal(1000, 8, (*shape, len(conditions)))
    data[2:5, 3:6, 2:5, conditions == "face"] += 30
    data[7:10, 3:5, 2:5, conditions == "house"] += 40
    data[7:10, 9:12, 4:6, conditions == "house"] += 30
    if np.dtype(dtype) == np.uint8:
        data = data / 8
    if np.dtype(dtype).kind in "iu":
        data = data.round()
    return data.astype(dtype), conditions, np.repeat(np.arange(runs), len(DESIGN))


def write_subject(folder, data, conditions, runs, *, name="bold.nii.gz", slope=None, inter=0, byte_order="<"):
    """A subject's folder as `load_subject` takes it; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    header = nib.Nifti1Header(endianness=byte_order)
    header.set_data_dtype(data.dtype.newbyteorder(byte_order))
    img = nib.Nifti1Image(data, AFFINE, header)
    img.header.set_zooms((3.5, 3.75, 3.75, 2.5))
    img.header.set_xyzt_units("mm", "sec")
    if slope is not None:
        img.header.set_slope_inter(slope, inter)
    nib.save(img, folder / name)
    lines = ["labels chunks", *(f"{c} {r}" for c, r in zip(conditions, runs, strict=True))]
    (folder / "labels.txt").write_text("\n".join(lines) + "\n")
    vt = np.zeros(data.shape[:3], np.uint8)
    vt[1:11, 2:11, 1:7] = 1
    nib.save(nib.Nifti1Image(vt, AFFINE), folder / "mask4_vt.nii.gz")
    return folder


@pytest.fixture
def small_folder(tmp_path):
    return write_subject(tmp_path / "subj", *small_series())


@pytest.fixture
def six_runs(tmp_path):
    """A subject with runs enough for sign flips, as `roilessons extract` takes them."""
    return write_subject(tmp_path / "subj", *small_series(runs=6))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The example of a BIDS dataset: two people, three runs each."""
    return rl.example_bids(tmp_path_factory.mktemp("bids") / "study")


@pytest.fixture
def dataset(made, tmp_path):
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture(scope="session")
def real_slice():
    """The folder of the real slice; CI has it beside the checkout, elsewhere it may be absent."""
    places = [os.environ.get("ROILESSONS_REAL_SLICE"), ROOT.parent / "shared/haxby2001-slice/haxby2001/subj1"]
    for place in filter(None, places):
        if (Path(place) / "bold.nii.gz").is_file():
            return Path(place)
    if os.environ.get("CI") and not os.environ.get("GITHUB_ACTIONS"):  # there it cannot be had: it is not ours to publish
        pytest.fail("The real slice is not here: set ROILESSONS_REAL_SLICE to its folder.")
    pytest.skip("The real slice is not on this machine; ROILESSONS_REAL_SLICE may name its folder.")


Done = namedtuple("Done", "code out errors")


@pytest.fixture
def shell(capsys):
    """`roilessons ...` in this process: its exit code, what it printed, and the lines on stderr."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(code, said.out, said.err.splitlines())

    return run


def need(path, what):
    """`path`, of what a test needs of the machine; where it is None, CI fails, and elsewhere the test is skipped."""
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"There is no {what} on this machine.")
    return path


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach another machine fails the test."""

    def refuse(self, address):
        raise AssertionError(f"something tried to reach {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


def array(img):
    return np.asanyarray(img.dataobj)


def check_slow(names, folder):
    """UsageError if a name is that of no test, such as one that was given another name."""
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    unknown = [name for name in names if not (f"\ndef {name[2:]}" in sources if name[:2] == "::" else (folder / name).is_file())]
    if unknown:
        raise pytest.UsageError(f"SLOW or LONGEST in conftest.py names what is no test: {', '.join(unknown)}.")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items):
    """Mark what is slow; the longest files come first, so that at the end no worker waits for the other."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        if any(name in item.nodeid for name in (".ipynb::", *SLOW)):
            item.add_marker("slow")


def pytest_configure(config):
    """Before any test: the lessons' memory is to be measured, and their subjects are made."""
    import lesson_memory  # here, because a conftest of tests/ does not see notebooks/

    config.pluginmanager.register(lesson_memory, "lesson_memory")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell starts in the background: Ctrl-C is tested
        signal.signal(signal.SIGINT, signal.default_int_handler)
    check_slow(SLOW + LONGEST, ROOT / "tests")
    if not hasattr(config, "workerinput"):  # once, in the process that starts the workers
        from roilessons.datasets.cache import simulated_folder

        with ThreadPoolExecutor(2) as pool:
            made = [pool.submit(simulated_folder, number, progress=False) for number in range(1, 7)]
            made.append(pool.submit(simulated_folder, effects=False, progress=False))
            for one in made:
                one.result()
