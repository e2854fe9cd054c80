"""Exercises of lesson 11, six subjects."""

import numpy as np

from roilessons.check.judging import Right, Wrong, choice, exercise, number


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Where do the numbers of the ROIs come from? Lesson 07 gave them out.",
    "Read the last two columns of the table over subjects, row by row.",
)
def first_of_each(answer):
    return {
        "a": Wrong("The numbers go by size, and size differs from person to person. Compare the rows of the table."),
        "b": Right("The largest is house-selective on the right in one person and something else in another: match by place, not by number."),
        "c": Wrong("Nothing here was numbered by strength: look up in lesson 07 what the numbers go by."),
        "d": Wrong("With the same data the numbers are always the same. What differs is the person."),
    }[choice(answer)]


def _at_least_half(masks):
    masks = np.asarray(masks)
    return int(np.sum(masks.sum(axis=0) * 2 >= len(masks)))


@exercise(
    "a function that takes the masks, an array (subjects, x, y, z), and returns a whole number",
    "Add the masks up over the first axis: how many people have this voxel?",
    "Then compare that sum with half of len(masks), and count the voxels for which the comparison is True.",
)
def in_half_or_more(answer):
    if not callable(answer):
        raise TypeError
    masks = np.random.default_rng(11).random((6, 4, 5, 3)) < 0.45
    try:
        given = answer(masks.copy())
    except Exception as error:  # the learner's own code
        return Wrong(f"It is a function, but called with masks it stops: {type(error).__name__}: {error}.")
    if given is None:
        return Wrong("It is a function, but it returns nothing. Is there a `return` in it?")
    try:
        given, right = number(given), _at_least_half(masks)
    except TypeError:
        return Wrong("It is a function, but what it returns is not one number. Count the voxels that are True.")
    people = masks.sum(axis=0)
    if given == right:
        odd = masks[:5]
        if number(answer(odd.copy())) != _at_least_half(odd):
            return Wrong("It is right for six people and wrong for five: compute the half from len(masks).")
        return Right("A voxel that half of the people share is a weaker claim than one that all share, and a much larger map.")
    if given == np.sum(people * 2 > len(masks)):
        return Wrong("That is more than half. Half of the people exactly count too: >= instead of >.")
    if given == np.sum(people == len(masks)):
        return Wrong("These are the voxels that everybody has. Half of the people are enough.")
    if given == np.sum(people > 0):
        return Wrong("These are the voxels that anybody has. At least half of the people should.")
    if given == people[people * 2 >= len(masks)].sum():
        return Wrong("You added up people; count voxels instead: sum the True of the comparison.")
    if given == np.sum(people * 2 == len(masks)):
        return Wrong("That is half of the people exactly. More than half is fine as well.")
    return Wrong("Sum over the first axis gives the number of people at each voxel. Compare it with half of how many there are.")


def _fewest(alpha, sides=2):
    people = 1
    while sides / 2**people >= alpha:
        people += 1
    return people


@exercise(
    "a whole number of people",
    "With n people and every effect positive, the two-sided sign test gives 2 / 2**n.",
    "Try n = 6, then 7, and so on, until 2 / 2**n is below 0.01.",
)
def people_needed(answer):
    answer, right = number(answer), _fewest(0.01)
    if answer == right:
        return Right("With fewer people no data whatever could get there: the number of people bounds what a group can say.")
    if answer == _fewest(0.01, sides=1):
        return Wrong("That is for a one-sided test. Two-sided, all negative would have been as surprising: 2 / 2**n.")
    if answer == _fewest(0.05):
        return Wrong("That is enough for 0.05. Here the line is at 0.01.")
    if answer == _fewest(0.001):
        return Wrong("That is enough for 0.001, a stricter line than was asked for.")
    if answer > right:
        return Wrong("That many would do, but fewer would do too. Look for the smallest number.")
    return Wrong("Work out 2 / 2**n for your n: is it below 0.01?")
