"""Right and typical wrong answers of lesson 02."""

import numpy as np
from nilearn import image


def answers(subject, made):
    vt = image.get_data(subject.mask_vt) > 0
    run_img = image.index_img(subject.func, slice(0, 121))
    grid, six, nine = (image.get_data(image.smooth_img(run_img, mm)).std(axis=3) for mm in (None, 6, 9))
    air_too, none, six, nine = np.median(nine), grid[vt], six[vt], nine[vt]
    factor = 2.3548
    return {
        "reason_for_a_width": ("b", ["a", "c", "d"]),
        "sigma_in_voxels": (6 / factor / 3.5, [6 / factor, 6 / 3.5, 6 * factor / 3.5, 6 / factor / 3.75, 6 / factor * 3.5, 6]),
        "noise_at_9_mm": (
            np.median(nine),
            [np.median(none), np.median(six), np.median(none) / np.median(nine), nine.mean(), air_too],
        ),
    }
