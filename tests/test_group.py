"""A group of subjects: who fails is reported, who does not is kept, and where the work is done makes no difference."""

import warnings

import joblib
import numpy as np
import psutil
import pytest
from conftest import array, small_series, write_subject

import roilessons as rl


def sizes(subject):
    made = rl.catch_up(subject, "components", contrast=("house", "cat"))
    return np.bincount(array(made.labels_img).ravel()).tolist()


def stumble(subject):
    if subject.name == "subj2":
        raise KeyError("lunch")
    return subject.name


@pytest.fixture
def folders(tmp_path):
    return [write_subject(tmp_path / f"subj{n}", *small_series(seed=n)) for n in (1, 2, 3)]


def test_results_are_those_of_a_plain_loop(folders, capsys):
    group = rl.each_subject(sizes, folders)
    assert group.results == {folder: sizes(rl.load_subject(folder)) for folder in folders} and not group.failed
    assert len({str(result) for result in group.results.values()}) > 1, "three different subjects"
    assert capsys.readouterr().out.split("\r")[-1].startswith("subjects: 3 of 3 |")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_who_fails_does_not_cost_the_others(folders, tmp_path, n_jobs):
    (folders[0] / "labels.txt").unlink()
    sources = [tmp_path / "nobody", *folders]
    group = rl.each_subject(stumble, sources, n_jobs=n_jobs)
    assert group.results == {folders[2]: "subj3"}
    assert list(group.failed) == sources[:3]
    nobody, no_labels, bug = group.failed.values()
    assert "is no folder" in nobody and no_labels.endswith("has no labels.txt.") and bug == "KeyError: 'lunch'"
    assert not any("\n" in sentence for sentence in group.failed.values())


def test_all_failing_is_an_error_that_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="No subject could be done. The first, .*nobody: .* is no folder"):
        rl.each_subject(sizes, [tmp_path / "nobody"], n_jobs=1)


@pytest.mark.parametrize("sources", [[], ["simulated", "simulated"]])
def test_no_subjects_or_one_twice(sources):
    with pytest.raises(ValueError, match="each subject once"):
        rl.each_subject(sizes, sources)


def test_a_dask_cluster_gives_the_same_and_opens_no_door(folders, tmp_path):
    sources = [*folders, tmp_path / "nobody"]
    here = rl.each_subject(sizes, sources, n_jobs=1)
    before = listening()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with rl.local_cluster() as client, joblib.parallel_config(backend="dask"):
            assert len(client.scheduler_info()["workers"]) == 2
            opened = listening() - before
            there = rl.each_subject(sizes, sources)
    assert there == here
    assert {address.ip for address in opened} <= {"127.0.0.1"}
    assert listening() == before


def listening():
    return {c.laddr for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN}
