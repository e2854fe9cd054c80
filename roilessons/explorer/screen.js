// The explorer's page: follows the controls, computes what they decide, draws it. See screen.py for what the kernel gives.

import { cells, COLUMNS, decide, describe, describeScore, fixed, look, matches, nearestVoxel, nifti, place, indexOf, score, thousands } from "./decisions.js";
import { arrange, boxPlots, drawCuts, element, legend, swatch, voxelAt } from "./pictures.js";

const engines = new Map(); // by key: what all views of one explorer on this page share
const NARROW = 700; // CSS pixels: below it, one column
const SIDE = 210; // CSS pixels for what stands beside the cuts
const ROWS = 100; // of the table, at most
const FEW = 36; // so many states have their box plots asked for beforehand
const GONE = "The kernel was restarted or has ended: this picture still answers, but Python no longer follows. Run the cell again.";
const REST = 500; // ms until a busy kernel is looked at again
const STILL = 300; // ms without a change, after which a state can be gone back to

const modelOf = (model, reference) => model.widget_manager.get_model(reference.slice("IPY_MODEL_".length));
const typed = (Kind, view) => new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
// Box plots are of the largest ROIs: a smallest size leaves the last of them out, and asks for nothing.
const keyOfBoxes = (decisions) => JSON.stringify({ ...decisions, minimum_size: 1 });
const keyOf = (fwhm, test) => `${Number(fwhm)} ${test}`;

// At most once a frame, at once if the last time is longer ago, and last of all with the last state.
function onceAFrame(act) {
  let [frame, asked] = [null, false];
  const run = () => {
    frame = null;
    if (!asked) return;
    asked = false;
    frame = requestAnimationFrame(run);
    act();
  };
  return () => {
    asked = true;
    if (frame === null) run();
  };
}

class Engine {
  constructor(model) {
    this.model = model;
    this.setup = model.get("setup");
    this.views = new Set();
    this.known = new Map(); // maps, by width of smoothing and test
    this.asked = new Set();
    this.boxes = new Map(); // box plots, by decisions
    const data = model.get("data");
    this.volumes = {};
    for (const name of ["mask_vt", "truth"]) if (data[name]) this.volumes[name] = this.spread(data[name].inside, typed(Uint8Array, data[name][name]));
    this.learn(this.setup.maps, data.maps);
    this.place = model.get("place");
    this.refresh = onceAFrame(() => this.views.forEach((show) => show()));
  }

  async start() {
    const { model } = this;
    const models = async (name) =>
      Object.fromEntries(await Promise.all(Object.entries(model.get(name)).map(async ([key, ref]) => [key, await modelOf(model, ref)])));
    [this.controls, this.switches] = await Promise.all([models("controls"), models("switches")]);
    this.axes = ["x", "y", "z"].map((axis) => this.controls[axis]).filter(Boolean);
    const follow = onceAFrame(() => this.follow());
    for (const control of Object.values(this.controls)) control.on("change:value change:index", follow, this);
    for (const control of Object.values(this.switches)) control.on("change:value", this.refresh, this);
    model.on("change:place", () => this.goTo(model.get("place"), false));
    model.on("msg:custom", (content, buffers) => this.hear(content, buffers));
    this.layout = model.get("layout"); // a model like any other, which knows whether a kernel is behind it
    this.layout?.on?.("comm_live_update", this.refresh, this);
    this.wasLive = this.live();
    this.follow();
    this.history = { states: [this.decisions], at: 0 };
  }

  // JupyterLab keeps the models of closed widgets: this one gives back what it holds.
  stop() {
    this.model.off();
    for (const [name, empty] of [["data", {}], ["code", ""], ["setup", {}]]) this.model.set(name, empty); // a model remembers its last value but one
    for (const control of [...Object.values(this.controls ?? {}), ...Object.values(this.switches ?? {}), this.layout]) control?.off?.(null, null, this);
    clearTimeout(this.timer);
    clearTimeout(this.later);
  }

  live() {
    return Boolean(this.layout?.comm_live);
  }

  // ---- what the kernel gives ----

