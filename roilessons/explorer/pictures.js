// The pictures of an explorer: three cuts on a canvas, box plots as SVG, a legend. They read what they draw and keep nothing.

import { indexOf } from "./decisions.js";

// Left to right as nilearn draws them: [axis that is cut, axis to the right, axis upwards]; 0, 1, 2 are x, y, z.
const VIEWS = [[1, 0, 2], [0, 1, 2], [2, 0, 1]]; // prettier-ignore
const GAP = 6; // CSS pixels between two views
const TALLEST = 300; // CSS pixels

// Where the three views are, in CSS pixels, for a canvas that is at most `most` wide: { width, height, views }.
export function arrange(grid, most) {
  const mm = [0, 1, 2].map((axis) => grid.spacing[axis] * (grid.box[grid.axes[axis][0]][1] - grid.box[grid.axes[axis][0]][0] + 1));
  const [wide, tall] = [VIEWS.reduce((sum, [, right]) => sum + mm[right], 0), Math.max(...VIEWS.map(([, , up]) => mm[up]))];
  const scale = Math.max(0.1, Math.min((most - 2 * GAP) / wide, TALLEST / tall));
  let left = 0;
  const views = VIEWS.map(([cut, right, up]) => {
    const view = { cut, right, up, left, width: mm[right] * scale, height: mm[up] * scale };
    left += view.width + GAP;
    return view;
  });
  const height = tall * scale;
  for (const view of views) view.top = (height - view.height) / 2;
  return { width: left - GAP, height, views };
}

// How many voxels a view has along an axis of the world, and the voxel n steps to its right or up.
const length = (grid, axis) => grid.box[grid.axes[axis][0]][1] - grid.box[grid.axes[axis][0]][0] + 1;
function step(grid, axis, n) {
  const [along, direction] = grid.axes[axis];
  return direction > 0 ? grid.box[along][0] + n : grid.box[along][1] - n;
}
function stepOf(grid, axis, voxel) {
  const [along, direction] = grid.axes[axis];
  return direction > 0 ? voxel[along] - grid.box[along][0] : grid.box[along][1] - voxel[along];
}

// The voxel under a point of the canvas, in CSS pixels, or null beside the views.
export function voxelAt(grid, { views }, x, y, voxel) {
  const view = views.find((v) => x >= v.left && x < v.left + v.width && y >= v.top && y < v.top + v.height);
  if (!view) return null;
  const found = [...voxel];
  const right = Math.floor(((x - view.left) / view.width) * length(grid, view.right));
  const up = Math.floor((1 - (y - view.top) / view.height) * length(grid, view.up));
  found[grid.axes[view.right][0]] = step(grid, view.right, right);
  found[grid.axes[view.up][0]] = step(grid, view.up, Math.min(up, length(grid, view.up) - 1));
  return found;
}

// Red, green, blue (0 to 255) and opacity (0 to 1) of every value that a layer shows, and which value that is; -1 for none.
function paintOf(layer, { threshold, brightest, palette, map }) {
  if (layer.name === "mean") return [Array.from({ length: 256 }, (_, i) => [i, i, i]), (value) => Math.max(0, Math.min(255, Math.round((255 * value) / brightest))) || 0];
  if (layer.name === "log_p") return [map, (value) => (value >= threshold ? Math.min(255, Math.floor(25.6 * value)) : -1)];
  if (layer.name === "labels") return [palette, (value) => (value > 0 ? (value - 1) % palette.length : -1)];
  return [[layer.colour], (value) => (value > 0 ? 0 : -1)];
}

