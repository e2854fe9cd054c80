"""Exercises of lesson 13, other roads to an ROI."""

import numpy as np
from nibabel.affines import apply_affine
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, function, number
from roilessons.datasets.simulate import HEAD_SCALE

LEFT, RIGHT = np.array([-41, -53, -18]), np.array([39, -52, -16])  # mm, MNI; Axelrod and Yovel (2015), table 1
RADIUS, WIDER = 8, 12  # mm, of the lesson and of exercise 3


def _inside(truth_img, centre, radius=RADIUS):
    """The labels of the truth in a sphere, one per voxel."""
    truth = image.get_data(truth_img)
    places = apply_affine(truth_img.affine, np.moveaxis(np.indices(truth.shape), 0, -1))
    return truth[np.square(places - centre).sum(axis=-1) <= radius**2]


@number(
    "a whole number of voxels",
    "The sphere's place comes from other people. How far may the areas of people lie from each other?",
    "Would a sphere of 8 mm lie in the area completely if its centre missed by some mm?",
    otherwise="It is a number from 0 to all voxels of the sphere.",
    minutes=1,
    task="predict",
    close=0.25,
)
def voxels_of_sphere():
    truth_img = rl.load_subject("simulated").truth
    labels = _inside(truth_img, HEAD_SCALE * RIGHT)
    yield np.sum(labels == 1), "The rest of the sphere lies beside the area."
    yield (
        len(labels),
        "These are all voxels of the sphere. Its place comes from other people, so it does not fit this person exactly.",
    )
    yield np.sum(_inside(truth_img, RIGHT) == 1), "So many are in the sphere with the numbers typed in."
    yield 0, "The coordinate is not so far off."


@number(
    "a number, in mm",
    "The place that is meant is the coordinate times HEAD_SCALE.",
    "The length of the difference of two places: np.linalg.norm(place - other).",
    otherwise="Multiply the coordinate by HEAD_SCALE, subtract, and take np.linalg.norm of the difference.",
    decimals=1,
    minutes=3,
)
def miss_of_left_coordinate():
    yield np.linalg.norm(LEFT - HEAD_SCALE * LEFT), "That is what the wrong space costs. Differences between people add to it."
    yield np.linalg.norm(RIGHT - HEAD_SCALE * RIGHT), "That is the right face area, of the text. Take the left one."
    yield np.linalg.norm(LEFT / HEAD_SCALE - LEFT), "Divided: that leads from our head to the template. Multiply by HEAD_SCALE."
    yield np.linalg.norm(LEFT), "That is how far the coordinate is from the origin. How far is it from the place that is meant?"
    yield np.linalg.norm(HEAD_SCALE * LEFT), "That is how far the place is from the origin. How far is it from the coordinate?"
    yield np.abs(LEFT - HEAD_SCALE * LEFT).sum(), "The sum along the axes is no distance. Square, add, take the root."


@number(
    "a number from 0 to 1",
    "The centre in this head is HEAD_SCALE times (-41, -53, -18). `sphere` of the lesson makes the mask.",
    "truths[1] in the sphere has one label per voxel. What share of them is 2?",
    otherwise="Centre: HEAD_SCALE times (-41, -53, -18). Radius 12. The share of the sphere's voxels whose label is 2.",
    decimals=2,
    minutes=4,
    task="transfer",
)
def share_of_left_sphere():
    truth_img = rl.load_subject("simulated").truth

    def share(centre, radius=WIDER, area=2):
        return np.mean(_inside(truth_img, centre, radius) == area)

    moved = HEAD_SCALE * LEFT
    yield share(moved), "What the rest of the sphere holds goes into its mean, too."
    yield share(LEFT), "These are the numbers as they were typed in. Move the centre to this head first."
    yield share(LEFT / HEAD_SCALE), "Divided: that leads away from this head. Multiply by HEAD_SCALE."
    yield share(moved, radius=RADIUS), "That is with 8 mm, as in the lesson. Here the radius is 12."
    yield share(HEAD_SCALE * RIGHT, area=1), "That is the right side, of the text. The left one has a negative x, and number 2."
    yield share(moved, area=1), "That is area 1, the right face area. The left one is number 2."
    yield (
        np.sum(_inside(truth_img, moved, WIDER) == 2) / np.sum(image.get_data(truth_img) == 2),
        "That is the share of the area that lies in the sphere. Which share of the sphere lies in the area?",
    )
    yield (
        np.sum(_inside(truth_img, moved, WIDER) == 2),
        "That is a number of voxels. Divide it by the number of voxels in the sphere.",
    )


