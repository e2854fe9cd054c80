// From decisions to masks, ROIs and sentences, in the browser: what steps.py, inference/regions.py and decisions.py compute
// in Python, voxel for voxel and word for word. Pure functions on flat arrays; no page here.
//
// A grid is { shape: [nx, ny, nz], affine, inverse, voxelMm3, decimals }. A volume is a typed array in the order of a NumPy
// array (x, y, z): z runs fastest. Masks are Uint8Array of 0 and 1, labels Int32Array of 0, 1, 2, ...

// ---- steps ----

export function threshold(logP, least) {
  const value = Math.fround(least); // as NumPy compares a single-precision array with a number
  const mask = new Uint8Array(logP.length);
  for (let i = 0; i < mask.length; i++) mask[i] = logP[i] >= value ? 1 : 0;
  return mask;
}

export function intersect(mask, other) {
  const both = new Uint8Array(mask.length);
  for (let i = 0; i < both.length; i++) both[i] = mask[i] && other[i] ? 1 : 0;
  return both;
}

export function count(mask) {
  let n = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i]) n++;
  return n;
}

// Steps from a voxel to its neighbours, as [dx, dy, dz].
function neighbours(connectivity) {
  const most = { 6: 1, 18: 2, 26: 3 }[connectivity];
  const steps = [];
  for (const x of [-1, 0, 1])
    for (const y of [-1, 0, 1])
      for (const z of [-1, 0, 1]) {
        const far = Math.abs(x) + Math.abs(y) + Math.abs(z);
        if (far && far <= most) steps.push([x, y, z]);
      }
  return steps;
}

// Calls visit(j) for every neighbour j of voxel i that is in the grid.
function aroundOf([nx, ny, nz], connectivity) {
  const steps = neighbours(connectivity);
  return (i, visit) => {
    const z = i % nz;
    const y = ((i - z) / nz) % ny;
    const x = (i - z - y * nz) / (nz * ny);
    for (const [dx, dy, dz] of steps)
      if (x + dx >= 0 && x + dx < nx && y + dy >= 0 && y + dy < ny && z + dz >= 0 && z + dz < nz)
        visit(((x + dx) * ny + y + dy) * nz + z + dz);
  };
}

export function dilate(mask, shape, iterations) {
  const grown = mask.slice();
  const around = aroundOf(shape, 6);
  let rim = [];
  for (let i = 0; i < mask.length; i++) if (mask[i]) rim.push(i);
  for (let n = 0; n < iterations && rim.length; n++) {
    const next = [];
    for (const i of rim)
      around(i, (j) => {
        if (!grown[j]) next.push(j);
        grown[j] = 1;
      });
    rim = next;
  }
  return grown;
}

// Connected components by size, those of one size in the order of their first voxel: { labels, sizes }.
export function label(mask, shape, connectivity, minimumSize) {
  const found = new Int32Array(mask.length);
  const around = aroundOf(shape, connectivity);
  const sizes = [];
  const stack = [];
  for (let first = 0; first < mask.length; first++) {
    if (!mask[first] || found[first]) continue;
    const number = sizes.push(0);
    found[first] = number;
    stack.push(first);
    while (stack.length) {
      const i = stack.pop();
      sizes[number - 1]++;
      around(i, (j) => {
        if (!mask[j] || found[j]) return;
        found[j] = number;
        stack.push(j);
      });
    }
  }
  return inOrder(found, sizes, minimumSize);
}

// Numbers components anew, in place: the largest is 1, those below a size are left out. Array.sort keeps the order of equals.
function inOrder(found, sizes, minimumSize) {
  const order = [...sizes.keys()].filter((i) => sizes[i] >= minimumSize).sort((a, b) => sizes[b] - sizes[a]);
  const rank = new Int32Array(sizes.length + 1);
  order.forEach((component, i) => (rank[component + 1] = i + 1));
  for (let i = 0; i < found.length; i++) if (found[i]) found[i] = rank[found[i]];
  return { labels: found, sizes: order.map((i) => sizes[i]), order };
}

