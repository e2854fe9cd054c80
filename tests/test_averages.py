"""`block_means` against the smoothed volumes averaged one by one; a figure that follows a slider."""

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import array, small_series, write_subject
from nilearn import image

import roilessons as rl
from roilessons.explorer.figure_with_slider import FigureWithSlider


@pytest.mark.parametrize("fwhm", [0, 6])
def test_each_block_is_the_mean_of_its_smoothed_volumes(small_folder, fwhm):
    subject = rl.load_subject(small_folder)
    means_img, design = rl.block_means(subject.func, subject.labels, fwhm=fwhm)
    assert design["condition"].tolist() == ["face", "house"] * 3
    assert design["run"].tolist() == [0, 0, 1, 1, 2, 2] and set(design["volumes"]) == {5}
    smoothed = image.get_data(image.smooth_img(image.math_img("img.astype(float)", img=str(subject.func)), fwhm or None))
    for block, row in enumerate(design.itertuples()):
        volumes = (subject.labels["labels"] == row.condition) & (subject.labels["chunks"] == row.run)
        np.testing.assert_allclose(array(means_img)[..., block], smoothed[..., volumes].mean(axis=-1), rtol=1e-5)


def test_a_block_ends_where_its_run_or_its_condition_ends(tmp_path):
    data, _, _ = small_series(runs=1)
    conditions, runs = np.array(["cat"] * 4 + ["face"] * 6 + ["rest"] * 4 + ["face"] * 6), np.repeat([0, 1], [7, 13])
    subject = rl.load_subject(write_subject(tmp_path, data, conditions, runs))
    means_img, design = rl.block_means(subject.func, subject.labels, ("face", "cat"), fwhm=0)
    assert design.values.tolist() == [[0, "cat", 4], [0, "face", 3], [1, "face", 3], [1, "face", 6]]
    expected = [data[..., part].mean(axis=-1) for part in (slice(0, 4), slice(4, 7), slice(7, 10), slice(14, 20))]
    np.testing.assert_allclose(array(means_img), np.stack(expected, axis=-1), rtol=1e-6)


def test_what_does_not_fit_is_refused(small_folder):
    subject = rl.load_subject(small_folder)
    with pytest.raises(ValueError, match="'shoe'; there are: cat, face, house, rest"):
        rl.block_means(subject.func, subject.labels, ("face", "shoe"))
    with pytest.raises(ValueError, match="59 labels.*60 volumes"):
        rl.block_means(subject.func, subject.labels[:-1])


def test_the_figure_follows_the_slider():
    def draw(value):
        figure, axes = plt.subplots(figsize=(2, 2))
        axes.plot([0, value])
        return figure, f"A line up to {value:g}."

    sliding = FigureWithSlider(ipywidgets.FloatSlider(2, min=0, max=5, description="Height"), draw)
    pictures = [sliding._repr_mimebundle_()]
    sliding.slider.value = 3
    pictures.append(sliding._repr_mimebundle_())
    assert [picture["text/plain"] for picture in pictures] == ["A line up to 2.", "A line up to 3."]
    assert pictures[0]["image/png"] != pictures[1]["image/png"]
    assert 'alt="A line up to 3."' in pictures[1]["text/html"] and "A line up to 3." in sliding.children[1].value
    assert "application/vnd.jupyter.widget-view+json" in pictures[0] and not plt.get_fignums()
