"""Exercises of lesson 07, connected components."""

import numpy as np
from scipy import ndimage

import roilessons as rl
from roilessons.check.judging import choice, function, number, recalled_if


def recalled_rois(step="components"):
    """As `recalled`, for the lessons that need three ROIs: those here and in lesson 08."""
    return recalled_if(lambda subject, made: np.max(made.labels_img.dataobj) >= 3, step)


def sizes_of(img):
    """How many voxels each of SciPy's labels has."""
    return np.bincount(ndimage.label(np.asarray(img.dataobj))[0].ravel())[1:]


@number(
    "a whole number of ROIs",
    "The threshold keeps 142 voxels more in the whole head. How many of these may lie in regions, and how many alone?",
    "Each voxel that passed alone becomes a region of 7 voxels.",
    otherwise="That is more than a quarter off.",
    minutes=2,
    task="predict",
    close=0.25,
)
def rois_of_the_whole_head():
    _, made = recalled_if(lambda subject, made: subject.truth is not None)
    sizes = sizes_of(rl.dilate(made.thresholded_img))
    yield len(sizes), "Most are small: a single voxel that passed becomes a region, too."
    yield np.max(made.labels_img.dataobj), "That is the number in the VT mask."
    yield len(sizes_of(made.thresholded_img)), "That is the number before the dilation."


more_neighbours = choice(
    "b",
    "A wider rule only opens ways. Components may join, and none is ever split.",
    "Take two voxels that were in one component with 6 neighbours. Can the way between them get lost?",
    "Every way of the old rule is open under the new one, and some new ways open. Can that ever part two voxels?",
    a="More neighbours mean more ways from voxel to voxel. Do ways part components, or join them?",
    c="For it to rise, some component would have to fall apart. Which way between its voxels would have closed?",
    d="Not always: think of a mask of one single voxel.",
    minutes=2,
)


# Masks for the functions: boxes, each (first corner, size) --------------------------------------------------------------


def _boxes(*boxes, shape=(12, 9, 9)):
    mask = np.zeros(shape, bool)
    for corner, size in boxes:
        mask[tuple(slice(start, start + length) for start, length in zip(corner, size, strict=True))] = True
    return mask


_RISING = _boxes(((0, 0, 0), (1, 1, 1)), ((3, 0, 0), (3, 3, 3)), ((8, 4, 4), (2, 2, 2)))  # 1, 27 and 8 voxels
_EQUAL = _boxes(((0, 0, 0), (2, 2, 2)), ((4, 3, 3), (3, 3, 3)), ((9, 6, 6), (2, 2, 2)))  # 8, 27 and 8
_GROWING = _boxes(((0, 0, 0), (1, 1, 1)), ((3, 4, 4), (2, 2, 2)), ((7, 3, 3), (3, 3, 3)))  # 1, 8 and 27
_SMALL_BETWEEN = _boxes(((0, 0, 0), (2, 2, 2)), ((4, 4, 4), (1, 1, 1)), ((7, 3, 3), (3, 3, 3)))  # 8, 1 and 27
_TOUCHING = _boxes(((1, 1, 1), (2, 2, 2)), ((3, 3, 3), (3, 2, 2)))  # at a corner
_FULL = _boxes(((0, 0, 0), (2, 9, 9)), ((3, 0, 0), (9, 9, 9)))  # more voxels inside than outside
_EMPTY = _boxes()


def _component(mask, which):
    """The component with SciPy's label `which(sizes) + 1`, where `sizes` begins with that of label 1."""
    labels, _ = ndimage.label(mask)
    return labels == which(np.bincount(labels.ravel())[1:]) + 1


def _with_background(mask):
    labels, _ = ndimage.label(mask)
    return labels == np.bincount(labels.ravel()).argmax()


largest_component = function(
    "a function of a mask",
    "Call your function with the mask of this lesson. How many voxels come back, and how many of them are in the mask?",
    "What does the first entry of sizes count?",
    "Label 0 is what lies outside the mask. Set its size to 0 before np.argmax looks for the largest.",
    cases={
        "a mask of three components": ((_GROWING,), "The largest has 27 voxels, and comes last."),
        "another mask of three components": ((_SMALL_BETWEEN,), "Compare the sizes of what comes back and of the components."),
        "a mask whose largest component comes second": ((_RISING,), "Where it comes should not matter. Look at the sizes."),
        "a mask that nearly fills the array": ((_FULL,), "Compare the sizes of what comes back and of the components."),
    },
    value=lambda mask: _component(mask, np.argmax),
    why="The largest label of all is usually 0: more of an image lies outside a mask than inside.",
    mistakes=[
        (_with_background, "For a small mask, no voxel of what comes back lies in the mask. It is nearly the whole image."),
        (
            lambda mask: _component(mask, lambda sizes: sizes.argmax() - 1),
            "What comes back is one component off: positions begin at 0.",
        ),
        (lambda mask: _component(mask, np.argmin), "That is the smallest component."),
        (lambda mask: _component(mask, lambda sizes: 0), "That is the component that SciPy met first, whatever its size."),
        (lambda mask: _component(mask, lambda sizes: len(sizes) - 1), "That is the component that SciPy met last, whatever its size."),
        (lambda mask: mask, "The whole mask comes back, with all its components."),
    ],
    otherwise="It should be the component with most voxels, as True and False.",
    minutes=4,
    task="repair",
)