// ROIs that prefer one condition each, before dilation `mask`: { labels, sizes, prefers }.
export function labelBySign(mask, t, shape, contrast, iterations, connectivity, minimumSize) {
  const halves = [new Uint8Array(mask.length), new Uint8Array(mask.length)];
  for (let i = 0; i < mask.length; i++) if (mask[i] && t[i]) halves[t[i] > 0 ? 0 : 1][i] = 1;
  const [first, second] = halves.map((half) => dilate(half, shape, iterations));
  for (let i = 0; i < mask.length; i++) if (first[i] && second[i]) (t[i] < 0 ? first : second)[i] = 0;
  const sides = [first, second].map((side) => label(side, shape, connectivity, minimumSize));
  const [found, before] = [sides[0].labels, sides[0].sizes.length];
  for (let i = 0; i < mask.length; i++) if (sides[1].labels[i]) found[i] = sides[1].labels[i] + before;
  const { labels, sizes, order } = inOrder(found, [...sides[0].sizes, ...sides[1].sizes], 1);
  return { labels, sizes, prefers: order.map((i) => contrast[i < before ? 0 : 1]) };
}

// One row per ROI, as `roi_table` and, where `prefers` is given, `preference_table`.
export function roiTable({ labels, sizes, prefers }, t, logP, grid, contrast) {
  const rows = sizes.map((voxels, i) => ({ label: i + 1, voxels, sum: [0, 0, 0], peak: -1, height: -1 }));
  const signOf = (row) => (prefers ? (prefers[row.label - 1] === contrast[0] ? 1 : -1) : 0);
  for (let i = 0; i < labels.length; i++) {
    if (!labels[i]) continue;
    const row = rows[labels[i] - 1];
    const at = voxelOf(i, grid.shape);
    for (let axis = 0; axis < 3; axis++) row.sum[axis] += at[axis];
    const sign = signOf(row);
    const height = sign && !(sign * t[i] > 0) ? 0 : logP[i] + Math.abs(t[i]); // orders voxels as |t| does; the book has |t| only beyond the cap
    if (height > row.height) Object.assign(row, { height, peak: i });
  }
  return rows.map((row) => {
    const centre = place(grid.affine, row.sum.map((n) => n / row.voxels));
    const peak = place(grid.affine, voxelOf(row.peak, grid.shape)).map((mm) => rounded(mm, 2));
    return {
      label: row.label,
      voxels: row.voxels,
      mm3: rounded(row.voxels * grid.voxelMm3, grid.decimals),
      hemisphere: centre[0] < 0 ? "left" : "right",
      peak,
      logP: Number(fixed(logP[row.peak], 4)),
      sign: row.height > 0 ? Math.sign(t[row.peak]) : 0,
      ...(prefers ? { prefers: prefers[row.label - 1] } : {}),
    };
  });
}

// The shares of `score`'s row "all"; a share of nothing is NaN.
export function score(mask, truth) {
  let [planted, found, size] = [0, 0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (truth[i]) planted++;
    if (mask[i]) size++;
    if (truth[i] && mask[i]) found++;
  }
  return { dice: (2 * found) / (planted + size), sensitivity: found / planted, falseShare: (size - found) / size };
}

// For each ROI of one result the ROI of another that holds most of it: { label: 0 for none, common, dice }, common in voxels.
export function matches(one, other) {
  const common = one.sizes.map(() => new Map());
  for (let i = 0; i < one.labels.length; i++) {
    const [here, there] = [one.labels[i], other.labels[i]];
    if (here && there) common[here - 1].set(there, (common[here - 1].get(there) ?? 0) + 1);
  }
  return common.map((shares, i) => {
    const [label, most] = [...shares].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0] ?? [0, 0];
    return { label, common: most, dice: label ? (2 * most) / (one.sizes[i] + other.sizes[label - 1]) : 0 };
  });
}

