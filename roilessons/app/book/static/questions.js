// Questions on the pages of the book: answered, judged and remembered in this browser, and sent nowhere.
import asked from "./asked.js";
import { isGood, judge } from "./judging.js";

const KEY = "roilessons-results";
const MARKS = { right: "✓", nearly: "≈", wrong: "✗", compared: "→" };

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function keep(name, code) {
  const all = kept();
  const tries = [...(all[name]?.tries ?? []), code].slice(-1000);
  all[name] = { right: tries.includes("right"), tries };
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // this browser keeps nothing: the verdict is shown all the same
  }
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function show(place, mark, lines) {
  place.replaceChildren(element("span", { class: `mark ${mark}` }, MARKS[mark]), lines.join(" "));
}

// Predictions live as long as the visit, and so outlast a look into the glossary.
const predicted = {
  get: (name) => sessionStorage.getItem(`predicted ${name}`),
  set: (name, given) => sessionStorage.setItem(`predicted ${name}`, given),
};

// The list of choices above a question becomes its labels.
function labels(box, letters) {
  const list = box.previousElementSibling;
  const items = list?.tagName === "UL" ? [...list.children] : [];
  if (items.map((item) => item.querySelector("strong")?.textContent).join() !== letters.join()) return letters;
  list.remove();
  return items.map((item) => element("span", {}, ...(item.querySelector("p") ?? item).childNodes));
}

function form(box, question) {
  const predicts = question.step === "predict";
  const verdict = element("p", { class: "verdict", role: "status" });
  const fields = element("fieldset", {}, element("legend", {}, predicts ? "Your prediction" : "Your answer"));
  const id = `${question.name}-${question.step}`;
  if (question.letters) {
    labels(box, question.letters).forEach((label, i) =>
      fields.append(element("label", {}, element("input", { type: "radio", name: id, value: question.letters[i] }), label)),
    );
  } else {
    fields.append(element("label", { for: id }, `This should be ${question.kind}.`), element("input", { type: "text", id, inputmode: "text", autocomplete: "off" }));
  }
  const send = element("button", { type: "submit" }, predicts ? "Keep it" : "Check");
  const hint = element("button", { type: "button" }, "Hint");
  const made = element("form", {}, fields, send, hint, verdict);
  let hints = 0;
  hint.addEventListener("click", () => {
    const number = Math.min(hints, question.hints.length - 1);
    hints += 1;
    const more = number < question.hints.length - 1 ? "" : " (There are no more hints.)";
    verdict.replaceChildren(`Hint ${number + 1} of ${question.hints.length}: ${question.hints[number]}${more}`);
  });
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = question.letters ? (made.querySelector("input:checked")?.value ?? "") : made.querySelector("input").value;
    if (!given.trim()) return verdict.replaceChildren("Not answered yet.");
    const found = judge(question, given);
    if (predicts) {
      if (found.code === "unreadable") return show(verdict, "wrong", [found.sentence]);
      predicted.set(question.name, given);
      return verdict.replaceChildren(`Kept: you predict ${given}. Read on to see what it is.`);
    }
    keep(question.name, found.code);
    show(verdict, found.code === "right" || found.code === "nearly" ? found.code : "wrong", [found.sentence, standing(question)]);
    progress();
  });
  if (kept()[question.name]?.right) show(verdict, "right", ["You have had this right before."]);
  box.replaceChildren(made);
}

// Of a page's questions that are no predictions: [how many were answered rightly, how many there are].
const counts = (page) => [asked[page].filter((name) => kept()[name]?.right).length, asked[page].length];

function standing(question) {
  const [done, all] = counts(question.page);
  return `${done} of ${all} on this page right.`;
}

// The same beside the links of the list of pages and of tables of lessons, once one is right.
function ticks() {
  for (const old of document.querySelectorAll(".solved")) old.remove();
  for (const link of document.querySelectorAll(".bd-sidebar-primary li > a, .bd-article td:first-child a")) {
    const page = link.pathname.split("/").at(-1).replace(/\.html$/, "");
    const [done, all] = asked[page] ? counts(page) : [0];
    if (done) link.append(element("span", { class: "solved", role: "img", "aria-label": `, ${done} of ${all} questions right` }, done === all ? " ✓" : ` ${done} of ${all}`));
  }
}

function compare(box, question) {
  const button = element("button", { type: "button" }, "Compare with my prediction");
  const verdict = element("p", { class: "verdict", role: "status" });
  button.addEventListener("click", () => {
    const given = predicted.get(question.name);
    if (given === null) return verdict.replaceChildren(`You made no prediction. It is ${question.written}. ${question.why}`);
    const found = judge(question, given);
    const good = found.code === "right" || isGood(question, given);
    const mistake = found.code.startsWith("mistake") ? `${found.sentence.replace("Not yet. ", "")} ` : "";
    keep(question.name, good ? "right" : found.code);
    show(verdict, good ? "right" : "compared", [`You said ${given}, it is ${question.written}. ${good ? "A good prediction. " : ""}${mistake}${question.why}`]);
  });
  box.replaceChildren(button, verdict);
}

function progress() {
  ticks();
  const place = document.getElementById("progress");
  if (!place) return;
  const solved = Object.values(kept()).filter((one) => one.right).length;
  if (!Object.keys(kept()).length) return;
  const save = element("button", { type: "button" }, "Save my results as a file");
  save.addEventListener("click", () => {
    const file = new Blob([JSON.stringify({ kind: "roilessons results", version: 1, exercises: kept() }, null, 1)], { type: "application/json" });
    const link = element("a", { href: URL.createObjectURL(file), download: "my_results.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const forget = element("button", { type: "button" }, "Forget them");
  forget.addEventListener("click", () => {
    if (!confirm("Forget all answers that this browser keeps?")) return;
    localStorage.removeItem(KEY);
    place.replaceChildren();
    ticks();
  });
  place.replaceChildren(element("h2", {}, "What you have solved"), element("p", {}, `${solved} exercise${solved === 1 ? "" : "s"} right, kept in this browser alone.`), save, forget);
}

for (const box of document.querySelectorAll(".question")) {
  const question = JSON.parse(box.querySelector("script").textContent);
  if (question.step === "compare") compare(box, question);
  else form(box, question);
}
progress();
const worker = location.protocol === "file:" ? null : navigator.serviceWorker;
worker?.register(new URL("../worker.js", import.meta.url)).catch(() => {});
// What the first page of a first visit loads before there is a worker goes through it once more, to be kept.
if (worker && !worker.controller)
  worker.addEventListener("controllerchange", () => {
    const seen = new Set();
    const again = (name) => seen.has(name) || (seen.add(name), fetch(name).catch(() => {}));
    again(location.href);
    new PerformanceObserver((list) => list.getEntries().forEach(({ name, workerStart }) => workerStart || again(name))).observe({ type: "resource", buffered: true });
  }, { once: true }); // prettier-ignore