// Draw the cuts. `shown` is [[layer, volume], ...] from the bottom up, `look` what colours depend on, `marked` the ROI's number
// under the crosshair, `kept` labels to be outlined with dashes or null.
export function drawCuts(canvas, grid, arranged, voxel, shown, look, labels, marked, kept) {
  const ratio = globalThis.devicePixelRatio || 1;
  const { width, height } = arranged;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (String(size) !== String([canvas.width, canvas.height])) [canvas.width, canvas.height] = size; // this alone takes new memory
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "black";
  context.fillRect(0, 0, width, height);
  const paints = shown.map(([layer]) => paintOf(layer, look));
  for (const view of arranged.views) {
    const [columns, rows] = [length(grid, view.right), length(grid, view.up)];
    const picture = new ImageData(columns, rows);
    const pixels = picture.data;
    const voxels = voxelsOf(grid, view, voxel);
    for (let n = 0; n < voxels.length; n++) pixels[4 * n + 3] = 255;
    shown.forEach(([{ opacity }, volume], layer) => {
      const [colours, which] = paints[layer];
      for (let n = 0; n < voxels.length; n++) {
        const colour = colours[which(volume[voxels[n]])];
        if (colour) for (let k = 0; k < 3; k++) pixels[4 * n + k] += (colour[k] - pixels[4 * n + k]) * opacity;
      }
    });
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(picture, 0, 0);
    context.drawImage(small, view.left, view.top, view.width, view.height);
    const [w, h] = [view.width / columns, view.height / rows];
    const within = (isIn) => (column, row) => column >= 0 && column < columns && row >= 0 && row < rows && isIn(voxels[row * columns + column]);
    const corner = (column, row) => [view.left + column * w, view.top + row * h];
    if (marked) outline(context, columns, rows, within((i) => labels[i] === marked), corner);
    if (kept) outline(context, columns, rows, within((i) => kept[i] > 0), corner, true);
    crosshair(context, view, (stepOf(grid, view.right, voxel) + 0.5) * w, view.height - (stepOf(grid, view.up, voxel) + 0.5) * h);
    letters(context, view);
  }
}

// Where in a volume the pixels of a view are found, row by row.
function voxelsOf(grid, view, voxel) {
  const [columns, rows] = [length(grid, view.right), length(grid, view.up)];
  const found = new Int32Array(columns * rows);
  const at = [...voxel];
  for (let row = 0; row < rows; row++) {
    at[grid.axes[view.up][0]] = step(grid, view.up, rows - 1 - row);
    for (let column = 0; column < columns; column++) {
      at[grid.axes[view.right][0]] = step(grid, view.right, column);
      found[row * columns + column] = indexOf(at, grid.shape);
    }
  }
  return found;
}

const SIDES = [[-1, 0, [0, 0], [0, 1]], [1, 0, [1, 0], [1, 1]], [0, -1, [0, 0], [1, 0]], [0, 1, [0, 1], [1, 1]]]; // prettier-ignore

// A white line around the pixels that are inside a region, or one of black and white dashes.
function outline(context, columns, rows, inside, corner, dashed = false) {
  context.strokeStyle = "white";
  context.lineWidth = 1.5;
  context.beginPath();
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      if (!inside(x, y)) continue;
      for (const [dx, dy, from, to] of SIDES) {
        if (inside(x + dx, y + dy)) continue;
        context.moveTo(...corner(x + from[0], y + from[1]));
        context.lineTo(...corner(x + to[0], y + to[1]));
      }
    }
  context.stroke();
  if (!dashed) return;
  context.strokeStyle = "black";
  context.setLineDash([3, 3]);
  context.stroke();
  context.setLineDash([]);
}

function crosshair(context, view, x, y) {
  context.strokeStyle = "rgb(255 255 255 / 65%)";
  context.lineWidth = 1;
  context.beginPath();
  for (const [from, to] of [[[x, 0], [x, y - 6]], [[x, y + 6], [x, view.height]], [[0, y], [x - 6, y]], [[x + 6, y], [view.width, y]]]) { // prettier-ignore
    context.moveTo(view.left + from[0], view.top + from[1]);
    context.lineTo(view.left + to[0], view.top + to[1]);
  }
  context.stroke();
}

