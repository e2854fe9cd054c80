// Explorers on a page without a kernel. The explorer's own code draws and computes; here are the models it reads, made of plain
// elements, and the files that stand for what a kernel would send.
import explorer from "./explorer.js";

class Model {
  constructor(values) {
    this.values = values;
    this.listeners = [];
  }
  get(name) {
    return this.values[name];
  }
  set(name, value) {
    if (Object.is(this.values[name], value)) return;
    this.values[name] = value;
    this.trigger(`change:${name}`);
  }
  save_changes() {}
  on(names, act, owner) {
    for (const name of names.split(" ")) this.listeners.push({ name, act, owner });
  }
  off(_names, _act, owner) {
    this.listeners = this.listeners.filter((one) => one.owner !== owner);
  }
  trigger(name, ...more) {
    for (const one of [...this.listeners]) if (one.name === name) one.act(...more);
  }
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const site = new URL("../", import.meta.url);
async function file(name) {
  const { body } = await fetch(new URL(`_static/explorers/${name}`, site));
  return new Uint8Array(await new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}
const pack = async (names) => Object.fromEntries(await Promise.all(Object.entries(names).map(async ([key, name]) => [key, await file(name)])));

// One control as plain HTML, and the model that the explorer reads.
function control(words, id) {
  if (words.options) {
    const model = new Model({ index: words.index, description: words.label });
    const select = element("select", { id }, ...words.options.map((text, i) => element("option", { value: i }, text)));
    const show = () => (select.value = model.get("index"));
    select.addEventListener("change", () => model.set("index", Number(select.value)));
    model.on("change:index", show);
    show();
    return [model, element("div", { class: "live-control" }, element("label", { for: id }, words.label), select)];
  }
  const model = new Model({ value: words.value, description: words.label });
  if (typeof words.value === "boolean") {
    const tick = element("input", { type: "checkbox", id });
    const show = () => (tick.checked = model.get("value"));
    tick.addEventListener("change", () => model.set("value", tick.checked));
    model.on("change:value", show);
    show();
    return [model, element("div", { class: "live-control" }, tick, element("label", { for: id }, words.label))];
  }
  const slider = element("input", { type: "range", id, min: words.min, max: words.max, step: words.step });
  const digits = Number.isInteger(words.step) ? 0 : 1;
  const said = element("output", { for: id });
  const show = () => {
    slider.value = model.get("value");
    said.textContent = Number(model.get("value")).toFixed(digits);
  };
  slider.addEventListener("input", () => model.set("value", Number(slider.value)));
  model.on("change:value", show);
  show();
  return [model, element("div", { class: "live-control" }, element("label", { for: id }, words.label), slider, said)];
}

const FEW_BOXES = "This page holds the box plots of the presets, and of one decision changed from the tutorial's, the threshold in steps of 0.5. Open the lesson on Binder to have all.";
const same = (one, other) => Object.keys(one).every((key) => one[key] === other[key]);

async function start(place, number) {
  const settings = await (await fetch(new URL(place.dataset.explorer, site))).json();
  const data = Object.fromEntries(await Promise.all(Object.entries(settings.data).map(async ([name, names]) => [name, await pack(names)])));
  const models = {};
  const made = (group) =>
    Object.entries(settings[group]).map(([name, words]) => {
      const [model, line] = control(words, `live-${number}-${group}-${name}`);
      models[`${group}-${name}`] = model;
      return line;
    });
  const refs = (group) => Object.fromEntries(Object.keys(settings[group]).map((name) => [name, `IPY_MODEL_${group}-${name}`]));
  const lines = [...made("switches"), ...made("controls")];
  const layout = new Model({});
  layout.comm_live = true; // the files below answer in the kernel's place
  const model = new Model({ setup: settings.setup, data, controls: refs("controls"), switches: refs("switches"), place: settings.place, key: `live-${number}`, layout });
  model.widget_manager = { get_model: async (reference) => models[reference] };
  model.send = async (question) => {
    if (question.ask === "maps") {
      const found = settings.maps.find((one) => one.fwhm === question.fwhm && one.test === question.test);
      if (!found) return model.trigger("msg:custom", { question, error: "This page does not hold this map. Open the lesson on Binder to have every one." }, []);
      return model.trigger("msg:custom", { ...found.content, question }, await Promise.all(found.files.map(file)));
    }
    const [, name] = settings.boxes.find(([decisions]) => same(decisions, question.decisions)) ?? [];
    const rois = name && (await (await fetch(new URL(`_static/explorers/${name}`, site))).json());
    model.trigger("msg:custom", rois ? { question, rois } : { question, error: FEW_BOXES }, []);
  };

  const screen = element("div", { class: "roilessons-screen" });
  const controls = element("div", { class: "roilessons-controls" }, ...lines);
  const box = element("div", { class: "roilessons-explorer" }, screen, controls, element("div", { class: "roilessons-numbers" }), element("div", { class: "roilessons-below" }));
  const link = element("button", { type: "button", class: "roilessons-button" }, "Copy a link to this state");
  const told = element("span", { role: "status" });
  link.addEventListener("click", async () => {
    const url = new URL(location.href);
    url.search = new URLSearchParams({ explorer: number, ...state() });
    url.hash = place.id;
    history.replaceState(null, "", url);
    await navigator.clipboard?.writeText(url.href).catch(() => {});
    told.textContent = " The link is in the address bar, and copied.";
  });
  const decided = Object.keys(settings.controls);
  const state = () => Object.fromEntries(decided.map((name) => [name, models[`controls-${name}`].get(settings.controls[name].options ? "index" : "value")]));
  await explorer.initialize({ model });
  take(number, decided, models, settings);
  const widths = settings.controls.fwhm ? ` Here smoothing moves in steps of ${settings.controls.fwhm.step} mm; in a notebook it has every width.` : "";
  place.replaceChildren(box, element("p", {}, link, told, widths));
  explorer.render({ model, el: screen });
}

// A link's state: only controls that are there, only values that they can have.
function take(number, names, models, settings) {
  const wanted = new URLSearchParams(location.search);
  if (wanted.get("explorer") !== String(number)) return;
  for (const name of names) {
    const words = settings.controls[name];
    const model = models[`controls-${name}`];
    const given = wanted.get(name);
    if (given === null) continue;
    if (typeof words.value === "boolean") model.set("value", given === "true");
    else if (!Number.isFinite(Number(given))) continue;
    else if (words.options) words.options[Number(given)] !== undefined && model.set("index", Number(given));
    else model.set("value", Math.min(Math.max(Number(given), words.min), words.max));
  }
}

const places = [...document.querySelectorAll(".live-explorer")];
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries)
      if (isIntersecting) {
        seen.unobserve(target);
        start(target, places.indexOf(target) + 1).catch((error) => console.warn("The picture stays still:", error));
      }
  },
  { rootMargin: "200px" },
);
places.forEach((place, i) => {
  place.id = `explorer-${i + 1}`;
  seen.observe(place);
});