  // A volume from the values of the voxels whose bit is set.
  spread(inside, values) {
    const bits = typed(Uint8Array, inside);
    const volume = new values.constructor(this.setup.grid.shape.reduce((a, b) => a * b));
    let n = 0;
    for (let i = 0; i < volume.length; i++) if (bits[i >> 3] & (128 >> (i & 7))) volume[i] = values[n++];
    return volume;
  }

  learn({ fwhm, test, note }, data) {
    this.known.set(keyOf(fwhm, test), { note, data });
  }

  ask(question) {
    const key = JSON.stringify(question);
    if (this.asked.has(key) || !this.live()) return;
    this.asked.add(key);
    this.model.send(question);
  }

  hear(content, buffers) {
    this.asked.delete(JSON.stringify(content.question));
    if (content.maps) {
      const data = Object.fromEntries(content.names.map((name, i) => [name, buffers[i]]));
      this.learn(content.maps, data);
    } else if (content.error && content.question.ask === "maps") this.known.set(keyOf(content.question.fwhm, content.question.test), { error: content.error });
    else if (content.question?.ask === "turn") this.turned = content.question.on && !content.error;
    else if (content.question?.ask === "boxes") this.boxes.set(keyOfBoxes(content.question.decisions), content);
    this.follow();
  }

  // ---- decisions ----

  read() {
    const taken = { ...this.setup.decisions };
    for (const name of Object.keys(taken)) {
      const control = this.controls[name];
      if (control) taken[name] = control.get("index") === undefined ? control.get("value") : this.setup.values[name][control.get("index")];
    }
    return taken;
  }

  // Set controls, as a hand would; what has no control stays.
  write(decisions) {
    for (const [name, value] of Object.entries(decisions)) {
      const control = this.controls[name];
      if (!control) continue;
      if (control.get("index") === undefined) control.set("value", value);
      else control.set("index", this.setup.values[name].indexOf(value));
      control.save_changes();
    }
  }

  follow() {
    if (this.axes.length && !this.moving) {
      const mm = this.axes.map((axis) => axis.get("value"));
      if (String(mm) !== String(this.place)) this.goTo(mm, true);
    }
    const wanted = this.read();
    if (JSON.stringify(wanted) !== JSON.stringify(this.decisions) || this.waiting || this.problem) {
      const maps = this.known.get(keyOf(wanted.fwhm, wanted.test)) ?? (this.setup.contrast.length ? null : this.known.get(keyOf(wanted.fwhm, "volumes")));
      this.waiting = !maps;
      this.problem = maps?.error ?? "";
      if (!maps) this.ask({ ask: "maps", fwhm: wanted.fwhm, test: wanted.test });
      else if (!this.problem) this.decide(wanted, maps);
    }
    this.askForMore(wanted);
    this.refresh();
  }