function letters(context, view) {
  if (view.right !== 0) return;
  context.font = "bold 15px sans-serif";
  context.fillStyle = "white";
  context.strokeStyle = "black";
  context.lineWidth = 3;
  context.textBaseline = "top";
  for (const [letter, align, x] of [["L", "left", view.left + 4], ["R", "right", view.left + view.width - 4]]) {
    context.textAlign = align;
    context.strokeText(letter, x, view.top + 4);
    context.fillText(letter, x, view.top + 4);
  }
}

// ---- elements of the page ----

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes and children; text stays text, whatever it holds.
export function element(name, attributes = {}, ...children) {
  const made = /^(svg|g|line|rect|circle|text|title)$/.test(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const rgb = (colour) => `rgb(${colour.join(" ")})`;

// What the colours of the layers mean, and the bar of the map's.
export function legend(layers, look, rois) {
  const items = layers.filter(({ name }) => name !== "mean").map((layer) => {
    if (layer.name === "log_p") {
      const stops = look.map.filter((_, i) => i % 15 === 0).map(rgb);
      const bar = element("span", { class: "roilessons-bar", style: `background: linear-gradient(to right, ${stops})` });
      bar.append(element("span", { style: `left: ${Math.min(100, 10 * look.threshold)}%` }));
      return element("li", {}, `${layer.called} 0`, bar, "10 or more; shown from ", element("b", {}, String(Math.round(100 * look.threshold) / 100)));
    }
    const colours = layer.name === "labels" ? look.palette.slice(0, Math.max(1, Math.min(rois, look.palette.length))) : [layer.colour];
    return element("li", {}, ...colours.map(swatch), layer.name === "labels" ? `${layer.called} 1, 2, ...` : layer.called);
  });
  return items;
}

export function swatch(colour) {
  return element("span", { class: "roilessons-swatch", style: `background: ${rgb(colour)}` });
}

// Box plots of ROIs: [{ roi, boxes: [{ condition, colour, low, q1, median, q3, high, beyond }] }].
export function boxPlots(rois) {
  return rois.map(({ roi, boxes }) => {
    const values = boxes.flatMap((box) => [box.low, box.high, ...box.beyond]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const [left, top, height, column] = [46, 24, 150, 24];
    const y = (value) => top + height * (1 - (value - least) / (most - least || 1));
    const width = left + column * boxes.length + 6;
    const text = (x, at, words, more = {}) => element("text", { x, y: at, "font-size": 11, fill: "currentColor", ...more }, words);
    const line = (x1, y1, x2, y2, more = {}) => element("line", { x1, y1, x2, y2, stroke: "currentColor", ...more });
    const svg = element("svg", { viewBox: `0 0 ${width} ${top + height + 66}`, width, "aria-hidden": "true" });
    svg.append(text(left, 14, roi, { "font-weight": "bold" }), line(left - 4, top, left - 4, top + height));
    for (const value of [least, (least + most) / 2, most])
      svg.append(text(left - 8, y(value) + 4, value.toPrecision(4), { "text-anchor": "end" }), line(left - 7, y(value), left - 4, y(value)));
    boxes.forEach((box, i) => {
      const [x, w] = [left + column * i + 3, column - 8];
      const middle = x + w / 2;
      svg.append(line(middle, y(box.low), middle, y(box.q1)), line(middle, y(box.q3), middle, y(box.high)));
      svg.append(line(x + 3, y(box.low), x + w - 3, y(box.low)), line(x + 3, y(box.high), x + w - 3, y(box.high)));
      svg.append(element("rect", { x, y: y(box.q3), width: w, height: Math.max(0.5, y(box.q1) - y(box.q3)), fill: box.colour, stroke: "currentColor" }));
      svg.append(line(x, y(box.median), x + w, y(box.median), { stroke: "black", "stroke-width": 2 }));
      for (const value of box.beyond) svg.append(element("circle", { cx: middle, cy: y(value), r: 1.5, fill: "none", stroke: "currentColor" }));
      svg.append(text(0, 0, box.condition, { transform: `translate(${middle + 4} ${top + height + 6}) rotate(90)` }));
    });
    return svg;
  });
}

