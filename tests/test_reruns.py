"""A cell that is run again gives back the memory of its earlier runs, in a kernel as JupyterLab drives it."""

import json
import queue

import pytest
from conftest import small_series, write_subject
from jupyter_client.manager import start_new_kernel
from waiting import PATIENCE

COUNT = """
import gc, json, ipywidgets
gc.collect()
kinds = [type(thing).__name__ for thing in gc.get_objects() if str(type(thing).__module__).startswith("roilessons")]
print(json.dumps([kinds.count("SubjectMaps"), len(ipywidgets.widgets.widget._instances)]))
"""


@pytest.fixture
def run(tmp_path):
    """Runs a cell in a fresh kernel, by its id or without one; returns what it prints."""
    write_subject(tmp_path / "subj", *small_series())
    manager, client = start_new_kernel(startup_timeout=PATIENCE, cwd=tmp_path)

    def run(code, cell=None):
        message = client.session.msg("execute_request", {"code": code, "silent": False, "store_history": True,
                                     "user_expressions": {}, "allow_stdin": False, "stop_on_error": True})  # fmt: skip
        if cell:
            message["metadata"] = {"cellId": cell}
        client.shell_channel.send(message)
        printed = ""
        while True:
            try:
                said = client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"{code} did not end") from None
            if said["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = said["content"]
            assert said["msg_type"] != "error", "\n".join(content["traceback"])
            if said["msg_type"] == "stream" and content["name"] == "stdout":
                printed += content["text"]
            if said["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


SETUP = "import roilessons as rl\nsubject = rl.load_subject('subj')"
EXPLORER = "explorer = rl.explore(subject, 'fwhm', 'threshold', 'signals')\nexplorer"
SLIDER = """
import ipywidgets, matplotlib.pyplot as plt
shown = rl.FigureWithSlider(ipywidgets.IntSlider(), lambda value: (plt.figure(), f"a figure of {value}"))
shown"""


WORKBENCH = "bench = rl.workbench(subject)\nbench"


@pytest.mark.parametrize(
    "code, identified, times", [(EXPLORER, True, 20), (EXPLORER, False, 3), (WORKBENCH, True, 3), (SLIDER, True, 3)]
)
def test_a_cell_run_again_and_again_holds_what_one_run_holds(run, code, identified, times):
    run(SETUP)
    cell = "the-same-cell" if identified else None
    run(code, cell)
    once = json.loads(run(COUNT))
    for edited in range(times):
        run(f"{code}  # edited {edited}" if identified else code, cell)
    assert json.loads(run(COUNT)) == once


def test_what_other_cells_and_one_cell_twice_show_stays(run):
    run(SETUP)
    run(EXPLORER, "a")
    run("others = [rl.explore(subject, 'threshold') for _ in range(2)]\nothers[0]", "b")
    assert json.loads(run(COUNT))[0] == 3
    assert run("explorer.threshold.value = 3\nprint(explorer.readout.value[:12], others[0].readout.value[:12])", "c") == "Threshold 3: Threshold 5:\n"
    run(EXPLORER, "a")
    assert json.loads(run(COUNT))[0] == 3
