"""Right and typical wrong answers of lesson 15."""

import numpy as np


def answers(subject, made):
    turn, shift = np.array([[0.93, 0, 0], [0, 0.916, -0.161], [0, 0.161, 0.916]]), np.array([3, 7, -6])

    def place(x, y, z):
        return (turn @ (x, y, z) + shift).round()

    back = np.linalg.solve(turn, np.array([60, -8, -4]) - shift).round()
    places = [(60, -8, -4), back, place(-8, 60, -4), place(-60, -8, -4), (58.8, 0.3, -11.0), (0, 0, 0)]
    return {
        "first_volume": (18, [15, 17, 19, 35, 17.5, 20]),
        "place_in_scan": (place(60, -8, -4), places),
        "moves_with_music": ("d", ["a", "b", "c"]),
        "mixed_up_responses": ("c", ["a", "b", "d"]),
    }
