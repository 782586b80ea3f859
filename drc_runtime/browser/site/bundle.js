// @ts-check
/** The bundle in a browser: its manifest, its graphs and the check of both, as docs/bundle.md says. */

/** A failure that the user can do something about; the message is one sentence. */
export class DRCError extends Error {}
/** A bundle is missing, damaged, of another version, or has forbidden content. */
export class BundleError extends DRCError {}
/** The backend cannot run a graph, or the chain diverged. */
export class EngineError extends DRCError {}
/** An argument is out of range. */
export class UsageError extends DRCError {}

/** @typedef {{file: string, sha256: string, inputs: Record<string, number[]>, outputs: Record<string, number[]>}} GraphEntry */
/** @typedef {{foreground: number, background: number, reassignment: number, foreground_slots: number}} LatentSizes */
/**
 * @typedef {object} Sampler
 * @property {number} step_size
 * @property {number} sigma
 * @property {number} cold_steps Langevin steps from noise to a mask
 * @property {number} track_steps Langevin steps for a frame of a video
 * @property {number} foreground_spread
 * @property {string} likelihood `laplace` or `gaussian`
 * @property {Schedule} [schedule] of chains from noise
 * @property {{steps: number, schedule?: Schedule}} [initial] of chains that start at `initial_latent`
 */
/** @typedef {{start: number, end: number}} Schedule factors of a chain's first and last step, in a straight line between */
/** @typedef {{seed: number, z_next: number[], mask: number[], log_posterior: number}} GoldenStep */
/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} background `generated`, or `input`: learned while it runs, for any fixed camera (format 2)
 * @property {[number, number]} image_size height and width of the network's image, in pixels
 * @property {LatentSizes} latent
 * @property {Sampler} sampler
 * @property {Record<string, GraphEntry>} graphs
 * @property {{tolerance: number, first: GoldenStep, second: GoldenStep}} [golden]
 */
// ------------------------------------------------------------------------------------------------------------------ manifest

const MANIFEST = "manifest.json";
const FORMATS = { generated: "drc-bundle-1", input: "drc-bundle-2" };
const MOST_FILES = 32;
const MOST_MEMBERS = 64;
const LARGEST_MANIFEST = 1 << 20;
const LARGEST_GRAPH = 2 ** 31 - 1;
const LARGEST_SIZE = 1 << 16;
const LARGEST_TENSOR = 1 << 26;
const LARGEST_NUMBER = 1e20;
const MOST_VALUES = 16;
const LARGEST_VALUE = 1e19;

/** Name -> axes of the inputs, axes of the outputs. B: batch, D: latent vector, H and W: image. */
const GRAPHS = /** @type {Record<string, [Record<string, string>, Record<string, string>]>} */ ({
  posterior_step: [
    { z: "BD", image: "B3HW", noise: "BD" },
    { z_next: "BD", log_posterior: "B", mask: "B1HW", responsibility: "B1HW", foreground: "B3HW", background: "B3HW" },
  ],
  render: [
    { z: "BD" },
    { mask: "B1HW", foreground: "B3HW", background: "B3HW", background_before_reassignment: "B3HW", image: "B3HW" },
  ],
  prior_step: [{ z: "BD", noise: "BD" }, { z_next: "BD", energy: "B" }],
  initial_latent: [{ image: "B3HW" }, { z: "BD" }],
});

/** `posterior_step` where the background is an input: it gives back the background under the local gain that the model draws. */
const GIVEN = /** @type {[Record<string, string>, Record<string, string>]} */ ([
  { ...GRAPHS.posterior_step[0], background: "B3HW", background_scale: "B1HW" },
  { z_next: "BD", log_posterior: "B", mask: "B1HW", responsibility: "B1HW", foreground: "B3HW", background_lit: "B3HW" },
]);

