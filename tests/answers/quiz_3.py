"""Right and wrong answers of quiz 3."""


def answers(subject, made):
    return {
        "unit_of_a_group": ("c", ["a", "b", "d"]),
        "faces_in_odd_runs": ("a", ["b", "c", "d"]),
        "head_moves_with_faces": ("d", ["a", "b", "c"]),
        "what_reliability_shows": ("b", ["a", "c", "d"]),
        "tuned_settings": ("c", ["a", "b", "d"]),
    }