  decide(wanted, maps) {
    const { grid, contrast, upto, score } = this.setup;
    if (maps !== this.maps) {
      if (wanted.fwhm !== this.decisions?.fwhm) for (const one of this.known.values()) delete one.volumes; // a width's are kept, of both tests
      this.maps = maps;
      const { inside, ...packed } = maps.data;
      maps.volumes ??= Object.fromEntries(Object.entries(packed).map(([name, values]) => [name, this.spread(inside, typed(Float32Array, values))]));
      Object.assign(this.volumes, maps.volumes);
    }
    const volumes = this.volumes;
    const result = volumes.log_p && upto !== "mean" ? decide({ logP: volumes.log_p, t: volumes.t }, volumes.mask_vt, wanted, grid, contrast) : null;
    Object.assign(this, { decisions: wanted, result });
    Object.assign(volumes, { mask: result?.mask, dilated: result?.dilated, labels: result?.labels });
    this.said = describe(result, wanted, upto);
    if (wanted.test === "runs" && maps.note) this.said += `\n${maps.note}`;
    if (score && result) this.said += `\n${describeScore(result.labels, volumes.truth, score.areas)}`;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.remember(), STILL);
  }

  // The other test's maps, and box plots: of this state at once, of the others when the kernel has nothing else to do.
  askForMore(wanted) {
    if (this.waiting || this.problem) return;
    for (const test of this.setup.values.test ?? []) if (!this.known.has(keyOf(wanted.fwhm, test))) this.ask({ ask: "maps", fwhm: wanted.fwhm, test });
    if (!this.setup.signals) return;
    const states = this.states ?? [wanted];
    const first = [wanted, ...states].map(keyOfBoxes).find((key) => !this.boxes.has(key));
    if (!first || [...this.asked].some((key) => key.includes('"boxes"'))) return;
    clearTimeout(this.later);
    if (first !== keyOfBoxes(wanted) && this.model.widget_manager.kernel?.status === "busy") this.later = setTimeout(() => this.askForMore(this.read()), REST);
    else this.ask({ ask: "boxes", decisions: JSON.parse(first) });
  }

  // All states that the controls can be in, where these are few.
  get states() {
    let states = [this.setup.decisions];
    for (const [name, values] of Object.entries(this.setup.values)) {
      states = states.flatMap((state) => values.map((value) => ({ ...state, [name]: value })));
      if (states.length > FEW) return null;
    }
    return states;
  }

  // ---- place ----

  // Take the crosshair to a place in mm; sliders of x, y and z follow unless they came first.
  goTo(mm, fromSliders) {
    if (String(mm) === String(this.place)) return;
    this.place = [...mm];
    if (!fromSliders) {
      this.moving = true; // one slider after the other: what they say in between is no place
      this.axes.forEach((axis, i) => {
        axis.set("value", mm[i]);
        axis.save_changes();
      });
      this.moving = false;
    }
    this.model.set("place", this.place);
    this.model.save_changes();
    this.refresh();
  }

  get voxel() {
    return nearestVoxel(this.setup.grid, this.place);
  }

  goToVoxel(voxel) {
    const { limits, affine } = this.setup.grid;
    this.goTo(place(affine, voxel).map((mm, axis) => Math.min(Math.max(mm, limits[axis][0]), limits[axis][1])), false);
  }

  // ---- back and forth ----

  remember() {
    const { history, decisions } = this;
    if (!history || JSON.stringify(history.states[history.at]) === JSON.stringify(decisions)) return;
    history.states.splice(history.at + 1, Infinity, decisions);
    history.at++;
    if (this.turned) this.turn(true);
    this.refresh();
  }

  travel(by) {
    this.remember();
    const state = this.history.states[this.history.at + by];
    if (!state) return;
    this.history.at += by;
    this.write(state);
    this.refresh();
  }

  // ---- a result kept, to be compared with the present one ----

  keep() {
    this.kept = this.kept ? null : { decisions: this.decisions, result: this.result };
    this.refresh();
  }

  // ---- the head in 3D, by NiiVue: the kernel makes it, with the decisions as they are ----

  turn(on) {
    this.turned = on;
    this.ask({ ask: "turn", on, decisions: this.decisions });
    this.refresh();
  }

  code() {
    const { wanted, layers_given: given, contrast, presets } = this.setup;
    const say = (value) => (typeof value === "boolean" ? (value ? "True" : "False") : typeof value === "string" ? JSON.stringify(value) : String(value));
    const changed = Object.entries(this.decisions).filter(([name, value]) => presets["The tutorial's"][name] !== value);
    const more = [
      ...(given ? [`layers=[${given.map(say).join(", ")}]`] : []),
      ...(contrast.length && String(contrast) !== "face,house" ? [`contrast=(${contrast.map(say).join(", ")})`] : []),
      ...changed.map(([name, value]) => `${name}=${say(value)}`),
    ];
    return `explorer = rl.explore(${["subject", ...wanted.map(say), ...more].join(", ")})\nexplorer`;
  }

  // What the colours depend on.
  get looks() {
    const { brightest, palette, map } = this.setup;
    return { threshold: this.decisions.threshold, brightest, palette, map };
  }

  // What the page has to say of the kernel.
  get note() {
    if (this.wasLive && !this.live()) return GONE;
    if (this.waiting) return this.live() ? "Working on this map ..." : "This page does not hold this map.";
    return "";
  }

  get named() {
    return this.setup.layers.filter(({ name }) => this.volumes[name]).map((layer) => [layer.name, layer.called, this.volumes[layer.name]]);
  }
}

// ---- what is on the page ----

