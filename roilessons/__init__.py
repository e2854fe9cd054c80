"""roilessons: the helpers under a course on computing a region-of-interest mask from fMRI data.

One way through: subject -> volumes -> map -> mask -> labels -> signals -> figure.
Names are looked up when first used, so that `import roilessons` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_NAMES = {
    "subject": ["Subject", "load_subject", "with_truth"],
    "datasets.bids": ["Bids"],
    "datasets.listening": ["example_study", "example_bids"],
    "steps": [
        "mean_epi", "t_test", "threshold", "intersect", "dilate", "label",
        "signals", "roi_table", "block_means", "score", "catch_up",
    ],
    "inference.contrasts": ["run_weights", "run_contrasts", "t_across_runs"],
    "inference.corrections": ["fdr", "sign_flip", "sign_flip_clusters"],
    "inference.regions": ["label_by_sign", "preference_table", "dice", "split_halves", "rois_across_runs"],
    "figures": ["COLOURS", "show", "describe_map", "describe_mask", "describe_labels", "describe_signals", "roi_colours"],
    "explorer.explorer": ["explore"],
    "explorer.figure_with_slider": ["FigureWithSlider"],
    "explorer.workbench": ["workbench"],
    "app.machine": ["machine_report"],
    "batch.group": ["each_subject", "local_cluster", "progress"],
    "datasets.cache": ["simulated_folder"],
    "datasets.events": ["labels_from_events", "write_labels"],
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"roilessons has no {name!r}")
    return getattr(import_module(f"roilessons.{_MODULE_OF[name]}"), name)


def __dir__():
    return [*globals(), *__all__]
