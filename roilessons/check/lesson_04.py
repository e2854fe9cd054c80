"""Exercises of lesson 04, threshold."""

import math

import numpy as np

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Think of one voxel with the value 6. Was it kept at 5? Is it kept at 3?",
    "Every voxel that passes a high bar passes a lower one too. Which others pass the lower one?",
)
def lower_threshold(answer):
    return {
        "a": Wrong("A lower line lets more voxels pass, not fewer: try one with the value 4."),
        "b": Wrong("Voxels between 3 and 5 change sides: look for them in the histogram."),
        "c": Right("Whoever passes 5 passes 3: masks at falling thresholds lie one inside the next, like Russian dolls."),
        "d": Wrong("No voxel that was kept is lost when the line falls: take one with the value 6."),
    }[choice(answer)]


@exercise(
    "a whole number of voxels",
    "Count the True values of a comparison: np.sum(...).",
    "The map is capped: no value is larger than 10, and many are equal to it. The mask keeps what is at or above.",
)
def voxels_at_cap(answer):
    subject, made = recalled()
    log_p = np.asarray(made.log_p_img.dataobj)
    answer = number(answer)
    if answer == np.sum(log_p >= 10):
        return Right("These voxels sit at the cap, so only >= keeps them: > would have kept none.")
    if answer == 0:
        return Wrong("That is what > gives: nothing is larger than the cap. The mask keeps what is at or above the line.")
    if answer == np.sum(log_p >= 5):
        return Wrong("That is the mask at 5. Here the line is at 10.")
    if answer in (log_p.size, np.sum(log_p < 10), np.sum(log_p <= 10)):
        return Wrong("That is the crowd below the line. Turn the comparison round.")
    if answer == 10 * np.sum(log_p >= 10):
        return Wrong("That is the sum of the values. Add up the True and False of a comparison instead.")
    return Wrong("Compare the whole map with 10, and count the voxels for which the comparison is True.")


@exercise(
    "a number on the scale of -log10 p",
    "How many times do you have to divide 1 by 10 to arrive at the p-value?",
    "-np.log10(0.001) is a line of Python.",
)
def threshold_for_p(answer):
    answer = number(answer)
    if math.isclose(answer, 3, abs_tol=1e-6):
        return Right("0.001 is 10 to the power of -3, and the minus sign is taken away by the minus in -log10.")
    if math.isclose(answer, -3, abs_tol=1e-6):
        return Wrong("The sign: the map shows minus the logarithm, so that large means surprising.")
    if math.isclose(abs(answer), -math.log(0.001), abs_tol=0.01):
        return Wrong("That is the natural logarithm. The map uses the one to base 10: np.log10.")
    if math.isclose(answer, 0.001, abs_tol=1e-9):
        return Wrong("That is the p-value itself. Take its logarithm to base 10, and turn the sign.")
    if math.isclose(answer, 1000, abs_tol=1e-6):
        return Wrong("One in how many, yes; but the scale counts the zeros of that number.")
    return Wrong("Look at the table above: which line has this p?")


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "What are the two arguments of rl.score?",
    "The second one is an image that a simulation can give us. Who could give it to your friend?",
)
def best_on_real_data(answer):
    return {
        "a": Wrong("The map is one half of it. What is the mask compared with when its overlap is counted?"),
        "b": Wrong("More volumes would make the map better, but would they say which of its voxels are true?"),
        "c": Right("Every score compares with the truth, and only who planted it knows it. Real thresholds need other reasons."),
        "d": Wrong("A finer curve is still a curve of scores. What is each score computed from?"),
    }[choice(answer)]
