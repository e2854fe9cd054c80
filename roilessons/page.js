// What the explorer does in the browser, without the kernel: see page.py.

// The threshold slider moves the overlay's cal_min, at most once a frame: a redraw takes longer than the next event.
async function followThreshold(model) {
  const find = (name) => model.widget_manager.get_model(model.get(name).slice("IPY_MODEL_".length));
  if (!model.get("slider") || !model.get("volume")) return;
  const [slider, volume] = await Promise.all([find("slider"), find("volume")]);
  let frame = null;
  const follow = () => {
    frame = null;
    if (volume.get("cal_min") === slider.get("value")) return;
    frame = requestAnimationFrame(follow);
    volume.set("cal_min", slider.get("value"));
  };
  slider.on("change:value", () => frame === null && follow());
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
