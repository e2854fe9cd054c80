"""Exercises of lesson 09, double dipping."""

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number

stricter_elsewhere = choice(
    "b",
    "A stricter choice is luckier in the odd runs only. Fewer voxels make a mean less certain, not larger.",
    "Why did the effect grow with the threshold? Whose noise did the threshold look at?",
    "The even runs' noise was not looked at when the voxels were chosen, at no threshold.",
    a="That is so in the runs that chose. What does the choice know about the noise of the other runs?",
    c="Noise has no memory and no debts: good luck in one run is not paid back in another.",
    d="A mean of finitely many noisy numbers is hardly ever exact. Look at the standard errors.",
)


def _measure():
    """A function (chosen in, measured in, side) -> mean face minus house of the noise subject in those voxels, %."""
    noise = rl.load_subject("noise")
    labels, brain = noise.labels, image.get_data(noise.mask) > 0
    means_img, design = rl.block_means(noise.func, labels)
    blocks, is_face = image.get_data(means_img)[brain].T, np.array(design["condition"] == "face")
    differences, runs = 100 * (blocks[is_face] - blocks[~is_face]) / blocks.mean(axis=0), np.array(design["run"][is_face])
    parts = {"even": lambda run: run % 2 == 0, "odd": lambda run: run % 2 == 1, "all": lambda run: run >= 0}
    tests = {}
    for name, part in parts.items():
        test = rl.t_test(noise.func, labels["labels"].where(part(labels["chunks"]), "other"))
        tests[name] = [image.get_data(img)[brain] for img in test]

    def measure(chosen_in, measured_in, side=lambda t: t > 0):
        t, log_p = tests[chosen_in]
        chosen = side(t) & (log_p >= 5)
        return differences[parts[measured_in](runs)][:, chosen].mean() if chosen.any() else np.nan

    return measure


@number(
    "a number, in per cent",
    "Keep the labels of the even runs: labels['labels'].where(~odd, 'other').",
    "From the t-test of the even runs take t > 0 and -log10 p >= 5; from noise_differences take the rows of the odd runs.",
    otherwise="Make labels that name only the even runs' volumes, t-test, keep t > 0 at 5 or above, then average the odd rows.",
    decimals=2,
)
def swapped_halves():
    measure = _measure()
    right, circular = measure("even", "odd"), measure("even", "even")
    why = "Next to nothing, once more: the even runs' luck is worth nothing in the odd ones."
    yield right, why if abs(right) < 0.2 * circular else "What is left of it is the luck of the odd runs, and no effect."
    yield measure("odd", "even"), "That is the split of the text. Swap both: the even runs choose, the odd ones measure."
    yield circular, "Chosen and measured in the same, even runs: that is the circle. Measure in the odd ones."
    yield (
        measure("all", "odd"),
        "All runs had a say in the choice, and the odd ones are among them. Let the even ones choose alone.",
    )
    yield measure("even", "all"), "Measured in all runs, and half of them made the choice. Take the rows of the odd runs alone."
    yield measure("even", "odd", lambda t: t < 0), "These are the house voxels, t < 0. Take the face voxels."
    yield measure("even", "odd", np.isfinite), "Both directions together. Keep the voxels with t > 0 alone."
    yield -right, "The sign: that is house minus face."
    yield measure("all", "all"), "All runs chose and all runs measured: that is the first table of the lesson."


which_is_circular = choice(
    "c",
    "The peak is the luckiest voxel of all, so its size in the same data is the most biased number of all.",
    "For each: which data chose, by which question? Which data are measured, by which question?",
    "It is circular where the same data are asked the same question twice.",
    a="The anatomy knows nothing of faces and houses: this choice cannot favour either.",
    b="The same question, but of other runs: their noise had no say in the choice.",
    d="A localiser scan on another day is the cleanest split there is.",
)
