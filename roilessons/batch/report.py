"""A result as one page of HTML: everything in it, nothing fetched, every picture described in words.

Figures are drawn on figures of their own, not on pyplot's, so that any thread of any worker can draw them. Whatever comes from
a file, names of conditions and files above all, is escaped, and the page allows no scripts at all.
"""

from html import escape

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from roilessons.figures import COLOURS, condition_colour, describe_labels, describe_map, describe_mask, html, png, roi_colours
from roilessons.inference.corrections import FLIPS, FORMING
from roilessons.volumes.images import read_array

MOST_ROIS = 12  # that get a picture; the table has all
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}table{border-collapse:collapse}"
    "th,td{border:1px solid #999;padding:.2em .5em;text-align:left}th{background:#eee}img{max-width:100%}.wide{overflow-x:auto}figure,tr{break-inside:avoid}"
    "@media print{table{font-size:.75em}.wide{overflow:visible}}"
    "figcaption{font-size:.9em;color:#333;margin-bottom:1.5em}code{overflow-wrap:anywhere}.warn li{border-left:.4em solid #D55E00;padding-left:.6em}"
)
CORRECTION = {
    "fwe": "family-wise error was controlled by {flips} flips of the signs of runs (Nichols and Holmes, 2002)",
    "cluster": "family-wise error of clusters (voxels that touch by face, each with an uncorrected p <= {forming:g}) was controlled by {flips} flips of the signs of runs (Nichols and Holmes, 2002)",
    "fdr": "the false discovery rate was controlled (Benjamini and Hochberg, 1995)",
    "none": "nothing was corrected for the number of voxels",
}


def page(subject, result, told):
    """The report of one result.

    Parameters
    ----------
    subject : BidsSubject
    result : roilessons.batch.extract_bids.Result
    told : dict
        What the sidecar of the result says.

    Returns
    -------
    str
    """
    title = f"Regions of interest: {', '.join(f'{key}-{value}' for key, value in subject.found.entities.items())}"
    first, second = told["Settings"]["contrast"]
    sections = [
        ("Warnings", _list(told["Warnings"], "warn") if told["Warnings"] else "<p>None.</p>"),
        ("What was read", _read(subject, result)),
        ("Methods", f"<p>{escape(methods(told))}</p>"),
        ("Motion and signal", _quality(subject, result, told)),
        (f"Map: {first} minus {second}", _map(result, told)),
        ("Mask", _mask(subject, result)),
        ("Regions", _regions(subject, result, told)),
        ("Reliability", f"<p>{escape(_reliability(told))}</p>"),
        ("Settings and versions", _settings(told)),
    ]
    body = "".join(f"<h2>{escape(name)}</h2>\n{content}\n" for name, content in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{body}</body></html>\n"
    )


def methods(told):
    """A paragraph for the methods section, with the numbers of this result."""
    how, counts = told["Settings"], told["Numbers"]
    first, second = how["contrast"]
    runs = f"Each of {counts['runs_used']} runs"
    if counts["runs_left_out"]:
        runs += f", those of {counts['runs']} in which {first} minus {second} can be estimated,"
    confounds = f", the confounds {', '.join(how['confounds'])} (names of nilearn's load_confounds)" if how["confounds"] else ""
    smoothing = f"Series were smoothed by {how['fwhm']:g} mm (full width at half maximum). " if how["fwhm"] else "Series were not smoothed. "
    masks = f"mask: {', '.join(how['mask'])}; " if how["mask"] else ""
    correction = CORRECTION[how["correct"]].format(flips=min(2 ** (counts["runs_used"] - 1), FLIPS), forming=10.0**-FORMING)
    return (
        f"{smoothing}{runs} was modelled by ordinary least squares: each condition convolved with the haemodynamic response of Glover (1999), "
        f"drift ({how['drift']}){confounds}. {_left_out(told)} The contrast {first} minus {second} of {counts['runs_used']} runs "
        f"entered a one-sample, two-sided t-test across runs in {counts['voxels_tested']:,} voxels ({masks}space: {told['SpatialReference']}); {correction}. "
        f"{counts['voxels_kept']:,} voxels passed at {'p' if how['correct'] == 'none' else 'a corrected p'} <= {10.0 ** -how['threshold']:.2g}. "
        f"They were dilated {how['dilate']} time{'' if how['dilate'] == 1 else 's'} by their neighbours by face, apart for the two directions of the "
        f"contrast, to {counts['voxels_dilated']:,} voxels, whose connected components are {counts['rois']} region{'' if counts['rois'] == 1 else 's'}. "
        f"Computed with roilessons {told['Versions']['roilessons']}, nilearn "
        f"{told['Versions']['nilearn']}, NumPy {told['Versions']['numpy']} and SciPy {told['Versions']['scipy']}. Regions were chosen by this "
        f"contrast in all of these runs: their size of effect in the same runs is too large on average (circular)."
    )


