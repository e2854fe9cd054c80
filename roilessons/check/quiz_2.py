"""Five questions after the lessons on inference, 09 to 13."""

from roilessons.check.judging import choice

not_circular = choice(
    "b",
    "The odd runs had no part in the choice, so their noise has no reason to point in its direction.",
    "For each: did the volumes that are measured have a part in choosing the voxels?",
    "Stricter choices and other filters use the same noise again. Which answer uses other noise?",
    minutes=2,
    a="A stricter threshold makes it worse: only voxels whose noise helped most are left.",
    c="Smoothed again or not, it is the same noise that chose.",
    d="The other voxels were chosen in the same way. Their noise points in the same direction.",
)
observations_of_a_subject = choice(
    "d",
    "One difference per run gives 12 observations, and a t-test of their mean against 0 has one degree of freedom less.",
    "What is independent of what? Volumes of one block are not.",
    "12 differences, one mean is estimated from them.",
    minutes=1,
    a="Volumes that follow each other are alike, so that 216 volumes hold far fewer independent pieces of information.",
    b="The blocks of one run share its drift and its moments of movement.",
    c="The mean of the 12 differences is estimated from them, which takes one away.",
)
what_fdr_promises = choice(
    "a",
    "It is an average over studies. In this one there may be no false voxel, or twenty.",
    "Is the promise about each voxel, about this list, or about lists in the long run?",
    "Family-wise error counts the studies with any false voxel. What does the false discovery rate count?",
    minutes=2,
    b="An average over many studies says nothing exact of one of them.",
    c="That is the family-wise error. The false discovery rate lets false voxels in, in proportion.",
    d="The voxel with the smallest p and the one that just passes are in the same list, and not equally sure.",
)
p_of_a_cluster = choice(
    "c",
    "Without any effect a cluster as large as this one would be rare, so somewhere in it is an effect. Where, the test does not say.",
    "Of what is the p-value: of a voxel, or of a size?",
    "If only half of the cluster had an effect, could it still be too large for chance?",
    minutes=2,
    a="The voxels were not tested one by one at this level. The p-value is that of the cluster's size.",
    b="A p-value of 0.01 is no probability of being true, and not of a share of voxels.",
    d="The peak is the most striking voxel, but the p-value is not its own.",
)
coordinates_from_a_paper = choice(
    "b",
    "A place in MNI space is a place in a template. A transformation between the two brains leads from one to the other.",
    "In which space are the coordinates, in which one is the scan?",
    "Both are in millimetres. Does that make them the same millimetres?",
    minutes=1,
    a="The numbers are valid in the scan's space, too, and lie somewhere else in the brain.",
    c="The size of voxels is not the problem: a resampled scan is still the subject's own brain.",
    d="A larger sphere meets the region more often, and with it more of everything else.",
)
