// Judges a letter or a number as roilessons/check/judging.py does; tests/test_book.py compares the two.

const WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const precision = (decimals) => `${WORDS[decimals]} decimal${decimals === 1 ? "" : "s"}`;
const right = (why) => ({ code: "right", sentence: `Right. ${why}` });
const nearly = (hint) => ({ code: "nearly", sentence: `Nearly. ${hint}` });
const wrong = (hints, code = "other") => ({ code, sentence: `Not yet. ${[...new Set(hints)].join(" Or: ")}` });

// To so many decimals, a tie to the even digit, as Python's round().
export function round(value, decimals) {
  const digits = Math.abs(value).toFixed(Math.min(100, decimals + 60));
  const end = digits.length - (Math.min(100, decimals + 60) - decimals);
  const tie = /^50*$/.test(digits.slice(end));
  let rounded = Number(Math.abs(value).toFixed(decimals));
  if (tie) {
    const below = Number(digits.slice(0, end));
    const last = Number(digits.slice(0, end).replace(/\D/g, "").at(-1));
    rounded = last % 2 === 0 ? below : Number((below + 10 ** -decimals).toFixed(decimals));
  }
  return value < 0 ? -rounded : rounded;
}

// How many decimals are written: 1 for 0.9, none for 5.
export function decimalsOf(value) {
  const [digits, exponent = "0"] = String(value).split("e");
  const [, behind = ""] = digits.split(".");
  return Math.max(0, behind.length - Number(exponent));
}

const alternatives = (value) =>
  Array.isArray(value) ? value : value.step ? Array.from({ length: value.count }, (_, i) => value.start + i * value.step) : [value];

function distance(answer, value, decimals, digits = 0) {
  if (typeof value === "object") return Math.min(...alternatives(value).map((one) => distance(answer, one, decimals, digits)));
  if (decimals === null) {
    const agrees = ((value % 1) + 1) % 1 === 0 ? Math.abs(answer - value) < 1e-6 : Math.abs(answer - value) <= 1e-8 + 1e-3 * Math.abs(value);
    return agrees ? 0 : Infinity;
  }
  if (digits && value && !round(value, decimals)) decimals = digits - 1 - Math.floor(Math.log10(Math.abs(value)));
  let off = Math.abs(answer - value);
  const trifle = 0.05 * 10 ** -decimals;
  if (!(off <= trifle) && round(answer, decimals) !== round(value, decimals)) return Infinity;
  off = Math.min(off, Math.abs(answer - round(value, decimalsOf(answer))));
  return off > trifle ? off : 0;
}

function isNear(answer, value, decimals) {
  if (decimals === null) {
    const rounded = answer % 1 && distance(round(answer, 0), value, null) === 0;
    return rounded ? nearly("This is counted: give a whole number.") : null;
  }
  const written = decimalsOf(answer);
  const values = alternatives(value);
  const cut = values.flatMap((one) => [round(one * 10 ** written, 0), Math.trunc(one * 10 ** written)].map((n) => n / 10 ** written));
  if (answer && written < decimals && cut.some((one) => Math.abs(answer - one) <= 1e-9 * Math.abs(one)))
    return nearly(`Give it with ${precision(decimals)}.`);
  if (Math.min(...values.map((one) => Math.abs(answer - one))) <= 2 * 10 ** -decimals)
    return nearly(`It is close, but not equal to ${precision(decimals)}: compute with all digits, and round only at the end.`);
  return null;
}

export function judge(question, given) {
  if (question.letters) {
    const letter = given.replace(/\W/g, "").toLowerCase();
    if (letter === question.right) return right(question.why);
    const place = question.mistakes.findIndex(([one]) => one === letter);
    if (place < 0) return { code: "unreadable", sentence: `Not yet. This should be ${question.kind}.` };
    return wrong([question.mistakes[place][1]], `mistake ${place + 1}`);
  }
  const text = given.trim().replace("−", "-");
  const answer = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(answer)) return { code: "unreadable", sentence: `Not yet. This should be ${question.kind}: a number, with a point before the decimals.` };
  const { decimals } = question;
  const far = distance(answer, question.right, decimals);
  const near = question.mistakes.map(([value]) => distance(answer, value, decimals, 2));
  const nearest = Math.min(...near, Infinity);
  if (far < Infinity && far <= nearest) return right(question.why);
  if (nearest < Infinity) {
    const said = question.mistakes.filter((_, i) => near[i] === nearest).map(([, sentence]) => sentence);
    return wrong(said, `mistake ${near.indexOf(nearest) + 1}`);
  }
  return isNear(answer, question.right, decimals) ?? wrong([question.otherwise]);
}

export function isGood(question, given) {
  if (question.letters) return false;
  return alternatives(question.right).some((one) => Math.abs(Number(given) - one) <= question.close * Math.abs(one));
}