def _left_out(told):
    """A sentence on the volumes that were left out, and why."""
    how, counts, what = told["Settings"], told["Numbers"], "volumes that fMRIPrep marks as not steady"
    limit, scrub = how["motion_limit_mm"], [name.partition("=")[2] or "5" for name in how["confounds"] if name.partition("=")[0] == "scrub"]
    if scrub:  # it has a limit of its own where we set none
        what = (
            f"volumes with a framewise displacement above {limit or 0.5:g} mm or a standardized DVARS above 1.5, stretches of fewer than "
            f"{scrub[0]} volumes between such (nilearn's scrub), and {what}"
        )
    elif limit and counts["mean_displacement_mm"] is not None:
        what = f"volumes with a framewise displacement above {limit:g} mm, and {what}"
    else:
        what += ", and none for motion"
    return f"Left out were {what}: {counts['volumes_left_out']} of the {counts['volumes']} volumes of {counts['runs']} runs."


# ---- sections ----


def _list(sentences, kind=""):
    return f'<ul class="{kind}">' + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _table(header, rows):
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="wide" tabindex="0" role="group" aria-label="Table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _read(subject, result):
    rows = []
    for index, run in enumerate(subject.recordings):
        files = run.files
        used = "no" if index in result.left_out else "yes"
        events = run.events["trial_type"].value_counts().sort_index()
        rows.append(
            (files.name, files.func.name, run.n_volumes, f"{run.t_r:g}", int((~run.kept).sum()),
             ", ".join(f"{count} {name}" for name, count in events.items()) or "none", used)
        )  # fmt: skip
    table = _table(("run", "series", "volumes", "seconds per volume", "left out", "events", "used"), rows)
    return table + (_list(subject.notes) if subject.notes else "<p>Nothing was missing.</p>")


def _quality(subject, result, told):
    snr, brain = result.snr, read_array(subject.mask or result.tested) > 0
    where = "brain" if subject.mask else "tested voxels"
    inside = float(np.median(snr[read_array(result.tested) > 0]))
    medians = ", ".join(f"{name} {value:.0f}" for name, value in told["Numbers"]["temporal_snr"].items())
    text = f"<p>Temporal SNR (mean over standard deviation of all volumes of a run, before smoothing), median of the {where}: {escape(medians)}; of the tested voxels: {inside:.0f}.</p>"
    img = nib.Nifti1Image(np.where(brain, snr, 0).astype(np.float32), result.made.mean_img.affine)
    words = f"Temporal SNR, from {snr[brain].min():.1f} to {snr[brain].max():.1f}. {describe_mask(subject.mask or result.tested, subject.cut_coords)}"
    picture = html(png(cuts(result.made.mean_img, subject.cut_coords, values=img, colours="cividis", name="temporal SNR")), words)
    known = [run for run in subject.recordings if run.displacement is not None]
    if not known:
        return text + picture + "<p>The motion is not known: there are no confounds.</p>"
    moved = np.concatenate([run.displacement for run in known])
    limit = told["Settings"]["motion_limit_mm"]
    figure, axes = _figure(8, 2.4)
    axes.plot(moved, color="#0072B2", linewidth=1)
    for end in np.cumsum([run.n_volumes for run in known])[:-1]:
        axes.axvline(end, color="#999999", linewidth=0.6)
    if limit:
        axes.axhline(limit, color="#000000", linestyle="--", linewidth=1)
    axes.set_xlabel("volume, all runs (lines: a run ends)")
    axes.set_ylabel("framewise\ndisplacement, mm")
    axes.set_ylim(0, None)
    above = f" Above the limit of {limit:g} mm (dashed): {int((moved > limit).sum())} volumes." if limit else ""
    words = (
        f"Framewise displacement over {len(moved)} volumes of {len(known)} runs: {np.nanmedian(moved):.2f} mm in the median, at most "
        f"{np.nanmax(moved):.2f} mm, at volume {int(np.nanargmax(moved))}.{above}"
    )
    return text + picture + html(png(figure), words)