/** One object of the manifest; every reading method refuses a missing or wrong key with its path. */
class JsonObject {
  /** @param {any} values @param {string} path */
  constructor(values, path = "") {
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new BundleError(`${MANIFEST}: ${path || "the whole"} must be an object`);
    }
    /** @type {Record<string, any>} */
    this.values = values;
    this.path = path;
  }

  /** Decodes a whole file strictly. @param {string} text */
  static decode(text) {
    let values;
    try {
      values = JSON.parse(text, (_, value) => {
        if (typeof value === "number" && !(Math.abs(value) < LARGEST_NUMBER)) throw new Error("a number is not finite and below 1e20");
        if (typeof value === "string" && !value.isWellFormed()) throw new Error("half a surrogate pair");
        return value;
      });
      refuseRepeatedKeys(text);
    } catch (error) {
      throw new BundleError(`${MANIFEST} is not valid JSON (${error instanceof Error ? error.message : error})`);
    }
    return new JsonObject(values);
  }

  /** @param {string} key @param {string} why @returns {never} */
  refuse(key, why) {
    throw new BundleError(`${MANIFEST}: ${this.path ? `${this.path}.${key}` : key} ${why}`);
  }

  /** @param {string} key */
  has(key) {
    return Object.hasOwn(this.values, key);
  }

  /** @param {string} key @returns {any} */
  value(key) {
    return this.has(key) ? this.values[key] : this.refuse(key, "is missing");
  }

  /** @param {string} key */
  child(key) {
    return new JsonObject(this.value(key), this.path ? `${this.path}.${key}` : key);
  }

  /** @returns {[string, JsonObject][]} */
  children() {
    return this.members().map((key) => [key, this.child(key)]);
  }

  members() {
    const keys = Object.keys(this.values);
    if (keys.length > MOST_MEMBERS) throw new BundleError(`${MANIFEST}: ${this.path || "the whole"} has more than ${MOST_MEMBERS} members`);
    return keys;
  }

  /** @param {string} key @returns {string} */
  text(key) {
    const value = this.value(key);
    if (typeof value !== "string" || !isLine(value, 1024)) this.refuse(key, "must be one line of text, of at most 1024 characters");
    return value;
  }

  /** @param {string} key @param {string[]} allowed */
  choice(key, allowed) {
    const value = this.text(key);
    if (!allowed.includes(value)) this.refuse(key, `is '${value}', but this version of drc knows ${allowed.join(", ")}`);
    return value;
  }

  /** @param {string} key @returns {number} */
  scale(key) {
    const value = this.value(key);
    if (typeof value !== "number" || !(value >= 1e-9 && value <= 1e6)) this.refuse(key, "must be a number from 1e-9 to 1e6");
    return value;
  }

  /** @param {string} key @param {number} least @param {number} most @returns {number} */
  number(key, least, most) {
    const value = this.value(key);
    if (typeof value !== "number" || !(value >= least && value <= most)) this.refuse(key, `must be a number from ${least} to ${most}`);
    return value;
  }

  /** @param {string} key @returns {number[]} */
  numbers(key) {
    const value = this.value(key);
    const isList = Array.isArray(value) && value.length >= 1 && value.length <= MOST_VALUES;
    if (!isList || !value.every((it) => typeof it === "number" && Math.abs(it) <= LARGEST_VALUE)) {
      this.refuse(key, `must be a list of 1 to ${MOST_VALUES} numbers from -${LARGEST_VALUE} to ${LARGEST_VALUE}`);
    }
    return value;
  }

  /** @param {string} key @param {number} least @returns {number} */
  size(key, least = 1) {
    const value = this.value(key);
    if (!isSize(value, least)) this.refuse(key, `must be a whole number from ${least} to ${LARGEST_SIZE}`);
    return value;
  }

  /** @param {string} key @returns {number[]} */
  sizes(key) {
    const value = this.value(key);
    if (!Array.isArray(value) || !value.length || !value.every((item) => isSize(item, 1))) {
      this.refuse(key, `must be a list of whole numbers from 1 to ${LARGEST_SIZE}`);
    }
    if (value.length > 8 || product(value) > LARGEST_TENSOR) {
      this.refuse(key, `has more than 8 sizes, or makes a tensor of more than ${LARGEST_TENSOR} numbers`);
    }
    return value;
  }

  /** @returns {Record<string, number[]>} */
  allSizes() {
    return Object.fromEntries(this.members().map((key) => [key, this.sizes(key)]));
  }
}

