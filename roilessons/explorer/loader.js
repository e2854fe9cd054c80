// What each explorer brings along. Its `code` is loaded once: a page never lets go of a module, and a cell may be run often.

const modules = (globalThis[Symbol.for("roilessons.modules")] ??= new Map());

function load(model) {
  const code = model.get("code");
  if (!modules.has(code)) {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const failed = (error) => (modules.delete(code), Promise.reject(error)); // the next run tries anew
    modules.set(code, import(url).catch(failed).finally(() => URL.revokeObjectURL(url)));
  }
  return modules.get(code);
}

let module;
export default {
  async initialize(given) {
    module = await load(given.model);
    return module.default.initialize(given);
  },
  render: (given) => module.default.render(given),
};
