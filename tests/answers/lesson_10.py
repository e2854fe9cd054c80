"""Right and typical wrong answers of lesson 10."""


def answers(subject, made):
    return {"every_third": ("c", ["a", "b", "d"])}