def _map(result, told):
    t = result.made.t_img
    values = np.abs(read_array(t)) * (read_array(result.tested) > 0)
    peak = apply_affine(t.affine, np.unravel_index(values.argmax(), values.shape))
    shown = nib.Nifti1Image(np.where(read_array(result.tested) > 0, read_array(t), 0), t.affine)
    words = describe_map(shown, peak, "t in the tested voxels")
    limit = float(values.max()) or 1.0
    picture = cuts(result.made.mean_img, peak, values=shown, colours="RdBu_r", limits=(-limit, limit), name="t")
    return html(png(picture), words) + f"<p>{escape(told['PValues'])}</p>"


def _mask(subject, result):
    words = f"Tested voxels. {describe_mask(result.tested, subject.cut_coords)}"
    tested = html(png(cuts(result.made.mean_img, subject.cut_coords, labels=result.tested, colours=[COLOURS["vt"]])), words)
    kept = result.made.intersected_img
    words = f"Voxels that passed, before dilation. {describe_mask(kept, subject.cut_coords)}"
    return tested + html(png(cuts(result.made.mean_img, subject.cut_coords, labels=kept, colours=[COLOURS["mask"]])), words)


def _regions(subject, result, told):
    table, made = result.table, result.made
    if not len(table):
        return "<p>No region: no voxel passed. That no effect was seen does not say that there is none.</p>"
    parts = [_table(table.columns, table.itertuples(index=False)), f"<p>{escape(describe_labels(made.labels_img))}</p>"]
    rois, contrasts = read_array(made.labels_img), read_array(made.contrasts_img)
    first, second = told["Settings"]["contrast"]
    colours = roi_colours(len(table)).colors
    for row in table.head(MOST_ROIS).itertuples():
        place = (row.peak_x, row.peak_y, row.peak_z)
        own = contrasts[rois == row.label].mean(axis=0)
        words = (
            f"ROI {row.label}, {row.hemisphere}, stronger for {row.prefers}: {row.voxels} voxels ({row.mm3:g} mm3), peak at x = {row.peak_x:g}, "
            f"y = {row.peak_y:g}, z = {row.peak_z:g} mm. {first} minus {second} in the runs that chose it: {own.mean():.3g} in the mean of "
            f"{len(own)} runs, from {own.min():.3g} to {own.max():.3g}, in units of the series."
        )
        only = nib.Nifti1Image((rois == row.label).astype(np.uint8), made.labels_img.affine)
        parts.append(html(png(cuts(made.mean_img, place, labels=only, colours=[colours[row.label - 1]])), words))
    if len(table) > MOST_ROIS:
        parts.append(f"<p>The other {len(table) - MOST_ROIS} regions stand in the table only.</p>")
    return "".join(parts) + _signals(subject, result, (first, second))


def _signals(subject, result, contrast):
    signals, labels = result.made.signals, subject.conditions
    names = [name for name in signals.columns if name.startswith("ROI ")][:4]
    figure, axes = _figure(9, 1.5 * len(names) + 0.6, len(names))
    colours, words = roi_colours(len(names)).colors, []
    kept = subject.kept
    for axis, name, colour in zip(np.atleast_1d(axes), names, colours, strict=True):
        percent = signals[name].to_numpy(np.float64)
        level = signals.groupby("run")[name].transform("mean").to_numpy()
        percent = 100 * np.divide(percent - level, level, out=np.zeros_like(percent), where=level != 0)
        for condition in contrast:
            here = labels == condition
            axis.fill_between(np.arange(len(here)), 0, 1, where=here, step="mid", transform=axis.get_xaxis_transform(),
                              color=condition_colour(condition, contrast), alpha=0.4, linewidth=0)  # fmt: skip
        axis.plot(percent, color="#000000", linewidth=1)
        axis.plot(np.flatnonzero(~kept), percent[~kept], "x", color="#D55E00")
        for end in np.cumsum([run.n_volumes for run in subject.recordings])[:-1]:
            axis.axvline(end, color="#666666", linewidth=0.8)
        axis.set_ylabel(f"{name}\n%", color="#000000", bbox={"facecolor": colour, "edgecolor": "none", "alpha": 0.5, "pad": 2})
        own = [(condition, percent[kept & (labels == condition)]) for condition in contrast]
        words.append(f"{name}: " + ", ".join(f"{some.mean():+.2f} % for {condition}" if len(some) else f"no volume for {condition}" for condition, some in own))
    np.atleast_1d(axes)[-1].set_xlabel("volume, all runs (lines: a run ends)")
    text = (
        f"Signal of the {len(names)} largest regions, % of the mean of each run. Shaded: 5 s after {contrast[0]} (blue) and {contrast[1]} (orange); "
        f"crosses: {int((~kept).sum())} volumes left out. Means in the same runs: {'; '.join(words)}."
    )
    return html(png(figure), text)


