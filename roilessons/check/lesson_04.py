"""Exercises of lesson 04, threshold."""

import nibabel as nib
import numpy as np

from roilessons.check.judging import choice, number, recalled, recalled_if

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
    "0.05 lies between 0.1 and 0.01, so the threshold lies between theirs.",
    "np.log10 is the logarithm to base 10. Which sign does the scale take?",
    otherwise="Take the logarithm to base 10 of this p, and turn its sign.",
    decimals=2,
)
def threshold_for_p():
    p = 0.05
    yield -np.log10(p), "That is a low threshold: a valid test lets one voxel in twenty pass where there is nothing."
    yield np.log10(p), "The sign: the map shows minus the logarithm, so that large means surprising."
    yield (np.log(p), -np.log(p)), "That is the natural logarithm. The map uses the one to base 10: np.log10."
    yield p, "That is the p-value itself. Take its logarithm to base 10, and turn the sign."
    yield 1 / p, "One in how many, yes; but the scale is the logarithm of that number."


@number(
    "a number of times, such as 2.5",
    "Two counts: the voxels outside the brain that are at 3 or above, and how many a valid test would leave there.",
    "A valid test leaves a share of 0.001 of outside.sum() voxels. Divide the first count by the second.",
    otherwise="Divide the number of voxels outside the brain at 3 or above by 0.001 times the number of voxels there.",
    decimals=1,
)
def times_outside():
    subject, made = recalled_if(lambda subject, made: subject.truth is not None)  # as the lesson does
    log_p, mean, brain = (np.asarray(img.dataobj) for img in (made.log_p_img, made.mean_img, nib.load(subject.mask)))
    outside = (mean > 0) & (brain == 0)
    found, expected = np.sum(log_p[outside] >= 3), 0.001 * outside.sum()
    yield found / expected, "And every one of them is false: no tissue outside the brain looks at faces or houses."
    yield found, "That is how many there are. Divide by how many a valid test would give."
    yield expected, "That is what a valid test would give. How many times as many are there?"
    yield expected / found, "Turned round: divide what is there by what a valid test would give."
    yield np.sum(log_p[outside] >= 5) / (1e-5 * outside.sum()), "That is at 5. Here the threshold is 3."
    yield np.sum(log_p[brain > 0] >= 3) / (0.001 * np.sum(brain > 0)), "That is inside the brain. Use outside."
    yield found / (0.001 * np.sum(brain == 0)), "That counts the air without any signal as well. outside leaves it out."


best_on_real_data = choice(
    "c",
    "Every score compares with the truth, and only who planted it knows it. Real thresholds need other reasons.",
    "What are the two arguments of rl.score?",
    "The second one is an image that a simulation can give us. Who could give it to your friend?",
    a="The map is one half of it. What is the mask compared with when its overlap is counted?",
    b="More volumes would make the map better, but would they say which of its voxels are true?",
    d="A finer curve is still a curve of scores. What is each score computed from?",
)
