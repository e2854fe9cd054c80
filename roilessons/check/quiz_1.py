"""Five questions after the tutorial, lessons 01 to 08."""

from roilessons.check.judging import choice

place_of_a_voxel = choice(
    "c",
    "The affine holds voxel size, direction of each axis and origin, and only all three together give a place.",
    "What has to be known besides the size of a voxel?",
    "In which direction does the first index run in our files? Which matrix knows it?",
    minutes=1,
    a="That gives a length, not a place: direction and origin are missing. Our first index runs from right to left.",
    b="A picture is drawn by the affine, and radiological pictures swap left and right. Read the matrix, not the picture.",
    d="A template is another brain in another space. The scan's own header says where its voxels are.",
)
wider_smoothing = choice(
    "a",
    "A filter as wide as the region takes much from the noise and little from the signal. A wider one averages in the surroundings.",
    "What does averaging over many voxels do to the noise, and what to a region smaller than the filter?",
    "Think of lesson 02's curves: where was each one highest?",
    minutes=2,
    b="It rises up to a width, and then falls: a small region is averaged with voxels that do not respond.",
    c="Both shrink, but not alike: noise of neighbours cancels, a signal that they share does not.",
    d="A symmetric filter moves no centre. Two regions can become one, which is another thing.",
)
five_on_the_map = choice(
    "d",
    "It is a statement about data if nothing were there, and only if the test's assumptions hold. In lesson 03 they did not.",
    "p starts from an assumption. Which one?",
    "Does p say how likely an explanation is, or how unusual the data are under one?",
    minutes=2,
    a="p starts from 'no difference' and cannot say how probable its own starting point is.",
    b="How often a repetition would succeed depends on the true effect, and p does not know it.",
    c="That would be the false discovery proportion. It depends on how many voxels have an effect, and p does not know that either.",
)
order_of_and = choice(
    "b",
    "The last step decides: an AND lets nothing out. Voxels that grew from a neighbour outside the mask may be in it, though.",
    "Which of the two steps can put voxels outside the VT mask? Is it the last one?",
    "Take a voxel at the border of the VT mask, and follow it through both orders.",
    minutes=2,
    a="At the border it matters: dilation as the last step leaves the VT mask again.",
    c="It may have more or fewer: it gains voxels that grew in from outside VT, and loses those that grew out of VT.",
    d="Growing can join regions in either order; the AND afterwards may even cut one in two.",
)
box_plots_of_a_region = choice(
    "c",
    "The voxels passed because faces and houses differed in these volumes. The same volumes cannot fail to show it.",
    "Which volumes chose the voxels? Which volumes are in the box plots?",
    "Could the boxes of faces and houses have come out equal?",
    minutes=2,
    a="An independent confirmation needs data that could have disagreed. Could these?",
    b="Chosen voxels have, besides their effect, noise in the direction of the choice. On average the difference is too large.",
    d="The units are as good as those of the series. Something else is wrong: who chose the voxels?",
)
