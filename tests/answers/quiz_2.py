"""Right and wrong answers of quiz 2."""


def answers(subject, made):
    return {
        "not_circular": ("b", ["a", "c", "d"]),
        "observations_of_a_subject": ("d", ["a", "b", "c"]),
        "what_fdr_promises": ("a", ["b", "c", "d"]),
        "p_of_a_cluster": ("c", ["a", "b", "d"]),
        "coordinates_from_a_paper": ("b", ["a", "c", "d"]),
    }
