"""Exercises of lesson 13, other roads to an ROI."""

import numpy as np
from nibabel.affines import apply_affine
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, number
from roilessons.datasets.simulate import HEAD_SCALE

LEFT, RIGHT = np.array([-41, -53, -18]), np.array([39, -52, -16])  # mm, MNI; Axelrod and Yovel (2015), table 1


@number(
    "a number, in mm",
    "The place that is meant is the coordinate times HEAD_SCALE.",
    "The length of the difference of two places: np.linalg.norm(place - other).",
    otherwise="Multiply the coordinate by HEAD_SCALE, subtract, and take np.linalg.norm of the difference.",
    decimals=1,
)
def miss_of_left_coordinate():
    yield np.linalg.norm(LEFT - HEAD_SCALE * LEFT), "So much the wrong space costs, before any two people differ."
    yield np.linalg.norm(RIGHT - HEAD_SCALE * RIGHT), "That is the right face area, of the text. Take the left one."
    yield np.linalg.norm(LEFT / HEAD_SCALE - LEFT), "Divided: that leads from our head to the template. Multiply by HEAD_SCALE."
    yield np.linalg.norm(LEFT), "That is how far the coordinate is from the origin. How far is it from the place that is meant?"
    yield np.linalg.norm(HEAD_SCALE * LEFT), "That is how far the place is from the origin. How far is it from the coordinate?"
    yield np.abs(LEFT - HEAD_SCALE * LEFT).sum(), "The sum along the axes is no distance. Square, add, take the root."


@number(
    "a number from 0 to 1",
    "The centre in this head is HEAD_SCALE times (-41, -53, -18); the area is where truths[1] == 2.",
    "Give NiftiSpheresMasker the area as an image of 0 and 1: its mean over the sphere is the share.",
    otherwise="Centre: HEAD_SCALE times (-41, -53, -18). Radius 8. The mean of the image of 0 and 1 over the sphere.",
    decimals=2,
)
def share_of_left_sphere():
    truth_img = rl.load_subject("simulated").truth
    truth = image.get_data(truth_img)
    places = apply_affine(truth_img.affine, np.moveaxis(np.indices(truth.shape), 0, -1))

    def inside(centre, radius=8):
        return np.square(places - centre).sum(axis=-1) <= radius**2

    def share(centre, radius=8, area=2):
        return np.mean(truth[inside(centre, radius)] == area)

    moved = HEAD_SCALE * LEFT
    yield share(moved), "The mean of 0 and 1 is a share. What the rest of the sphere holds goes into its mean, too."
    yield share(LEFT), "These are the numbers as they were typed in. Move the centre to this head first."
    yield share(LEFT / HEAD_SCALE), "Divided: that leads away from this head. Multiply by HEAD_SCALE."
    yield share(moved, radius=6), "That is with 6 mm. Take a radius of 8."
    yield share(HEAD_SCALE * RIGHT, area=1), "That is the right side, of the text. The left one has a negative x, and number 2."
    yield share(moved, area=1), "That is area 1, the right face area. The left one is number 2."
    yield (
        np.mean(inside(moved)[truth == 2]),
        "That is the share of the area that lies in the sphere. Which share of the sphere lies in the area?",
    )
    yield np.sum(truth[inside(moved)] == 2), "That is a number of voxels. Divide it by the number of voxels in the sphere."


@number(
    "a whole number",
    "The five others are all but subject 3: for n in range(1, 7) if n != 3.",
    "np.mean of the five arrays truth == 3 over axis 0 is the share that agrees; count where it is above 0.5.",
    otherwise="Five arrays truths[n] == 3, without subject 3; their mean over axis 0; count the voxels above 0.5.",
)
def atlas_for_subject_3():
    truths = {n: image.get_data(rl.load_subject(f"simulated:{n}").truth) for n in range(1, 7)}

    def count(area=3, without=(3,), agree=3):
        return int(np.sum(sum(truth == area for n, truth in truths.items() if n not in without) >= agree))

    yield count(), "Nobody whom the atlas will measure helped to draw it."
    yield (
        count(without=()),
        "All six are in it with half or more of them agreeing. Leave out subject 3, and ask for more than half.",
    )
    yield count(without=(), agree=4), "All six are in it, subject 3 included. Leave out whom you want to measure."
    yield count(without=(1,)), "Subject 1 was left out, as in the text. Now subject 3 is to be measured."
    yield count(without=(1, 3)), "Two are left out. Subject 1 may help now; leave out subject 3 alone."
    yield count(area=1), "That is area 1, the right face area. The right house area is number 3."
    yield count(area=4), "That is area 4, the left house area. The right one is number 3."
    yield count(agree=1), "That is where at least one of the five has it. More than half is asked for."
    yield count(agree=2), "That is where two of the five are enough. More than half is asked for."
    yield count(agree=4), "That is where four of the five agree. Three of five are more than half."
    yield count(agree=5), "That is where all five agree. More than half are enough."


which_road_is_circular = choice(
    "c",
    "The same runs helped to draw the atlas and are then measured by it. One of six is a small share, and not none.",
    "For each: is there any person and run in it that both chooses and is measured?",
    "Count the people in the atlases.",
    a="The paper's authors have never seen these runs.",
    b="Subject 1 is not among those who made the atlas, so its runs had no say.",
    d="The same person, but other runs: they had no say in the choice.",
)
