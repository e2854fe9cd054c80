"""Exercises of lesson 00, start here."""

from roilessons.check.judging import NUMBERS, choice, number, the_subject

why_a_region = choice(
    "b",
    "Each voxel is noisy; their mean is less so, and one region is one question instead of hundreds.",
    "Some voxels of the region will be noisy. What does an average do to noise?",
    "Think of one person in a choir singing out of tune.",
    a="A region can be any shape and need not be anatomical: ours will be found from the data.",
    c="The other way round: an average over a region blurs differences between its voxels.",
    d="No choice of voxels makes a result true. Lesson 09 shows how a choice can make a false one.",
)


@number(
    "a whole number of volumes",
    "The column `labels` of subject.labels has one condition per volume: compare it with a word.",
    "(subject.labels['labels'] == 'house').sum() counts the rows for which a comparison is True; use the condition that is asked for.",
    otherwise="Count the rows of subject.labels whose column `labels` is 'face'.",
)
def face_volumes():
    labels = the_subject().labels
    faces, rest = ((labels["labels"] == name).sum() for name in ("face", "rest"))
    runs = labels["chunks"].nunique()
    one_block = faces / runs
    why = f"{NUMBERS.get(one_block, one_block)} volumes in each of {NUMBERS.get(runs, runs)} runs: one block of faces a run."
    yield faces, why.capitalize()
    yield len(labels), "That is all the volumes there are. Count those whose label is 'face'."
    yield rest, "That is how many volumes of rest there are. Compare with 'face'."
    yield runs, "That is the number of runs. How many volumes of faces are there in all of them together?"
    yield one_block, "That is one block. How many are there in all the runs together?"
