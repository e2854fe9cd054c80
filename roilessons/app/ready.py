"""An extension of the kernels of `roilessons lab`: what lessons import is there before their first cell is run.

A kernel starts when a lesson is opened, and its first lines are read before they are run. The import takes some 2 s.
"""


def load_ipython_extension(shell):
    import nilearn.plotting  # noqa: F401

    import roilessons.explorer.explorer  # noqa: F401