// Everything that follows from decisions. `maps` is { logP, t }, `t` only where ROIs are labelled.
export function decide(maps, maskVt, decisions, grid, contrast) {
  const thresholded = threshold(maps.logP, decisions.threshold);
  const mask = decisions.intersection ? intersect(thresholded, maskVt) : thresholded;
  const dilated = dilate(mask, grid.shape, decisions.iterations);
  const counts = [thresholded, mask, dilated].map(count);
  if (!maps.t) return { mask, dilated, counts };
  const how = [decisions.connectivity, decisions.minimum_size];
  const rois =
    decisions.test === "runs"
      ? labelBySign(mask, maps.t, grid.shape, contrast, decisions.iterations, ...how)
      : label(dilated, grid.shape, ...how);
  return { mask, dilated, counts, labels: rois.labels, sizes: rois.sizes, table: roiTable(rois, maps.t, maps.logP, grid, contrast) };
}

// Labels as a file, NIfTI-1 (https://nifti.nimh.nih.gov/nifti-1): a header of 352 bytes, then whole numbers, x running fastest.
export function nifti(labels, { shape: [nx, ny, nz], affine }) {
  const file = new DataView(new ArrayBuffer(352 + 4 * labels.length));
  const put = (kind, bytes, at, ...values) => values.forEach((value, i) => file[`set${kind}`](at + i * bytes, value, true));
  put("Int32", 4, 0, 348);
  put("Int16", 2, 40, 3, nx, ny, nz, 1, 1, 1, 1);
  put("Int16", 2, 70, 8, 32); // whole numbers of 32 bits
  put("Float32", 4, 76, 1, ...[0, 1, 2].map((axis) => Math.hypot(...affine.slice(0, 3).map((row) => row[axis]))), 1, 1, 1, 1);
  put("Float32", 4, 108, 352, 1); // where the numbers begin, and that they are what they say
  put("Uint8", 1, 123, 2); // mm
  put("Int16", 2, 254, 2); // how the affine is meant: aligned
  put("Float32", 4, 280, ...affine.slice(0, 3).flat());
  put("Uint8", 1, 344, 0x6e, 0x2b, 0x31); // "n+1"
  let at = 352;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) for (let x = 0; x < nx; x++, at += 4) file.setInt32(at, labels[(x * ny + y) * nz + z], true);
  return file.buffer;
}

// ---- places ----

export function place(affine, voxel) {
  return affine.slice(0, 3).map((row) => row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3]);
}

export function voxelOf(i, [, ny, nz]) {
  return [Math.floor(i / (ny * nz)), Math.floor(i / nz) % ny, i % nz];
}

export function indexOf([x, y, z], [, ny, nz]) {
  return (x * ny + y) * nz + z;
}

// The voxel whose centre is nearest to a place in mm, within the image.
export function nearestVoxel(grid, mm) {
  return place(grid.inverse, mm).map((n, axis) => Math.min(Math.max(toEven(n), 0), grid.shape[axis] - 1));
}

// ---- numbers as Python writes them ----

// To the nearest whole number; halves to the even one.
export function toEven(x) {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(x);
}

// As NumPy rounds.
export function rounded(x, decimals) {
  return toEven(x * 10 ** decimals) / 10 ** decimals;
}

// As f"{x:.{decimals}f}" does, from all digits of x: only a true half goes to the even digit.
export function fixed(x, decimals) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const digits = Math.abs(x).toFixed(100);
  const cut = digits.indexOf(".") + 1 + decimals;
  const kept = BigInt(digits.slice(0, cut).replace(".", ""));
  const rest = digits.slice(cut).replace(".", "");
  const half = "5".padEnd(rest.length, "0");
  const up = rest > half || (rest === half && kept % 2n === 1n) ? 1n : 0n;
  const text = String(kept + up).padStart(decimals + 1, "0");
  return sign + (decimals ? `${text.slice(0, -decimals)}.${text.slice(-decimals)}` : text);
}

// As f"{x:g}" does: six digits, no zeros at the end.
export function general(x) {
  if (x === 0) return "0";
  const [digits, exponent] = x.toExponential(5).split("e").map(Number);
  if (exponent < -4 || exponent > 5)
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  return String(Number(x.toPrecision(6)));
}

