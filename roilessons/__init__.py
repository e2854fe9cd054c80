"""roilessons: the helpers under a course on computing a region-of-interest mask from fMRI data.

One way through the house: subject -> volumes -> map -> mask -> labels -> signals -> figure.
Names are looked up when first used, so that `import roilessons` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_ROOMS = {
    "subject": ["Subject", "load_subject"],
    "steps": [
        "mean_epi", "t_test", "threshold", "intersect", "dilate", "label",
        "signals", "roi_table", "catch_up",
    ],
    "figures": ["show", "describe_map", "describe_mask", "describe_labels", "describe_signals", "roi_colours"],
    "scoring": ["score"],
    "explorer": ["explore"],
    "bench": ["workbench"],
    "machine": ["machine_report"],
    "group": ["each_subject", "local_cluster"],
    "own_data": ["labels_from_events", "write_labels", "example_study"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
__all__ = sorted(_ROOM_OF)


def __getattr__(name):
    if name not in _ROOM_OF:
        raise AttributeError(f"roilessons has no {name!r}")
    return getattr(import_module(f"roilessons.{_ROOM_OF[name]}"), name)


def __dir__():
    return [*globals(), *__all__]
