"""The maps and signals of one subject: its file is read once, then every width of smoothing is answered from memory."""

from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from roilessons import steps
from roilessons.datasets.simulate import planted
from roilessons.inference import contrasts
from roilessons.volumes.images import load_image, new_image, read_array
from roilessons.volumes.one_pass import KeptVolumes, KeptVoxels, Means, one_pass, roi_means
from roilessons.volumes.reading import memory_said, open_series
from roilessons.volumes.smoothing import check_fwhm

VOLUMES = 40  # in double precision: what an explorer and its pictures hold at once, as measured

Maps = namedtuple("Maps", "mean_img t_img log_p_img")


class SubjectMaps:
    """The maps and signals of one subject and contrast, at any smoothing.

    What was not announced here is to be had, too, for another pass over the file.

    Parameters
    ----------
    subject : Subject
    contrast : pair of str, or () where no t-test is wanted
    smoothing : bool
        Whether other widths than `fwhm` will be asked for: the contrast's volumes then stay in memory.
    reach : (iterations, fwhm), optional
        Signals will be asked for of ROIs in the VT mask dilated so often and smoothed so far: the raw values they depend
        on are then kept, on disk.
    fwhm : float, mm
        The first width.
    runs : bool
        Whether the test across runs will be asked for: its contrasts are then summed in the same pass.
    """

    def __init__(self, subject, contrast=steps.CONTRAST, *, smoothing=False, reach=None, fwhm=steps.FWHM, runs=False):
        self.subject, self.contrast = subject, tuple(contrast)
        mask_vt = load_image(subject.mask_vt)
        self.mask_vt = new_image(read_array(mask_vt) > 0, mask_vt, np.uint8)  # read once
        self.truth = planted(subject.truth, self.contrast)
        self._series, self._maps, self._one_reader = open_series(subject.func), {}, Lock()
        if self.contrast:
            steps.check_contrast(subject.conditions, self.contrast)
        chosen = [subject.conditions == condition for condition in self.contrast] if smoothing else []
        self._volumes = [KeptVolumes(of, self._series) for of in chosen]
        self._mean = Means(np.zeros(self._series.n_volumes, int))
        self._kept = KeptVoxels(steps.dilate(self.mask_vt, reach[0]), reach[1]) if reach else None
        self._sums, self.runs_left_out, self._no_test = None, [], None
        if self.contrast:
            try:
                weights, self.runs_left_out = contrasts.weights_of_runs(subject.labels, self.contrast)
                self._sums = contrasts.sums_of_runs(subject.labels, weights) if runs else None
            except ValueError as error:  # of the test across runs alone: the other one is still to be had
                self._no_test = error
        others = [one for one in (self._kept, self._sums) if one is not None]
        with self.memory():
            if self.contrast and not smoothing:
                self._maps[check_fwhm(fwhm), "volumes"] = Maps(*steps.subject_maps(subject, self.contrast, fwhm, *others))
            else:
                one_pass(self._series, self._mean, *self._volumes, *others)

    def memory(self):
        """A context in which a MemoryError says how much the explorer needs, with the volumes that stay in memory."""
        sums = 8 * len(self._sums.weights) * int(np.prod(self._series.shape)) if self._sums else 0
        return memory_said(self._series, VOLUMES, sum(volumes.nbytes for volumes in self._volumes) + sums)

    def maps(self, fwhm, test="volumes"):
        """Mean, t and -log10 p at a width of smoothing in mm (t and -log10 p are None without a contrast)."""
        fwhm, test = check_fwhm(fwhm), test if self.contrast else "volumes"
        if (fwhm, test) not in self._maps:
            with self.memory():
                self._maps[fwhm, test] = self._across_runs(fwhm) if test == "runs" else self._between_volumes(fwhm)
        return self._maps[fwhm, test]

    def _between_volumes(self, fwhm):
        if self.contrast and not self._volumes:
            return Maps(*steps.subject_maps(self.subject, self.contrast, fwhm))
        # A thread per condition: the products are too small for several threads to share one.
        with threadpool_limits(1), ThreadPoolExecutor() as pool:
            statistics = [*pool.map(lambda volumes: volumes.statistics(fwhm), self._volumes)]
        t_test = steps.t_maps(*statistics, self._series) if statistics else (None, None)
        return Maps(steps.mean_image(self._mean, self._series, fwhm), *t_test)

    def _across_runs(self, fwhm):
        if self._no_test:
            raise self._no_test
        mean_img = self.maps(fwhm).mean_img
        if self._sums:
            of_runs = contrasts.contrasts_image(self._sums, self._series, fwhm)
        else:
            of_runs = contrasts.run_contrasts(self.subject.func, self.subject.labels, self.contrast, fwhm)
        return Maps(mean_img, *contrasts.t_across_runs(of_runs))

    def signals(self, labels_img, fwhm):
        """As `roilessons.signals`; may be called from a thread."""
        with self._one_reader, self.memory():
            return steps.signals_table(roi_means(self._series, labels_img, fwhm, self._kept), self.subject.labels)
