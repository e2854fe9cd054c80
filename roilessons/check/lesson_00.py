"""Exercises of lesson 00, start here."""

from roilessons.check.judging import Right, Wrong, choice, exercise, number, recalled


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "Some voxels of the region will be noisy. What does an average do to noise?",
    "Think of one person in a choir singing out of tune.",
)
def why_a_region(answer):
    return {
        "a": Wrong("A region can be any shape and need not be anatomical: ours will be found from the data."),
        "b": Right("Each voxel is noisy; their mean is less so, and one region is one question instead of hundreds."),
        "c": Wrong("The other way round: an average over a region blurs differences between its voxels."),
        "d": Wrong("No choice of voxels makes a result true. Lesson 09 shows how a choice can make a false one."),
    }[choice(answer)]


@exercise(
    "a whole number of volumes",
    "The column `labels` of subject.labels has one condition a volume: compare it with a word.",
    "(subject.labels['labels'] == 'house').sum() counts the rows for which a comparison is True; use the condition that is asked for.",
)
def face_volumes(answer):
    labels = recalled()[0].labels
    counts = labels["labels"].value_counts()
    answer = number(answer)
    if answer == counts["face"]:
        return Right("Nine volumes in each of twelve runs: one block of faces a run.")
    if answer == len(labels):
        return Wrong("That is all the volumes there are. Count those whose label is 'face'.")
    if answer == counts["rest"]:
        return Wrong("That is how many volumes of rest there are. Compare with 'face'.")
    if answer == labels["chunks"].nunique():
        return Wrong("That is the number of runs. How many volumes of faces are there in all of them together?")
    if answer == counts["face"] / labels["chunks"].nunique():
        return Wrong("That is one block. How many are there in all the runs together?")
    return Wrong("Count the rows of subject.labels whose column `labels` is 'face'.")
