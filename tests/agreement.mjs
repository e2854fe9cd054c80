// Decides cases that are read from standard input, by roilessons/explorer/decisions.js; writes what came out.
// node agreement.mjs MODULE < cases.json
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

const d = await import(`data:text/javascript,${encodeURIComponent(readFileSync(process.argv[2], "utf8"))}`);
const kinds = { float32: Float32Array, uint8: Uint8Array };
const { studies, cases } = JSON.parse(readFileSync(0, "utf8"), (key, value) => {
  if (!value?.bytes) return value;
  const bytes = Uint8Array.from(Buffer.from(value.bytes, "base64"));
  return new kinds[value.dtype](bytes.buffer);
});
const packed = (array) => deflateSync(Buffer.from(array.buffer), { level: 1 }).toString("base64");
const before = {}; // the last result of each study
const answers = cases.map(({ study, decisions, place }) => {
  const { grid, contrast, maps, maskVt, truth, areas, mean } = studies[study];
  const result = d.decide(maps[decisions.test], maskVt, decisions, grid, contrast);
  const matches = d.matches(result, before[study] ?? result);
  before[study] = result;
  const layers = { mean: ["mean EPI", mean], mask_vt: ["VT mask", maskVt], log_p: ["-log10 p", maps[decisions.test].logP],
    dilated: ["dilated mask", result.dilated], labels: ["ROI", result.labels], truth: ["planted area", truth] }; // prettier-ignore
  return {
    labels: packed(result.labels),
    dilated: packed(result.dilated),
    mask: packed(result.mask),
    table: result.table,
    matches,
    file: result.labels.length < 5000 ? packed(new Uint8Array(d.nifti(result.labels, grid))) : null,
    said: ["mean", "log_p", "mask", "dilated", "labels"].map((upto) => d.describe(result, decisions, upto)),
    score: d.describeScore(result.labels, truth, areas),
    place: d.look(grid, place, Object.entries(layers).map(([name, [called, volume]]) => [name, called, volume])),
  };
});
process.stdout.write(JSON.stringify(answers));
