"""Right and typical wrong answers of lesson 16."""


def answers(subject, made):
    return {
        "what_moves": ("c", ["a", "b", "d"]),
        "better_decisions": ((7, 1), [(5, 1), (1, 7), (5, 2), (5, 0), (3, 1), (11, 1), (5, 1.5)]),
        "report_tuned": ("b", ["a", "c", "d"]),
    }
