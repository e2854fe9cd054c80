"""Exercises of lesson 09, double dipping."""

from functools import lru_cache

import numpy as np

from roilessons.check.judging import Right, Wrong, choice, exercise, number


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Why did the effect grow with the threshold? Whose noise did the threshold look at?",
    "The even runs' noise was not looked at when the voxels were chosen, at no threshold.",
)
def stricter_elsewhere(answer):
    return {
        "a": Wrong("That is so in the runs that chose. What does the choice know about the noise of the other runs?"),
        "b": Right("A stricter choice is luckier in the odd runs only. Fewer voxels make a mean less certain, not larger."),
        "c": Wrong("Noise has no memory and no debts: good luck in one run is not paid back in another."),
        "d": Wrong("A mean of finitely many noisy numbers is hardly ever exact. Look at the standard errors."),
    }[choice(answer)]


@lru_cache(1)
def halves():
    """Noise's mean difference in %, by (chosen in, measured in, voxels): "even"/"odd"/"all", and "face"/"house"/"both"."""
    from nilearn import image

    from roilessons import block_means, load_subject, t_test

    noise = load_subject("noise")
    labels, brain = noise.labels, image.get_data(noise.mask) > 0
    means_img, design = block_means(noise.func, labels)
    blocks, is_face = image.get_data(means_img)[brain].T, np.array(design["condition"] == "face")
    differences = 100 * (blocks[is_face] - blocks[~is_face]) / blocks.mean(axis=0)
    runs = np.array(design["run"][is_face])
    parts = {"even": lambda run: run % 2 == 0, "odd": lambda run: run % 2 == 1, "all": lambda run: run >= 0}
    found = {}
    for chooser, chosen_runs in parts.items():
        test = t_test(noise.func, labels["labels"].where(chosen_runs(labels["chunks"]), "other"))
        t, log_p = (image.get_data(img)[brain] for img in test)
        for kind, side in {"face": t > 0, "house": t < 0, "both": t == t}.items():
            for measurer, measured_runs in parts.items():
                part = differences[measured_runs(runs)][:, side & (log_p >= 5)]
                found[chooser, measurer, kind] = float(part.mean(axis=1).mean())
    return found


@exercise(
    "a number, in per cent",
    "Keep the labels of the even runs: labels['labels'].where(~odd, 'other').",
    "From the t-test of the even runs take t > 0 and -log10 p >= 5; from noise_differences take the rows of the odd runs.",
)
def swapped_halves(answer):
    answer, found = number(answer), halves()

    def close(*key, factor=1.0):
        value = factor * found[key]
        return abs(answer - value) < 0.0006 or answer == round(value, 2)  # two decimals will do, as the lesson prints

    if close("even", "odd", "face"):
        return Right("Next to nothing, once more: the even runs' luck is worth nothing in the odd ones.")
    if close("odd", "even", "face"):
        return Wrong("That is the split of the text. Swap both: the even runs choose, the odd ones measure.")
    if close("even", "even", "face"):
        return Wrong("Chosen and measured in the same, even runs: that is the circle. Measure in the odd ones.")
    if close("all", "odd", "face"):
        return Wrong("All runs had a say in the choice, and the odd ones are among them. Let the even ones choose alone.")
    if close("even", "all", "face"):
        return Wrong("Measured in all runs, and half of them made the choice. Take the rows of the odd runs alone.")
    if close("even", "odd", "house"):
        return Wrong("These are the house voxels, t < 0. Take the face voxels.")
    if close("even", "odd", "both"):
        return Wrong("Both directions together. Keep the voxels with t > 0 alone.")
    if close("even", "odd", "face", factor=-1):
        return Wrong("The sign: that is house minus face.")
    if close("all", "all", "face"):
        return Wrong("All runs chose and all runs measured: that is the first table of the lesson.")
    return Wrong("Make labels that name only the even runs' volumes, t-test, keep t > 0 at 5 or above, then average the odd rows.")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "For each: which data chose, by which question? Which data are measured, by which question?",
    "It is circular where the same data are asked the same question twice.",
)
def which_is_circular(answer):
    return {
        "a": Wrong("The anatomy knows nothing of faces and houses: this choice cannot favour either."),
        "b": Wrong("The same question, but of other runs: their noise had no say in the choice."),
        "c": Right("The peak is the luckiest voxel of all, so its size in the same data is the most biased number of all."),
        "d": Wrong("A localiser scan on another day is the cleanest split there is."),
    }[choice(answer)]
