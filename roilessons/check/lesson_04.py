"""Exercises of lesson 04, threshold."""

import numpy as np

from roilessons.check.judging import choice, number, recalled

lower_threshold = choice(
    "c",
    "Whoever passes 5 passes 3: masks at falling thresholds lie one inside the next, like Russian dolls.",
    "Think of one voxel with the value 6. Was it kept at 5? Is it kept at 3?",
    "Every voxel that passes a high threshold passes a lower one too. Which others pass the lower one?",
    a="A lower threshold lets more voxels pass, not fewer: try one with the value 4.",
    b="Voxels between 3 and 5 change sides: look for them in the histogram.",
    d="No voxel that was kept is lost when the threshold falls: take one with the value 6.",
)


@number(
    "a whole number of voxels",
    "Count the True values of a comparison: np.sum(...).",
    "The map is capped: no value is larger than 10, and many are equal to it. The mask keeps what is at or above.",
    otherwise="Compare the whole map with 10, and count the voxels for which the comparison is True.",
)
def voxels_at_cap():
    log_p = np.asarray(recalled()[1].log_p_img.dataobj)
    at_cap = np.sum(log_p >= 10)
    why = "These voxels sit at the cap, so only >= keeps them: > would have kept none."
    below = "Those are the voxels below the threshold. Turn the comparison round."
    yield at_cap, why if at_cap else "No voxel of this subject reaches the cap."
    yield 0, "That is what > gives: nothing is larger than the cap. The mask keeps what is at or above the threshold."
    yield np.sum(log_p >= 5), "That is the mask at 5. Here the threshold is 10."
    yield (log_p.size, np.sum(log_p < 10), np.sum(log_p <= 10)), below
    yield 10 * at_cap, "That is the sum of the values. Add up the True and False of a comparison instead."


@number(
    "a number on the scale of -log10 p",
    "How many times do you have to divide 1 by 10 to arrive at the p-value?",
    "-np.log10(0.001) is a line of Python.",
    otherwise="Look at the table above: which line has this p?",
    decimals=2,
)
def threshold_for_p():
    p = 0.001
    yield -np.log10(p), "0.001 is 10 to the power of -3, and the minus sign is taken away by the minus in -log10."
    yield np.log10(p), "The sign: the map shows minus the logarithm, so that large means surprising."
    yield (np.log(p), -np.log(p)), "That is the natural logarithm. The map uses the one to base 10: np.log10."
    yield p, "That is the p-value itself. Take its logarithm to base 10, and turn the sign."
    yield 1 / p, "One in how many, yes; but the scale counts the zeros of that number."


best_on_real_data = choice(
    "c",
    "Every score compares with the truth, and only who planted it knows it. Real thresholds need other reasons.",
    "What are the two arguments of rl.score?",
    "The second one is an image that a simulation can give us. Who could give it to your friend?",
    a="The map is one half of it. What is the mask compared with when its overlap is counted?",
    b="More volumes would make the map better, but would they say which of its voxels are true?",
    d="A finer curve is still a curve of scores. What is each score computed from?",
)
