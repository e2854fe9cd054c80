"""Right and wrong answers of quiz 1."""


def answers(subject, made):
    return {
        "place_of_a_voxel": ("c", ["a", "b", "d"]),
        "wider_smoothing": ("a", ["b", "c", "d"]),
        "five_on_the_map": ("d", ["a", "b", "c"]),
        "order_of_and": ("b", ["a", "c", "d"]),
        "box_plots_of_a_region": ("c", ["a", "b", "d"]),
    }
