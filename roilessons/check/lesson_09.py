"""Exercises of lesson 09, double dipping."""

import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, function, number
from roilessons.inference.contrasts import t_of_rows


@number(
    "a number, in per cent",
    "A threshold keeps the voxels whose noise points up clearly. Which voxels leave when it rises?",
    "Those with the smallest t leave. So will the mean of the others fall or rise?",
    otherwise="The voxels with the smallest t leave, and the mean of the others rises.",
    decimals=2,
    minutes=2,
    task="predict",
)
def noise_at_three():
    noise = rl.load_subject("noise")
    brain = image.get_data(noise.mask) > 0
    t, log_p = (image.get_data(img)[brain] for img in rl.t_test(noise.func, noise.labels["labels"]))
    names = sorted(set(noise.conditions.tolist()) - {"rest"})
    means_img, design = rl.block_means(noise.func, noise.labels, names)
    blocks = image.get_data(means_img)[brain].T
    face, house = (blocks[np.array(design["condition"] == name)] for name in ("face", "house"))
    difference = 100 * (face - house).mean(axis=0) / blocks.mean(axis=0)

    def at(threshold, side=1):
        return difference[(side * t > 0) & (log_p >= threshold)].mean()

    yield at(3), "The voxels with the smallest t leave, so the mean of those that stay rises. The true difference is 0."
    yield at(1), "That is the difference at 1. The voxels that leave are those with the smallest t."
    yield 0.0, "That is the truth. But the voxels that stay are those whose noise points up most clearly."
    yield at(3, -1), "These are the house voxels."


which_is_circular = choice(
    "c",
    "The peak is the most extreme voxel of all, so its size in the same data is the most biased number of all.",
    "For each: which data chose, by which question? Which data are measured, by which question?",
    "It is circular where the same data are asked the same question twice.",
    minutes=2,
    a="The anatomy does not depend on the responses to faces and houses: this choice cannot favour either.",
    b="The same question, but of other runs: their noise had no part in the choice.",
    d="A localizer scan on another day is the cleanest split there is.",
)

not_favoured = choice(
    "c",
    "F sees how the categories differ from each other. Their common mean, against rest, it does not see.",
    "F is large where the means of the eight categories differ from each other.",
    "Add 1 to all eight categories: which of the four comparisons changes, and does F?",
    minutes=3,
    a="Shoe and bottle are two of the eight. Where noise drives them apart, F is larger.",
    b="Where noise lifts the faces above the others, the eight means differ, and F is larger.",
    d="That is a difference between the eight categories, too: of two against six.",
)


def _noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _levels(n_runs, n_voxels, seed):
    """Faces and houses of a scan in which every run has a level of its own."""
    level = 100 + 20 * _noise(n_runs, 1, seed=seed)
    return level + _noise(n_runs, n_voxels, seed=seed + 1), level + _noise(n_runs, n_voxels, seed=seed + 2)


mean_difference = function(
    "a function of two arrays (runs, voxels)",
    "What do all the blocks of one run have in common? In which difference does it cancel?",
    "Subtract within each run first: one array minus the other. Then take the mean over the runs, axis 0.",
    minutes=4,
    task="repair",
    cases={
        "six runs, each with a level of its own": (
            _levels(6, 8, 1),
            "add 10 to both arrays in one run: nothing should change.",
        ),
        "five runs": (_levels(5, 3, 4), "how many runs there are should not matter."),
        "one voxel": (_levels(4, 1, 7), "it should still return an array with one number per voxel."),
    },
    value=lambda faces, houses: np.mean(faces - houses, axis=0),
    why="Within a run both have the same level, so it cancels. A design with both conditions in every run makes that possible.",
    mistakes=[
        (
            lambda faces, houses: faces[1::2].mean(axis=0) - houses[0::2].mean(axis=0),
            "The difference still changes when the level of one run changes.",
        ),
        (
            lambda faces, houses: faces[0::2].mean(axis=0) - houses[1::2].mean(axis=0),
            "Now the other half of the blocks is compared, and the level of a run still does not cancel.",
        ),
        (lambda faces, houses: np.mean(houses - faces, axis=0), "The sign: that is houses minus faces."),
        (
            lambda faces, houses: np.mean(faces[1::2] - houses[1::2], axis=0),
            "The level cancels, but a change in the even runs changes nothing: they are not used.",
        ),
        (lambda faces, houses: np.sum(faces - houses, axis=0), "That is the sum over runs. Take the mean."),
        (lambda faces, houses: np.mean(faces - houses), "That is one number for all voxels. Take the mean over runs alone."),
    ],
    otherwise="Subtract the houses from the faces of the same run, and take the mean over runs.",
)


def _measured(chosen, measured, n_voxels, sign=1):
    voxels = np.argsort(sign * t_of_rows(chosen))[-n_voxels:]  # t is 0 without data
    return measured[:, voxels].mean()