@number(
    "a whole number",
    "Who may not help to make the atlas that subject 3 is measured with?",
    "The others are all but subject 3: for n in range(1, 7) if n != 3.",
    "np.mean of the five arrays truth == 3 over axis 0 is the share that agrees; count where it is above 0.5.",
    otherwise="Five arrays truths[n] == 3, without subject 3; their mean over axis 0; count the voxels above 0.5.",
    minutes=4,
    task="transfer",
)
def atlas_for_subject_3():
    truths = {n: image.get_data(rl.load_subject(f"simulated:{n}").truth) for n in range(1, 7)}

    def count(area=3, without=(3,), agree=3):
        return int(np.sum(sum(truth == area for n, truth in truths.items() if n not in without) >= agree))

    yield count(), "Nobody whom the atlas will measure helped to make it."
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


smaller_in_patients = choice(
    "b",
    "The sphere is fixed, and people are not. Look for the area in each person, or show that it lies as often in the sphere.",
    "How many voxels of the sphere lay in subject 1's area? In subject 3's?",
    "What would the mean in the sphere be if the areas of the patients responded as strongly, and lay 5 mm further back?",
    minutes=2,
    a="It is not circular, that is right. But is the sphere in the area, in both groups equally often?",
    c="Other people chose the place. These data had no part in it.",
    d="There is one sphere and one test, so there is nothing to correct for.",
)


def _scan(seed, shape=(12, 13, 10), mm=(3.0, 3.0, 4.0), corner=(-20.0, -40.0, -25.0)):
    """A map and its affine."""
    affine = np.diag([*mm, 1])
    affine[:3, 3] = corner
    return np.random.default_rng(seed).normal(size=shape).cumsum(axis=0).cumsum(axis=1), affine


SMALLER = np.diag([HEAD_SCALE] * 3 + [1])  # a head that is smaller than the template
TURNED = np.array([[0.93, 0, 0, 3], [0, 0.916, -0.161, 7], [0, 0.161, 0.916, -6], [0, 0, 0, 1]])
VALUES, AFFINE = _scan(13)
FLIPPED = np.diag([-3.0, 3.0, 3.0, 1])
FLIPPED[:3, 3] = (18, -30, -15)


def _mean_in_sphere(values, affine, mni_to_scan, coordinate, radius):
    places = apply_affine(affine, np.moveaxis(np.indices(values.shape), 0, -1))
    return values[np.linalg.norm(places - apply_affine(mni_to_scan, coordinate), axis=-1) <= radius].mean()


mean_in_sphere = function(
    "a function that takes values, affine, mni_to_scan, coordinate and radius, and returns a number",
    "`places` are millimetres. Of which space? And in which space is `coordinate`?",
    "`apply_affine(matrix, coordinate)` takes a coordinate from one space to another. Which matrix leads from MNI to the scan?",
    cases={
        "a smaller head": ((VALUES, AFFINE, SMALLER, (-8, -40, 12), 8), "the place in this head is nearer to the origin."),
        "a head that lies turned in the scanner": (
            (VALUES, AFFINE, TURNED, (5, -20, 0), 7),
            "the matrix also turns and shifts.",
        ),
        "a head in MNI space already": ((VALUES, AFFINE, np.eye(4), (-2, -22, -5), 6), "there the place stays as it is."),
        "an affine that turns x around": ((VALUES, FLIPPED, SMALLER, (6, -14, 0), 9), "is the affine of the map still used?"),
        "a voxel exactly at the radius": (
            (VALUES, np.diag([2.0, 2.0, 2.0, 1]), np.eye(4), (8, 8, 8), 6),
            "voxels within the radius count, those at the radius too.",
        ),
    },
    value=_mean_in_sphere,
    why="The coordinate came to the scan. The other way, the scan to the template, would have done as well.",
    mistakes=[
        (
            lambda values, affine, matrix, place, radius: _mean_in_sphere(values, affine, np.eye(4), place, radius),
            "It is right for a head that is in MNI space already. In other heads the sphere is at the wrong place.",
        ),
        (
            lambda values, affine, matrix, place, radius: _mean_in_sphere(values, affine, np.linalg.inv(matrix), place, radius),
            "In a smaller head the sphere moves away from the origin. It should come nearer.",
        ),
        (
            lambda values, affine, matrix, place, radius: _mean_in_sphere(
                values, affine, np.diag([*np.diag(matrix)[:3], 1]), place, radius
            ),
            "It is right for a smaller head, but not for one that is turned and shifted.",
        ),
        (
            lambda values, affine, matrix, place, radius: _mean_in_sphere(values, matrix @ affine, matrix, place, radius),
            "Map and coordinate were moved both. One of them should come to the other.",
        ),
        (
            lambda values, affine, matrix, place, radius: _mean_in_sphere(values, affine, matrix, place, radius - 1e-6),
            "Voxels exactly at the radius are missing.",
        ),
    ],
    otherwise="Find the place in the scan with mni_to_scan, and take the mean of the voxels within the radius of it.",
    minutes=6,
    task="repair",
)