def _reliability(told):
    found = told["Numbers"]["split_halves"]
    if found is None:
        return "Not measured: halves of the runs take four runs or more, and a mask of 40 voxels or more."
    return (
        f"The runs were split into random halves, {found['splits']} times. Each half chose the {found['voxels']} voxels with the largest t of "
        f"each sign. The two halves' choices overlap by {found['dice']:.2f} (Dice; by chance {found['by_chance']:.2f}). The contrast in "
        f"these voxels is {found['circular']:.3g} in the runs that chose them, and {found['held_out']:.3g} in the other runs: the second "
        "number is the honest one."
    )


def _settings(told):
    rows = [(key, _words(value)) for key, value in told["Settings"].items()]
    versions = ", ".join(f"{name} {number}" for name, number in told["Versions"].items())
    inputs = [(name, ", ".join(f"{key} {value}" for key, value in content.items())) for name, content in told["Inputs"].items()]
    return (
        _table(("setting", "value"), rows) + f"<p>{escape(versions)}. Fingerprint of settings and files: <code>{escape(told['Fingerprint'])}</code></p>"
        f"<details><summary>Files that were read</summary>{_table(('file', 'content'), inputs)}</details>"
    )


def _words(value):
    return ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else "none" if value is None else str(value)


# ---- pictures ----


def _figure(width, height, rows=1):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, 1, sharex=True)


def cuts(mean_img, coords, *, values=None, labels=None, colours="viridis", limits=None, name=""):
    """Three cuts through the mean, with a map or a mask over it.

    Parameters
    ----------
    mean_img : 3D image
    coords : (x, y, z) in mm
    values : 3D image, optional
        A map, drawn where it is not 0, with a colour bar.
    labels : 3D image, optional
        A mask.
    colours : str or list of str
        Colour map, or the colour of the mask.
    limits : pair of float, optional
        Of the colour map.
    name : str
        Of the colour bar.

    Returns
    -------
    matplotlib Figure
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    back = nib.as_closest_canonical(mean_img)  # left to right, back to front, bottom to top
    over = nib.as_closest_canonical(values if values is not None else labels)
    grey, layer = read_array(back), read_array(over).astype(np.float64)
    layer = np.where(layer != 0, layer, np.nan)
    voxel = np.round(apply_affine(np.linalg.inv(back.affine), coords)).astype(int)
    voxel = np.clip(voxel, 0, np.array(grey.shape) - 1)
    sizes = np.sqrt((back.affine[:3, :3] ** 2).sum(axis=0))
    bright = float(np.percentile(grey[grey > 0], 99)) if (grey > 0).any() else 1.0
    if values is None:
        drawing = {"cmap": ListedColormap(colours), "vmin": 0, "vmax": 1, "alpha": 0.75}
    else:
        low, high = limits or (0, float(np.nanmax(layer)) if np.isfinite(layer).any() else 1.0)
        drawing = {"cmap": colours, "vmin": low, "vmax": high}
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    drawn = None
    for axis, (fixed, across, up) in zip(figure.subplots(1, 3), ((0, 1, 2), (1, 0, 2), (2, 0, 1)), strict=True):
        one, other = (array.take(voxel[fixed], fixed).T for array in (grey, layer))
        aspect = sizes[up] / sizes[across]
        axis.imshow(one, origin="lower", cmap="gray", vmin=0, vmax=bright, aspect=aspect, interpolation="nearest")
        drawn = axis.imshow(other, origin="lower", aspect=aspect, interpolation="nearest", **drawing)
        place = apply_affine(back.affine, voxel)[fixed]
        axis.set_title(f"{'xyz'[fixed]} = {place:.0f} mm", fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
        ends = ("back", "front") if across == 1 else ("left", "right")
        axis.set_xlabel(f"{ends[0]}  -  {ends[1]}", fontsize=9)
    if values is not None:
        figure.colorbar(drawn, ax=figure.axes, shrink=0.8, label=name)
    return figure