export function thousands(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

// ---- sentences ----

const voxels = (n) => (n === 1 ? "1 voxel" : `${thousands(n)} voxels`);

// The numbers of a result, one line per step, up to "mean", "log_p", "mask", "dilated" or "labels".
export function describe(result, decisions, upto) {
  if (upto === "mean" || !result) return decisions.fwhm ? `Smoothed by ${general(decisions.fwhm)} mm (FWHM).` : "Not smoothed.";
  const [kept, inside, grown] = result.counts;
  const by = decisions.test === "runs" ? " by the test across runs, p not corrected" : "";
  const lines = [`Threshold ${general(decisions.threshold)}: ${voxels(kept)} at or above it${by}.`];
  if (upto !== "log_p") lines.push(`${decisions.intersection ? "In the" : "No"} VT mask: ${voxels(inside)}.`);
  if (upto === "dilated" || upto === "labels")
    lines.push(`After ${decisions.iterations} dilation${decisions.iterations === 1 ? "" : "s"}: ${voxels(grown)}.`);
  if (upto === "labels") {
    const { sizes } = result;
    const listed = sizes.slice(0, 8).join(", ") + (sizes.length > 8 ? ", ..." : "");
    const least = decisions.minimum_size > 1 ? ` of ${decisions.minimum_size} voxels or more` : "";
    const rois = `${sizes.length} ROI${sizes.length === 1 ? "" : "s"}`;
    lines.push(`${rois}${least} by ${decisions.connectivity}-connectivity${sizes.length ? `: ${listed} voxels` : ""}.`);
  }
  return lines.join("\n");
}

// `areas` is what the planted areas are called together.
export function describeScore(mask, truth, areas) {
  if (!areas) return "No score: no planted area differs enough between these two.";
  const { dice, sensitivity, falseShare } = score(mask, truth);
  if (!Number.isFinite(falseShare)) return `Against the planted ${areas}: nothing found.`;
  return (
    `Against the planted ${areas}: Dice ${fixed(dice, 2)}, sensitivity ${fixed(sensitivity, 2)}, ` +
    `${fixed(100 * falseShare, 0)} % of the voxels false.`
  );
}

// A -log10 p in words: 10 is the largest there is.
export function sayLogP(value) {
  return value >= 10 ? "10 (capped)" : fixed(value, 2);
}

// What is at a place: mm, voxel and the value of every layer there. `named` is [[layer, what it is called, volume], ...].
export function look(grid, mm, named) {
  const voxel = nearestVoxel(grid, mm);
  const at = indexOf(voxel, grid.shape);
  const [x, y, z] = mm.map((n) => fixed(rounded(n, 6), 1)); // a slider is off by less
  const parts = [`x ${x}, y ${y}, z ${z} mm`, `voxel ${voxel.join(", ")}`];
  for (const [layer, called, volume] of named) {
    const value = volume[at];
    if (layer === "log_p") parts.push(`${called} ${sayLogP(value)}`);
    else if (layer === "mean") parts.push(`${called} ${fixed(value, 2)}`);
    else if (called.includes("mask")) parts.push(`${called}: ${value ? "inside" : "outside"}`);
    else parts.push(`${called}: ${value || "none"}`);
  }
  return parts.join(" · ");
}

// The cells of the ROI table as they are read on the page.
export const COLUMNS = ["ROI", "voxels", "mm³", "side", "peak x, y, z (mm)", "-log10 p", "prefers"];

export function cells(row, contrast, decimals) {
  const [first, second] = row.sign < 0 ? [contrast[1], contrast[0]] : contrast;
  const mm3 = decimals === 1 ? thousands(fixed(row.mm3, 0)) : String(row.mm3);
  return [
    String(row.label), thousands(row.voxels), mm3, row.hemisphere, row.peak.map((mm) => fixed(mm, 1)).join(", "),
    sayLogP(row.logP), row.sign ? `${first} > ${second}` : "neither",
  ];
}