/** @param {any} value @param {number} least */
const isSize = (value, least) => Number.isInteger(value) && value >= least && value <= LARGEST_SIZE;
/** @param {number[]} sizes */
export const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
/** @param {string} text @param {number} longest */
const isLine = (text, longest) => [...text].length <= longest && text.trim() !== "" && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);

/** `JSON.parse` keeps the last of two equal keys; another reader might take the first. @param {string} text valid JSON */
function refuseRepeatedKeys(text) {
  /** @type {Set<string>[]} */
  const open = [];
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}]/gs)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (key !== undefined) {
      const name = JSON.parse(key);
      if (open[open.length - 1].has(name)) throw new Error("a key stands twice in one object");
      if (!isLine(name, 128)) throw new Error("a key is not one line of text, of at most 128 characters");
      open[open.length - 1].add(name);
    }
  }
}

/**
 * Checks and reads the text of `manifest.json`; unknown keys are ignored.
 * @param {string} text
 * @returns {Manifest}
 */
export function parseManifest(text) {
  const root = JsonObject.decode(text);
  const version = root.text("format");
  if (!Object.values(FORMATS).includes(version)) {
    const known = Object.values(FORMATS).map((it) => `'${it}'`).join(" and ");
    throw new BundleError(`the bundle has format '${version}' but this page reads ${known}: export it again with the drc that wrote this page`);
  }
  const background = root.has("background") ? root.choice("background", Object.keys(FORMATS)) : "generated";
  if (FORMATS[/** @type {"generated" | "input"} */ (background)] !== version) root.refuse("background", `does not go with format '${version}'`);
  const size = root.sizes("image_size");
  if (size.length !== 2) root.refuse("image_size", "must be [height, width]");
  const [latent, sampler] = [root.child("latent"), root.child("sampler")];
  const manifest = {
    name: root.text("name"),
    background,
    image_size: /** @type {[number, number]} */ (size),
    latent: {
      foreground: latent.size("foreground"),
      background: latent.size("background"),
      reassignment: latent.size("reassignment", 0),
      foreground_slots: latent.has("foreground_slots") ? latent.size("foreground_slots") : 1,
    },
    sampler: {
      step_size: sampler.scale("step_size"),
      sigma: sampler.scale("sigma"),
      cold_steps: sampler.size("cold_steps"),
      track_steps: sampler.size("track_steps"),
      foreground_spread: sampler.has("foreground_spread") ? sampler.scale("foreground_spread") : 1,
      likelihood: sampler.has("likelihood") ? sampler.choice("likelihood", ["laplace", "gaussian"]) : "laplace",
      schedule: readSchedule(sampler),
      initial: sampler.has("initial") ? readInitial(sampler.child("initial")) : undefined,
    },
    golden: root.has("golden") ? readGolden(root.child("golden")) : undefined,
    graphs: Object.fromEntries(root.child("graphs").children().map(([name, node]) => [name, readGraphEntry(node)])),
  };
  checkGraphs(manifest);
  return manifest;
}

/** @param {JsonObject} node @returns {Schedule | undefined} */
function readSchedule(node) {
  if (!node.has("schedule")) return undefined;
  const schedule = node.child("schedule");
  return { start: schedule.number("start", 1e-6, 16), end: schedule.number("end", 1e-6, 1) };
}

/** @param {JsonObject} node */
const readInitial = (node) => ({ steps: node.size("steps"), schedule: readSchedule(node) });

/** @param {JsonObject} node */
function readGolden(node) {
  /** @param {JsonObject} step @returns {GoldenStep} */
  const read = (step) => ({
    seed: step.size("seed", 0),
    z_next: step.numbers("z_next"),
    mask: step.numbers("mask"),
    log_posterior: step.number("log_posterior", -LARGEST_VALUE, LARGEST_VALUE),
  });
  const golden = { tolerance: node.number("tolerance", 1e-6, 1), first: read(node.child("first")), second: read(node.child("second")) };
  if (golden.first.seed === golden.second.seed) node.child("second").refuse("seed", "is that of golden.first");
  return golden;
}

