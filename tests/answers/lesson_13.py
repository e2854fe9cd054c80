"""Right and typical wrong answers of lesson 13."""

import nibabel as nib
import numpy as np
from nilearn import image
from nilearn.maskers import NiftiSpheresMasker

import roilessons as rl


def mean_near(values, affine, matrix, place, radius, near=np.less_equal):
    """Voxel by voxel: the mean of those near a place in MNI space."""
    centre = (matrix @ [*place, 1])[:3]
    found = []
    for voxel in np.ndindex(values.shape):
        distance = np.sqrt(np.sum(((affine @ [*voxel, 1])[:3] - centre) ** 2))
        if near(distance, radius):
            found.append(values[voxel])
    return np.mean(found)


def answers(subject, made):
    known = rl.load_subject("simulated")
    truth_img = nib.load(known.func.parent / "truth.nii.gz")
    truth = np.asarray(truth_img.dataobj)

    def sphere(centre, radius=12, area=2):
        area_img = image.new_img_like(truth_img, (truth == area).astype(np.float32))
        return NiftiSpheresMasker([centre], radius=radius, standardize=None).fit_transform(area_img).item()

    def house(*numbers, least, area=3):
        truths = [np.asarray(nib.load(rl.load_subject(f"simulated:{n}").func.parent / "truth.nii.gz").dataobj) for n in numbers]
        return int(((np.stack(truths) == area).sum(axis=0) >= least).sum())

    def counted(centre):
        """How many voxels of a sphere have each label."""
        distance = np.sqrt(sum((axis - mm) ** 2 for axis, mm in zip(grid, centre, strict=True)))
        return np.bincount(truth[distance <= 8])

    def count_in(centre, area):
        return int(counted(centre)[area])

    x, y, z = 68.25 - 3.5 * np.arange(40), 3.75 * np.arange(64) - 118.125, 3.75 * np.arange(64) - 118.125
    grid = np.meshgrid(x, y, z, indexing="ij")
    here = (-41 * 0.93, -53 * 0.93, -18 * 0.93)
    length = (41**2 + 53**2 + 18**2) ** 0.5
    right_side = (39 * 0.93, -52 * 0.93, -16 * 0.93)
    others = (1, 2, 4, 5, 6)
    voxels = [np.add((i * -3.5, j * 3.75, k * 3.75), (68.25, -118.125, -118.125)) for i, j, k in np.argwhere(truth == 2)]
    found = sum(np.linalg.norm(voxel - here) <= 12 for voxel in voxels)
    return {
        "miss_of_left_coordinate": (
            0.07 * length,
            [0.07 * (39**2 + 52**2 + 16**2) ** 0.5, length / 0.93 - length, length, 0.93 * length, 0.07 * (41 + 53 + 18)],
        ),
        "share_of_left_sphere": (
            sphere(here),
            [
                sphere((-41, -53, -18)), sphere(tuple(np.divide((-41, -53, -18), 0.93))), sphere(here, 8),
                sphere(right_side, area=1), sphere(here, area=1), found / np.sum(truth == 2), found,
            ],
        ),
        "atlas_for_subject_3": (
            house(*others, least=3),
            [
                house(*range(1, 7), least=3), house(*range(1, 7), least=4), house(2, 3, 4, 5, 6, least=3),
                house(2, 4, 5, 6, least=3), house(*others, least=3, area=1), house(*others, least=3, area=4),
                *(house(*others, least=least) for least in (1, 2, 4, 5)),
            ],
        ),
        "voxels_of_sphere": (
            count_in(right_side, 1),
            [sum(one for one in counted(right_side)), count_in((39, -52, -16), 1), 0, 30],
        ),
        "smaller_in_patients": ("b", ["a", "c", "d"]),
        "mean_in_sphere": (
            mean_near,
            [
                lambda values, affine, matrix, place, radius: mean_near(values, affine, np.eye(4), place, radius),
                lambda values, affine, matrix, place, radius: mean_near(values, affine, np.linalg.inv(matrix), place, radius),
                lambda values, affine, matrix, place, radius: mean_near(values, affine, matrix * np.eye(4), place, radius),
                lambda values, affine, matrix, place, radius: mean_near(values, matrix @ affine, matrix, place, radius),
                lambda values, affine, matrix, place, radius: mean_near(values, affine, matrix, place, radius, np.less),
                lambda values, affine, matrix, place, radius: values.mean(),
            ],
        ),
    }  # fmt: skip
