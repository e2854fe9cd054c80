// What the explorer does in the browser, without the kernel: see page.py.

const find = (model, reference) => model.widget_manager.get_model(reference.slice("IPY_MODEL_".length));

// At most once a frame, and last of all with the last state: a redraw takes longer than the next event.
function onceAFrame(act) {
  let frame = null;
  let asked = false;
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

// The threshold slider moves the overlay's cal_min.
async function followThreshold(model) {
  if (!model.get("slider") || !model.get("volume")) return;
  const [slider, volume] = await Promise.all(["slider", "volume"].map((name) => find(model, model.get(name))));
  const follow = onceAFrame(() => volume.set("cal_min", slider.get("value")));
  slider.on("change:value", follow);
  follow();
}

// The sliders of x, y and z move the crosshair. A click in the canvas has moved it already: the kernel then sets the
// sliders, later than the reader does, and these changes are ignored. So is a change by the kernel when the reader has
// moved on.
async function followPlace(model) {
  if (!model.get("axes").length) return;
  const [canvas, ...axes] = await Promise.all([model.get("canvas"), ...model.get("axes")].map((name) => find(model, name)));
  const place = () => axes.map((axis) => axis.get("value"));
  const follow = onceAFrame(() => {
    const mm = [...place(), 1];
    const crosshairPos = model.get("to_fractions").map((row) => row.reduce((sum, factor, i) => sum + factor * mm[i], 0));
    canvas.set("scene", { ...canvas.get("scene"), crosshairPos });
    if (canvas.get("_canvas_attached")) canvas.trigger("msg:custom", { type: "draw_scene", data: [] }, []);
  });
  for (const axis of axes) axis.on("change:value", (_model, _value, options) => options?.updated_view && follow());
  model.on("change:place", () => String(place()) === String(model.get("place")) && follow());
  follow();
}

// ipywidgets names neither its sliders nor a canvas for screen readers.
function name(box) {
  for (const slider of box.querySelectorAll(".widget-slider"))
    slider.querySelector(".noUi-handle")?.setAttribute("aria-label", slider.querySelector("label").textContent);
  for (const canvas of box.querySelectorAll("canvas")) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Three cuts through the brain; what is at the crosshair is written below.");
  }
}

export default {
  initialize({ model }) {
    model.set("blind", !document.createElement("canvas").getContext("webgl2"));
    model.save_changes();
    followThreshold(model);
    followPlace(model);
    model.on("change:answer", () =>
      requestAnimationFrame(() => {
        model.set("seen", model.get("answer"));
        model.save_changes();
      }),
    );
  },
  render({ model, el }) {
    let box;
    const arrange = () => {
      name(box);
      const canvas = box.querySelector("canvas");
      if (canvas && model.get("blind")) canvas.parentElement.style.display = "none";
    };
    const watch = new MutationObserver(arrange);
    requestAnimationFrame(() => {
      box = el.closest(".roilessons-explorer");
      if (!box) return;
      arrange();
      watch.observe(box, { childList: true, subtree: true });
    });
    return () => watch.disconnect();
  },
};