def _first(runs):
    return runs[: len(runs) // 2]


def _second(runs):
    return runs[len(runs) // 2 :]


held_out = function(
    "a function of an array (runs, voxels) and a number of voxels",
    "Which runs does t see in this function? Which should it see?",
    "runs[:half] are the runs of the first half.",
    minutes=4,
    task="repair",
    cases={
        "twelve runs of noise": ((_noise(12, 80), 10), "only the first half may choose, only the second may measure."),
        "seven runs": ((_noise(7, 30, seed=1), 4), "the first half of seven are three runs, len(runs) // 2."),
        "one voxel to choose": ((_noise(8, 20, seed=2), 1), "with n_voxels = 1, it is the voxel with the largest t."),
        "an effect in half of the voxels": (
            (_noise(10, 40, seed=3) + 2 * (np.arange(40) < 20), 15),
            "the voxels with the largest t are to be chosen.",
        ),
    },
    value=lambda runs, n_voxels: _measured(_first(runs), _second(runs), n_voxels),
    why="The noise of the second half had no part in the choice, so in pure noise the mean is 0 on average.",
    mistakes=[
        (
            lambda runs, n_voxels: _measured(runs, _second(runs), n_voxels),
            "In pure noise it still finds a positive difference nearly every time.",
        ),
        (
            lambda runs, n_voxels: _measured(_second(runs), _second(runs), n_voxels),
            "In pure noise it now finds an even larger difference than before.",
        ),
        (
            lambda runs, n_voxels: _measured(_first(runs), _first(runs), n_voxels),
            "It does not change when the second half of the runs changes.",
        ),
        (
            lambda runs, n_voxels: _measured(_second(runs), _first(runs), n_voxels),
            "It is 0 on average in noise, but the halves have changed their parts: the first is to choose.",
        ),
        (
            lambda runs, n_voxels: _measured(_first(runs), runs, n_voxels),
            "It still changes with the runs that chose: they are measured, too.",
        ),
        (
            lambda runs, n_voxels: _measured(_first(runs), _second(runs), n_voxels, -1),
            "Where faces have a strong effect it misses it: it takes the voxels with the smallest t.",
        ),
    ],
    otherwise="t across the first half of the runs, the voxels with the largest t, then their mean in the second half.",
)


def _splits(choosing=_first, circular=_first, measuring=_second, orders=list):
    """A split-half loop, right by default."""

    def loop(runs, given, n_voxels):
        halves = [
            (runs[choosing(order)], runs[circular(order)], runs[measuring(order)]) for order in map(np.array, orders(given))
        ]
        pairs = [(_measured(a, b, n_voxels), _measured(a, c, n_voxels)) for a, b, c in halves]
        return np.mean(pairs, axis=0)

    return loop


def _orders(n_runs, n, seed):
    random = np.random.default_rng(seed)
    return [random.permutation(n_runs) for _ in range(n)]


_GAPS = _noise(8, 25, seed=12) * (np.arange(25) % 5 > 0)

circular_and_held_out = function(
    "a function of an array (runs, voxels), a list of orders and a number of voxels",
    "Begin with two empty lists. In a loop over the orders, append one number to each; return the two means after the loop.",
    "order[: len(order) // 2] are the numbers of the runs that choose; runs[those] are their rows.",
    "Voxels without data: keep only the columns of runs in which np.any(runs != 0, axis=0), before the loop.",
    minutes=8,
    task="write",
    cases={
        "one split of twelve runs": ((_noise(12, 60, seed=8), _orders(12, 1, 0), 10), "begin with a single order."),
        "five splits": ((_noise(12, 60, seed=9), _orders(12, 5, 1), 20), "return the means over all orders, after the loop."),
        "seven runs": (
            (_noise(7, 30, seed=10), _orders(7, 3, 2), 5),
            "the first half of seven are three runs, len(order) // 2.",
        ),
        "runs with an effect": ((1 + _noise(6, 30, seed=11), _orders(6, 4, 3), 6), "the voxels with the largest t are chosen."),
        "voxels without data": ((_GAPS, _orders(8, 4, 4), 5), "np.argsort puts NaN last, so such voxels are chosen first."),
    },
    value=_splits(),
    why="On noise the first number is positive and the second lies around 0: the bias, measured by your own loop.",
    mistakes=[
        (lambda *given: _splits()(*given)[::-1], "The two numbers are swapped: first the circular one, then the held-out one."),
        (
            _splits(measuring=lambda order: order),
            "In noise the second number is positive, too: it changes with the runs that chose.",
        ),
        (
            _splits(choosing=lambda order: order),
            "In noise the second number is positive, too: the runs that are measured have a part in the choice.",
        ),
        (_splits(measuring=_first), "The two numbers are always equal: the second should be measured in the other half."),
        (
            _splits(orders=lambda given: given[:1]),
            "It is right for one split; for several it returns what the first order gives. Does the loop go on to the end?",
        ),
        (
            _splits(orders=lambda given: given[-1:]),
            "It is right for one split; for several it returns what the last order gives.",
        ),
        (
            _splits(orders=lambda given: [np.arange(len(one)) for one in given]),
            "It returns the same whatever the orders are: they are not used.",
        ),
        (
            _splits(choosing=_second, circular=_second, measuring=_first),
            "The second half of each order chooses; the first half should.",
        ),
        (
            lambda runs, orders, n_voxels: -_splits()(-runs, orders, n_voxels),
            "Chosen are the voxels with the smallest t. Take those with the largest.",
        ),
    ],
    otherwise="For each order: t across the first half, the voxels with the largest t, their mean in the first half and in the second.",
)
