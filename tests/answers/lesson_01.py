"""Right and typical wrong answers of lesson 01."""

import nibabel as nib
import numpy as np


def seconds_of(conditions, name, t_r):
    return t_r * list(conditions).count(name)


def value_at(volume, affine, place):
    distances = np.full(volume.shape, np.inf)
    for voxel in np.ndindex(volume.shape):
        mm = affine[:3, :3] @ voxel + affine[:3, 3]
        distances[voxel] = np.sum((mm - place) ** 2)
    return volume.ravel()[distances.argmin()]


def as_given(volume, affine, place):
    x, y, z = place
    i, j, k = np.rint(nib.affines.apply_affine(np.linalg.inv(affine), (y, x, z))).astype(int)
    return volume[i, j, k]


def cut_off(volume, affine, place):
    i, j, k = nib.affines.apply_affine(np.linalg.inv(affine), place).astype(int)
    return volume[i, j, k]


def voxel_of(affine, place):
    return np.linalg.solve(affine, [*place, 1])[:3]


def answers(subject, made):
    affine, of_series = nib.load(subject.anat).affine, nib.load(subject.func).affine
    exact = voxel_of(affine, (-20, -44, -10))
    nearest = tuple(np.rint(exact).astype(int))
    mistakes = [
        np.rint(voxel_of(of_series, (-20, -44, -10))),
        exact,  # not rounded
        exact.astype(int),  # cut off
        np.rint(voxel_of(affine, (-44, -20, -10))),  # x and y swapped
        (affine @ (-20, -44, -10, 1))[:3],  # not the inverse
        np.rint(voxel_of(affine, (20, -44, -10))),  # the minus forgotten
        nearest[::-1],
    ]
    return {
        "index_further_right": (8, [12, 10, 17]),
        "side_of_voxel": ("b", ["a", "c", "d"]),
        "voxel_of_anatomy": (nearest, mistakes),
        "seconds_of": (
            seconds_of,
            [
                lambda conditions, name, t_r: list(conditions).count(name),
                lambda conditions, name, t_r: list(conditions).count(name) / t_r,
                lambda conditions, name, t_r: len(conditions) * t_r,
                lambda conditions, name, t_r: (len(conditions) - list(conditions).count(name)) * t_r,
                lambda conditions, name, t_r: seconds_of(conditions, "face", t_r),
                lambda conditions, name, t_r: seconds_of(conditions, name, 2.5),
                lambda conditions, name, t_r: conditions.no_such_thing,
            ],
        ),
        "value_at": (
            value_at,
            [
                as_given,
                cut_off,
                lambda volume, affine, place: volume[tuple(np.rint(place).astype(int))],
                lambda volume, affine, place: volume[place],
            ],
        ),
    }