function download(name, content) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The table with the columns of Python's.
function csv(engine) {
  const rows = engine.result.table.map((row) => [row.label, row.voxels, row.mm3, row.hemisphere, ...row.peak, row.logP, row.sign, ...(row.prefers ? [row.prefers] : [])]);
  const names = ["label", "voxels", "mm3", "hemisphere", "peak_x", "peak_y", "peak_z", "peak_log10_p", "sign", ...(engine.decisions.test === "runs" ? ["prefers"] : [])];
  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  return [names, ...rows].map((row) => row.map(quoted).join(",") + "\n").join("");
}

function toolbar(engine) {
  const button = (words, act) => {
    const made = element("button", { type: "button", class: "roilessons-button" }, words);
    made.addEventListener("click", act);
    return made;
  };
  const undo = button("Undo", () => engine.travel(-1));
  const redo = button("Redo", () => engine.travel(1));
  const code = element("pre", { class: "roilessons-code", tabindex: "0", "aria-label": "Code of this state", hidden: "" });
  const copy = button("Copy as code", async () => {
    code.hidden = !code.hidden;
    code.textContent = engine.code();
    if (!code.hidden) await navigator.clipboard?.writeText(engine.code()).catch(() => {});
  });
  const turn = button("Turn in 3D", () => engine.turn(!engine.turned));
  turn.classList.add("roilessons-asks");
  const reset = button("Reset", () => engine.write(engine.setup.decisions));
  const bar = element("div", { class: "roilessons-toolbar", role: "group", "aria-label": "Decisions" }, reset, undo, redo);
  const decisions = Object.keys(engine.setup.decisions).filter((name) => engine.controls[name]);
  if (decisions.length > 3)
    for (const [name, preset] of Object.entries(engine.setup.presets)) bar.append(button(name, () => engine.write(preset)));
  bar.append(copy, turn);
  const keep = button("Keep as A", () => engine.keep());
  if (engine.setup.upto === "labels" && decisions.length > 3) {
    const atlas = async () => {
      const packed = new Blob([nifti(engine.result.labels, engine.setup.grid)]).stream().pipeThrough(new CompressionStream("gzip"));
      download("atlas.nii.gz", await new Response(packed).blob());
    };
    bar.append(keep, button("Download table", () => download("rois.csv", csv(engine))), button("Download atlas", atlas));
    bar.append(button("Download decisions", () => download("decisions.json", JSON.stringify(engine.decisions, null, 2))));
  }
  bar.append(code);
  if (!decisions.length) for (const one of [reset, undo, redo, copy]) one.hidden = true;
  const show = () => {
    turn.textContent = engine.turned ? "Close 3D" : "Turn in 3D";
    turn.disabled = !engine.live();
    keep.textContent = engine.kept ? "Forget A" : "Keep as A";
    undo.disabled = !engine.history || engine.history.at === 0;
    redo.disabled = !engine.history || engine.history.at === engine.history.states.length - 1;
  };
  return [bar, show];
}

function table(engine) {
  const box = element("div", { class: "roilessons-table", role: "region", tabindex: "0", "aria-label": "Table of the ROIs" });
  let [drawn, here] = [null, null];
  const show = () => {
    const { result, volumes, setup } = engine;
    if (setup.upto !== "labels" || !result?.table) return;
    const marked = volumes.labels[indexOf(engine.voxel, setup.grid.shape)];
    if (drawn === result && here === marked) return;
    if (drawn !== result) {
      const rows = result.table.slice(0, ROWS).map((row) => {
        const [number, ...others] = cells(row, setup.contrast, setup.grid.decimals);
        const go = element("button", { type: "button", class: "roilessons-button", title: "Go to its peak", "aria-label": `ROI ${number}: go to its peak` });
        go.append(swatch(setup.palette[(row.label - 1) % setup.palette.length]), number);
        go.addEventListener("click", () => engine.goToVoxel(nearestVoxel(setup.grid, row.peak)));
        return element("tr", {}, element("th", { scope: "row" }, go), ...others.map((text) => element("td", {}, text)));
      });
      const more = result.table.length > ROWS ? `The ${ROWS} largest of ${result.table.length} ROIs` : "ROIs; a row's number takes the crosshair to its peak";
      const head = element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)));
      box.replaceChildren(element("table", {}, element("caption", {}, more), element("thead", {}, head), element("tbody", {}, ...rows)));
    }
    box.querySelectorAll("tbody tr").forEach((row, i) => row.toggleAttribute("aria-current", i + 1 === marked));
    [drawn, here] = [result, marked];
  };
  return [box, show];
}

