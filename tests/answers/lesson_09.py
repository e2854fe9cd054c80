"""Right and typical wrong answers of lesson 09."""

from roilessons.check.lesson_09 import halves


def answers(subject, made):
    found = halves()
    mistakes = [("odd", "even", "face"), ("even", "even", "face"), ("all", "odd", "face"), ("even", "all", "face")]
    mistakes += [("even", "odd", "house"), ("even", "odd", "both"), ("all", "all", "face")]
    right = found["even", "odd", "face"]
    return {
        "stricter_elsewhere": ("b", ["a", "c", "d"]),
        "swapped_halves": (right, [*(found[mistake] for mistake in mistakes), -right]),
        "which_is_circular": ("c", ["a", "b", "d"]),
    }
