"""Exercises of lesson 09, double dipping."""

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number
from roilessons.inference.contrasts import t_of_rows

fewer_voxels = choice(
    "b",
    "A pickier choice finds more extreme noise, in the half that chose. The other half's noise took no part in it.",
    "Why did the effect grow with the threshold? Whose noise did the choice look at?",
    "The noise of the other half was not looked at, however many voxels were chosen.",
    a="That is so in the runs that chose. What does the choice know about the noise of the other runs?",
    c="Noise has no memory: what was high in some runs is not paid back in others.",
    d="A mean of finitely many noisy numbers is hardly ever exactly 0, and the circular one is chosen to be large.",
)


@number(
    "a number, in per cent",
    "noise_runs[:, vt] has a row for each run; ~odd takes the rows of the even ones.",
    "The last 20 of np.argsort(t), or the first 20 of np.argsort(-t), are the voxels with the largest t.",
    otherwise="t of the even rows in the VT mask, the 20 voxels with the largest t, then the mean of the odd rows in these voxels.",
    decimals=2,
)
def swapped_halves():
    noise = rl.load_subject("noise")
    brain, vt = (image.get_data(img) > 0 for img in (noise.mask, noise.mask_vt))
    names = sorted(set(noise.conditions.tolist()) - {"rest"})
    means_img, design = rl.block_means(noise.func, noise.labels, names)
    blocks, run = image.get_data(means_img)[brain].T, np.arange(12)
    face, house = (blocks[np.array(design["condition"] == name)] for name in ("face", "house"))
    everywhere = 100 * (face - house) / blocks.mean(axis=0)
    parts = {"even": run % 2 == 0, "odd": run % 2 == 1, "all": run >= 0}

    def measure(chosen_in, measured_in, sign=1, runs=everywhere[:, vt[brain]]):
        t = sign * t_of_rows(runs[parts[chosen_in]])
        return runs[np.ix_(parts[measured_in], np.argsort(-t)[:20])].mean()

    right = measure("even", "odd")
    yield (
        right,
        "That is one split, and so one draw: only many of them, and many data sets, show that nothing is left on average.",
    )
    yield measure("even", "even"), "Chosen and measured in the same, even runs: that is the circle. Measure in the odd ones."
    yield measure("odd", "even"), "The other way round. The even runs choose, the odd ones measure."
    yield (
        measure("all", "odd"),
        "All runs had a say in the choice, and the odd ones are among them. Let the even ones choose alone.",
    )
    yield measure("even", "all"), "Measured in all runs, and half of them made the choice. Take the rows of the odd runs alone."
    yield measure("all", "all"), "All runs chose and all runs measured: that is the circle with all the data."
    yield (
        measure("odd", "odd"),
        "Chosen and measured in the same, odd runs: that is the circle, and the even ones were to choose.",
    )
    yield measure("even", "odd", -1), "These are the house voxels, with the smallest t. Take those with the largest."
    yield measure("even", "odd", 1, everywhere), "Chosen in the whole brain. Take noise_runs[:, vt]."
    yield -right, "The sign: that is house minus face."


which_is_circular = choice(
    "c",
    "The peak is the most extreme voxel of all, so its size in the same data is the most biased number of all.",
    "For each: which data chose, by which question? Which data are measured, by which question?",
    "It is circular where the same data are asked the same question twice.",
    a="The anatomy does not depend on the responses to faces and houses: this choice cannot favour either.",
    b="The same question, but of other runs: their noise had no say in the choice.",
    d="A localizer scan on another day is the cleanest split there is.",
)

not_favoured = choice(
    "c",
    "F sees how the categories differ from each other. Their common mean, against rest, it does not see.",
    "F is large where the means of the eight categories differ from each other.",
    "Add 1 to all eight categories: which of the four comparisons changes, and does F?",
    a="Shoe and bottle are two of the eight. Where noise drives them apart, F is larger.",
    b="Where noise lifts the faces above the others, the eight means differ, and F is larger.",
    d="That is a difference between the eight categories, too: of two against six.",
)