const inWords = (value) => (value === true ? "yes" : value === false ? "no" : String(value));

// The kept result beside the present one.
function comparison(engine) {
  const box = element("div", { class: "roilessons-table roilessons-compared", role: "region", tabindex: "0", "aria-label": "A beside the present state", hidden: "" });
  const rowsOf = (head, rows) => [element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, ...rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((text) => element("td", {}, text)))))];
  let drawn = [];
  const show = () => {
    const { kept, result, decisions, volumes, setup } = engine;
    box.hidden = !kept || !result;
    if (box.hidden || (drawn[0] === kept && drawn[1] === result)) return;
    drawn = [kept, result];
    const both = [kept.result, result];
    const shares = score(result.labels, kept.result.labels);
    const changed = Object.keys(decisions).filter((name) => kept.decisions[name] !== decisions[name]);
    const numbers = [
      ...changed.map((name) => [engine.controls[name]?.get("description") ?? name, inWords(kept.decisions[name]), inWords(decisions[name])]),
      ...["above the threshold", "in the mask", "dilated"].map((name, i) => [`voxels ${name}`, ...both.map(({ counts }) => thousands(counts[i]))]),
      ["ROIs", ...both.map(({ sizes }) => String(sizes.length))],
      ...(setup.score?.areas ? [["Dice with the planted areas", ...both.map(({ labels }) => fixed(score(labels, volumes.truth).dice, 2))]] : []),
    ];
    const rois = matches(kept.result, result).slice(0, ROWS).map(({ label, common, dice }, i) =>
      [String(i + 1), thousands(kept.result.sizes[i]), ...(label ? [String(label), thousands(result.sizes[label - 1]), thousands(common), fixed(dice, 2)] : ["none", "", "0", "0.00"])]);
    const said = kept.result.sizes.length && result.sizes.length ? `All ROIs together, A and now: Dice ${fixed(shares.dice, 2)}.` : "One of the two has no ROIs.";
    box.replaceChildren(
      element("p", { role: "status" }, `${said} A is outlined with dashes.`),
      element("table", {}, ...rowsOf(["decision or number", "A", "now"], numbers)),
      element("table", {}, ...rowsOf(["ROI of A", "voxels", "most of it now in", "voxels", "in both", "Dice"], rois)),
    );
  };
  return [box, show];
}

function plots(engine) {
  const box = element("div", { class: "roilessons-plots", role: "region", tabindex: "0", "aria-label": "Signals of the ROIs" });
  let drawn = [];
  const show = () => {
    const answer = engine.boxes.get(keyOfBoxes(engine.decisions));
    const rois = answer?.rois?.slice(0, engine.result.sizes.length) ?? [];
    box.style.opacity = answer ? 1 : 0.4;
    if (!answer || (answer === drawn[0] && rois.length === drawn[1])) return;
    drawn = [answer, rois.length];
    const said = answer.error ?? (rois.map(({ description }) => description).join(" ") || "No ROI, no box.");
    box.replaceChildren(element("figure", { role: "img", "aria-label": said }, ...boxPlots(rois)), element("p", {}, said));
  };
  return [box, show];
}