/** @param {JsonObject} node @returns {GraphEntry} */
function readGraphEntry(node) {
  const [file, sha256] = [node.text("file"), node.text("sha256")];
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(file) || file === MANIFEST) {
    node.refuse("file", "must be a plain file name inside the bundle: letters, digits, '_', '-' and '.'");
  }
  if (!/^[0-9a-f]{64}$/.test(sha256)) node.refuse("sha256", "must be 64 hexadecimal digits");
  return { file, sha256, inputs: node.child("inputs").allSizes(), outputs: node.child("outputs").allSizes() };
}

/** The graphs of `GRAPHS` must have the tensors and shapes that `image_size` and `latent` imply. @param {Manifest} manifest */
function checkGraphs({ graphs, latent, background, sampler, image_size: [H, W] }) {
  if (!graphs.posterior_step) throw new BundleError(`${MANIFEST}: graphs.posterior_step is missing`);
  if ((sampler.initial === undefined) !== (graphs.initial_latent === undefined)) {
    throw new BundleError(`${MANIFEST}: of sampler.initial and graphs.initial_latent one is missing`);
  }
  const files = Object.values(graphs).map((graph) => graph.file);
  if (files.length > MOST_FILES || new Set(files).size < files.length) {
    throw new BundleError(`${MANIFEST}: it names more than ${MOST_FILES} files, or one file twice`);
  }
  const D = latent.foreground + latent.background + latent.reassignment;
  for (const [name, graph] of Object.entries(graphs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const kind = name.replace(/_fp16$/, "");
    const known = background === "input" && kind === "posterior_step" ? GIVEN : GRAPHS[kind];
    if (known === undefined) continue;
    const unknown = Object.keys(graph.inputs).filter((input) => !(input in known[0])).sort();
    if (unknown.length) throw new BundleError(`${MANIFEST}: graphs.${name}.inputs.${unknown[0]} is not an input of this graph`);
    const sizes = /** @type {Record<string, number>} */ ({ B: (graph.inputs.z ?? graph.inputs.image)?.[0] ?? 1, D, H, W, 1: 1, 3: 3 });
    for (const side of /** @type {const} */ (["inputs", "outputs"])) {
      for (const [tensor, axes] of Object.entries(known[side === "inputs" ? 0 : 1])) {
        const [found, expected] = [graph[side][tensor], [...axes].map((axis) => sizes[axis])];
        const where = `${MANIFEST}: graphs.${name}.${side}.${tensor}`;
        if (!found) throw new BundleError(`${where} is missing`);
        if (String(found) !== String(expected)) {
          throw new BundleError(`${where} is [${found.join(", ")}] but the sizes above make it [${expected.join(", ")}]`);
        }
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------------------- check of graphs

/** Message of onnx.proto -> field -> the message nested there, or what is refused there. Other fields are skipped. */
const MESSAGES = /** @type {Record<string, Record<number, string>>} */ ({
  model: { 7: "graph", 8: "opset", 20: "!a graph for training", 25: "!a function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse tensor" },
  node: { 5: "attribute", 7: "domain" },
  attribute: { 5: "tensor", 10: "tensor", 22: "sparse tensor", 23: "sparse tensor", 6: "!a graph inside a node", 11: "!graphs inside a node" },
  "sparse tensor": { 1: "tensor", 2: "tensor" },
  tensor: { 13: "external", 14: "location" },
  opset: { 1: "domain" },
});

/**
 * Refuses an ONNX model with external data, custom operators or loops, as `drc_runtime/bundle/onnx_check.py` does.
 * @param {Uint8Array} data
 * @param {string} name the first words of messages
 */
export function checkModel(data, name) {
  const damaged = () => new BundleError(`${name} is not an ONNX model, or it is damaged`);
  if (String.fromCharCode(...data.subarray(4, 8)) === "ORTM") {
    throw new BundleError(`${name} is in onnxruntime's own format; a bundle holds ONNX only`);
  }
  let position = 0;
  /** @param {number} end */
  const varint = (end) => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw damaged();
      const byte = data[position++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw damaged();
  };
  /** @type {[string, number, number][]} */
  const pending = [["model", 0, data.length]];
  let [fields, nodes, graphs] = [0, 0, 0];
  for (let message = pending.pop(); message; message = pending.pop()) {
    const [kind, start, end] = message;
    for (position = start; position < end; ) {
      if (++fields > 200000) throw new BundleError(`${name} has more than 200000 fields; it is not a graph to run`);
      const tag = varint(end);
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      const known = MESSAGES[kind][number] ?? "";
      if (number < 1 || number >= 1 << 29) throw damaged();
      let from = position;
      let value = 0;
      if (wire === 0) value = varint(end);
      else if (wire === 2) {
        const length = varint(end);
        from = position;
        position += length;
      } else if (wire === 1 || wire === 5) position += wire === 1 ? 8 : 4;
      else throw damaged();
      if (position > end) throw damaged();
      if (known.startsWith("!")) {
        throw new BundleError(`${name} holds ${known.slice(1)}, which drc export does not write: a run of it might not end`);
      }
      if (known === "external" || (known === "location" && value !== 0)) {
        throw new BundleError(`${name} keeps weights in other files (external data); a bundle's graphs must be single files`);
      }
      if (known === "domain" || known in MESSAGES) if (wire !== 2) throw damaged();
      if (known === "location" && wire !== 0) throw damaged();
      if (known === "domain") {
        const domain = new TextDecoder().decode(data.subarray(from, position));
        if (domain !== "" && domain !== "ai.onnx") {
          throw new BundleError(`${name} uses the operator domain '${domain.slice(0, 60)}'; a bundle may use ONNX's own only`);
        }
      } else if (known in MESSAGES) {
        graphs += Number(known === "graph");
        nodes += Number(known === "node");
        if (nodes > 10000) throw new BundleError(`${name} has more than 10000 nodes; it is not a graph to run`);
        pending.push([known, from, position]);
      }
    }
  }
  if (!graphs) throw new BundleError(`${name} is not an ONNX model: it holds no graph`);
}

// -------------------------------------------------------------------------------------------------------------------- bundle

/**
 * Fetches one file of a bundle.
 * @param {URL} url
 * @param {number} limit in bytes
 */
async function read(url, limit) {
  const file = decodeURIComponent(url.pathname.split("/").pop() ?? "");
  const answer = await fetch(url).catch(() => {
    throw new BundleError(`${file} cannot be fetched: the network or the server is down`);
  });
  if (!answer.ok) throw new BundleError(`${file} is missing (the server answers ${answer.status}); copy the bundle again`);
  const data = new Uint8Array(await answer.arrayBuffer());
  if (data.length > limit) throw new BundleError(`${file} is larger than the ${limit} bytes that a bundle may hold there`);
  return data;
}

/**
 * Fetches one graph; checks its hash, then its content.
 * @param {URL} folder
 * @param {GraphEntry} entry
 */
async function readGraph(folder, entry) {
  const data = await read(new URL(entry.file, folder), LARGEST_GRAPH);
  if (!globalThis.crypto?.subtle) throw new BundleError("the bundle cannot be checked here: open the page over https or on localhost");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  if ([...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") !== entry.sha256) {
    throw new BundleError(`${entry.file} is not the file that the manifest describes (its SHA-256 differs): copy the bundle again`);
  }
  checkModel(data, entry.file);
  return data;
}

/** Fetches and checks a bundle's manifest and the graphs that run here. @param {URL} folder */
export async function readBundle(folder) {
  const data = await read(new URL(MANIFEST, folder), LARGEST_MANIFEST);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new BundleError(`${MANIFEST} is not UTF-8 text`);
  }
  const manifest = parseManifest(text);
  /** @type {Record<string, Uint8Array>} */
  const graphs = {};
  for (const name of ["posterior_step", "initial_latent"]) {
    if (name in manifest.graphs) graphs[name] = await readGraph(folder, manifest.graphs[name]);
  }
  return { manifest, graphs };
}
