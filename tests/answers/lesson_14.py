"""Right and typical wrong answers of lesson 14."""

import numpy as np


def answers(subject, made):
    def people(masks):
        return np.sum(masks, axis=0)

    return {
        "first_of_each": ("b", ["a", "c", "d"]),
        "p_over_people": (0.14327, [0.00103, 0.07164, 1.8176, 0.00026, 0.5]),
        "which_p": ("b", ["a", "c", "d"]),
        "in_half_or_more": (
            lambda masks: (people(masks) >= len(masks) / 2).sum(),
            [
                lambda masks: (people(masks) > len(masks) / 2).sum(),
                lambda masks: masks.all(axis=0).sum(),
                lambda masks: masks.any(axis=0).sum(),
                lambda masks: people(masks)[people(masks) >= len(masks) / 2].sum(),
                lambda masks: (people(masks) == len(masks) / 2).sum(),
                lambda masks: (people(masks) >= 3).sum() if len(masks) == 6 else -1,
                lambda masks: people(masks) >= len(masks) / 2,
                lambda masks: print(masks.sum()),
                lambda masks: masks.no_such_thing,
            ],
        ),
        "people_needed": (8, [7, 6, 11, 100, 2]),
    }