@number(
    "a whole number of voxels",
    'The steps are rl.t_test with contrast=("cat", "bottle"), rl.threshold, rl.intersect, rl.dilate and rl.label.',
    "rl.roi_table has one row per ROI. The sign is that of the first condition minus the second.",
    "Bottles are second in the contrast, so the ROI that prefers them has the sign -1.",
    otherwise="Make rl.roi_table of the ROIs, and look for the row with the sign -1.",
    minutes=7,
    task="transfer",
)
def bottle_region():
    second = rl.load_subject("simulated:2")

    def table(maps, iterations=1):
        mask_img = rl.intersect(rl.threshold(maps.log_p_img, 5), second.mask_vt)
        return rl.roi_table(rl.label(rl.dilate(mask_img, iterations)), *maps)

    cats, faces = (
        rl.t_test(second.func, second.labels["labels"], contrast=contrast)
        for contrast in (("cat", "bottle"), ("face", "house"))
    )
    found, undilated, houses = table(cats), table(cats, iterations=0), table(faces)
    voxels, bottles = found["voxels"].tolist(), found["voxels"][found["sign"] == -1].tolist()
    yield (
        bottles[0],
        f"It is the smallest of {len(found)}. The others prefer cats, which in these subjects share the face areas.",
    )
    yield voxels[0], "That is the largest ROI. What is its sign?"
    yield tuple(set(voxels[1:]) - set(bottles)), "That ROI has the sign 1: it prefers cats."
    yield found["label"][found["sign"] == -1].tolist()[0], "That is the number of the ROI. How many voxels does it have?"
    yield sum(voxels), "Those are the voxels of all ROIs together."
    yield tuple(undilated["voxels"][undilated["sign"] == -1]), "That is its size before the dilation."
    yield (
        tuple(houses["voxels"][houses["sign"] == -1]),
        "That is a region of the contrast of faces and houses. Test cats against bottles.",
    )


def _by_size(mask, order=None, structure=None, first=1):
    """Labels by size; `order` makes of the sizes the positions of the components, from ROI 1 on."""
    labels, n = ndimage.label(mask, structure)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    new = np.zeros(n + 1, int)
    new[(np.argsort(-sizes, kind="stable") if order is None else order(sizes)) + 1] = np.arange(first, n + first)
    return new[labels]


def _order_as_table(mask):
    """The order of the labels taken for the table of their new numbers."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())[1:]
    return np.concatenate([[0], np.argsort(-sizes, kind="stable") + 1])[labels]


label_by_size = function(
    "a function of a mask",
    "Begin as above: ndimage.label, np.bincount without its first entry, np.argsort of the sizes with a minus, plus 1.",
    "Begin with an array of zeros in the shape of the labels. order[0] is the label that becomes 1, order[1] the one that becomes 2.",
    "In a loop over position in range(n): rois[labels == order[position]] = position + 1.",
    cases={
        "three components that SciPy meets in the order of 1, 27 and 8 voxels": (
            (_RISING,),
            "The one of 27 voxels should be 1.",
        ),
        "three components of which two have the same size": ((_EQUAL,), "The one that SciPy meets first should come first."),
        "two components that touch at a corner": ((_TOUCHING,), "Without a shared face they are two."),
        "a mask of zeros and ones": ((_RISING.astype(np.uint8),), "It should be treated as True and False are."),
        "a mask that nearly fills the array": ((_FULL,), "What lies outside is 0, also where it is small."),
        "an empty mask": ((_EMPTY,), "There is no component, so all labels are 0."),
    },
    value=_by_size,
    why="First the sizes, then the order, then every old label gets the number of its place in the order.",
    mistakes=[
        (lambda mask: ndimage.label(mask)[0], "The components are numbered as SciPy meets them, whatever their size."),
        (lambda mask: _by_size(mask, lambda sizes: np.argsort(sizes, kind="stable")), "The smallest component is 1."),
        (
            lambda mask: _by_size(mask, lambda sizes: np.argsort(sizes, kind="stable")[::-1]),
            "Of two components of the same size, the later one comes first. Turning a sorted list round does that.",
        ),
        (lambda mask: _by_size(mask, first=0), "The largest component has become 0, which is what lies outside. Count from 1."),
        (
            _order_as_table,
            "The numbers are changed, but the largest of three is not always 1. order[0] is an old label, and not a new number.",
        ),
        (lambda mask: _by_size(mask, structure=np.ones((3, 3, 3))), "Components that touch at a corner have become one."),
    ],
    otherwise="The largest component should be 1, the next 2, and so on; what lies outside should be 0.",
    minutes=10,
    task="write",
)
