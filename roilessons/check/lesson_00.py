"""Exercises of lesson 00, start here."""

import numpy as np
from nilearn import image

from roilessons.check.judging import choice, number, recalled, the_subject

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
    "a whole number of voxels",
    "The line below the explorer counts the voxels for you.",
    "Move the slider until it says 7, or write explorer.threshold.value = 7 and print(explorer.readout.value).",
    otherwise="Put the explorer's threshold at 7 and read the number in the line below it.",
)
def voxels_at_7():
    log_p = image.get_data(recalled("simulated")[1].log_p_img)  # as the lesson's explorer, whatever the class has

    def at(threshold):
        return int(np.sum(log_p >= threshold))

    yield at(7), "The higher the threshold, the fewer voxels reach it."
    yield at(5), "That is how many there are at the start. Move the threshold to 7."
    yield at(10), "That is what the highest threshold leaves. Move it to 7."
    yield at(6), "That is with the threshold at 6."
    yield at(8), "That is with the threshold at 8."
    yield log_p.size, "Those are all voxels of the image."


@number(
    "a whole number of volumes",
    "A volume in which no picture was shown has the label 'rest'. What do the others have in common?",
    "Two words can be compared with == and with !=, and .sum() counts for how many rows the comparison is true.",
    otherwise="Count the rows of subject.labels whose column `labels` is not 'rest'.",
)
def picture_volumes():
    conditions = the_subject().conditions
    pictures, rest, faces = ((conditions != "rest").sum(), *((conditions == name).sum() for name in ("rest", "face")))
    more = "More time with pictures than without." if pictures > rest else "There was no more time with pictures than without."
    yield pictures, f"{more} Each category had its share: {len(np.unique(conditions)) - 1} of them."
    yield rest, "That is how many volumes of rest there are. Those of pictures are the others."
    yield len(conditions), "That is all the volumes there are, those of rest among them."
    yield faces, "Those are the volumes of faces only. Count all the other pictures, too."
    yield len(np.unique(conditions)), "That is the number of different labels. Count volumes."
