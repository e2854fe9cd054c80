"""Right and typical wrong answers of lesson 12."""

from roilessons.check.lesson_12 import _in_sphere


def answers(subject, made):
    return {
        "first_volume": (18, [15, 17, 19, 35, 17.5, 20]),
        "voxels_in_sphere": (
            _in_sphere((28, -44, 6), 16),
            [_in_sphere((-44, 28, 6), 16), _in_sphere((28, 44, 6), 16), _in_sphere((28, -44, 6), 8), _in_sphere((28, -44, 6), 14),
             20 * 24 * 12, 268],
        ),  # fmt: skip
        "mixed_up_responses": ("c", ["a", "b", "d"]),
    }