function cuts(engine) {
  const { grid } = engine.setup;
  const canvas = element("canvas", { tabindex: "0", role: "img", "aria-label": "Three cuts through the brain. Arrow keys move the crosshair along x and y, page up and down along z; what is there is written below." });
  let [arranged, drawn] = [arrange(grid, 600), []];
  const show = () => {
    const room = canvas.parentElement.clientWidth;
    if (!room) return;
    const shown = engine.setup.layers
      .filter(({ name }) => engine.volumes[name] && engine.switches[name]?.get("value") !== false)
      .map((layer) => [layer, engine.volumes[layer.name]]);
    const now = [room, globalThis.devicePixelRatio, engine.maps, engine.result, engine.kept, String(engine.voxel), shown.map(([{ name }]) => name).join()];
    if (now.every((one, i) => one === drawn[i])) return;
    drawn = now;
    arranged = arrange(grid, room < NARROW ? room : room - SIDE);
    Object.assign(canvas.style, { width: `${arranged.width}px`, height: `${arranged.height}px` });
    const { labels } = engine.volumes;
    const marked = shown.some(([layer]) => layer.name === "labels") ? labels[indexOf(engine.voxel, grid.shape)] : 0;
    drawCuts(canvas, grid, arranged, engine.voxel, shown, engine.looks, labels, marked, engine.kept?.result.labels);
  };
  const point = (event) => {
    const voxel = voxelAt(grid, arranged, event.offsetX, event.offsetY, engine.voxel);
    if (voxel && String(voxel) !== String(engine.voxel)) engine.goToVoxel(voxel);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    point(event);
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && point(event));
  const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1], PageDown: [2, -1], PageUp: [2, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [axis, by] = keys[event.key];
    const [along, direction] = grid.axes[axis];
    const voxel = engine.voxel;
    voxel[along] = Math.min(Math.max(voxel[along] + by * direction, 0), grid.shape[along] - 1);
    engine.goToVoxel(voxel);
  });
  return [canvas, show];
}

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// ipywidgets names none of its sliders for screen readers, and JupyterLab's keys, such as x, would cut the cell: it asks the
// element that has the focus whether its shortcuts are wanted.
function adopt(box) {
  for (const canvas of box.querySelectorAll(".roilessons-turn canvas")) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The head in 3D; drag to turn it. The numbers are in the table.");
  }
  for (const one of box.querySelectorAll("canvas, button, select, input, [tabindex]")) one.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const slider of box.querySelectorAll(".widget-slider"))
    slider.querySelector(".noUi-handle")?.setAttribute("aria-label", slider.querySelector("label").textContent);
}

function render({ model, el }) {
  const engine = engines.get(model.get("key"));
  let [stopped, leave] = [false, () => {}];
  const numbers = element("div", { class: "roilessons-says" });
  engine.ready.then(() => {
    if (stopped) return;
    const status = (name) => element("div", { class: `roilessons-${name}`, role: "status" });
    const [location, readout, note] = ["location", "readout", "note"].map(status);
    const key = element("ul", { class: "roilessons-legend", "aria-label": "Colours" });
    const [canvas, drawCanvas] = cuts(engine);
    const parts = [toolbar(engine), table(engine), comparison(engine), ...(engine.setup.signals ? [plots(engine)] : [])];
    el.append(canvas, element("div", { class: "roilessons-side" }, location, key, note));
    numbers.append(parts[0][0], readout, parts[1][0]);
    const below = parts.slice(2).map(([part]) => part);
    let explained = "";
    const show = () => {
      drawCanvas();
      write(readout, engine.problem || engine.said || "");
      write(location, look(engine.setup.grid, engine.place, engine.named));
      write(note, engine.note);
      const meaning = `${engine.looks.threshold} ${engine.result?.sizes?.length}`;
      if (meaning !== explained) key.replaceChildren(...legend(engine.setup.layers, engine.looks, engine.result?.sizes?.length ?? 0));
      explained = meaning;
      for (const [, update] of parts) update();
    };
    let box = null;
    const names = new MutationObserver(() => adopt(box));
    const fit = new ResizeObserver(() => {
      if (!box && (box = el.closest(".roilessons-explorer"))) {
        box.querySelector(".roilessons-numbers").append(numbers);
        const python = box.querySelector(".roilessons-turn"); // on a page that never had a kernel there is no such place
        for (const one of numbers.querySelectorAll(".roilessons-asks")) one.hidden = !python;
        box.querySelector(".roilessons-below").append(...below);
        adopt(box);
        names.observe(box, { childList: true, subtree: true });
      }
      box?.classList.toggle("roilessons-narrow", el.clientWidth < NARROW);
      show();
    });
    fit.observe(el);
    engine.views.add(show);
    leave = () => {
      fit.disconnect();
      names.disconnect();
      engine.views.delete(show);
      canvas.width = canvas.height = 0;
      for (const one of [...el.children, numbers, ...below]) one.remove();
    };
  });
  return () => {
    stopped = true;
    leave();
  };
}

export default {
  async initialize({ model }) {
    const key = model.get("key");
    const engine = new Engine(model);
    engines.set(key, engine);
    engine.ready = engine.start();
    return () => {
      engine.stop();
      engines.delete(key);
    };
  },
  render,
};
