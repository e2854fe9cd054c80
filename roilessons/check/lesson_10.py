"""Exercises of lesson 10, time."""

from roilessons.check.judging import choice

every_third = choice(
    "c",
    "Volumes 7.5 s apart are less alike than those 2.5 s apart, and still alike. The folded cell measures it.",
    "What made the test too sure of itself: the number of volumes, or how alike they are?",
    "Look at the autocorrelation three volumes apart: smaller than one volume apart, and is it 0?",
    a="Fewer data make a test less certain, and a right test knows that. Think of how alike the volumes are.",
    b="The noise is the same, but the volumes kept lie three steps apart. What does the curve say there?",
    d="That would need volumes without any memory. Is the curve at 7.5 s down at 0?",
)
