"""Right and typical wrong answers of lesson 00."""


def answers(subject, made):
    labels = subject.labels
    return {
        "why_a_region": ("b", ["a", "c", "d"]),
        "face_volumes": ((labels["labels"] == "face").sum(), [len(labels), (labels["labels"] == "rest").sum(), 12, 9]),
    }
