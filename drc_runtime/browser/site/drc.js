// @ts-check
/**
 * The runtime in a browser: images in, foreground masks out. The same contract and the same names as `drc_runtime` in Python and
 * `libdrc` in C++; docs/bundle.md and docs/noise.md are the specifications. Usable alone, best in a worker:
 *
 *     import { Extractor } from "./drc.js";
 *     const extractor = await Extractor.load("bundle/");
 *     const { probability } = await extractor.track().step(context.getImageData(0, 0, width, height));
 */
import { BundleError, DRCError, EngineError, UsageError, readBundle } from "./bundle.js";
import { CameraTrack } from "./camera_track.js";
import { LangevinSampler, firstLine } from "./langevin.js";
import { MASKS, MaskReader } from "./mask.js";
import { NormalNoise } from "./noise.js";
import * as ort from "./onnxruntime-web/ort.wasm.min.mjs";
import { resize } from "./preprocess.js";
import { ColdStart, checkGolden } from "./start.js";
import { Track } from "./tracking.js";

export { BundleError, DRCError, EngineError, LangevinSampler, MASKS, MaskReader, NormalNoise, Track, UsageError, resize };

/** @typedef {import("./bundle.js").Manifest} Manifest */
/** @typedef {import("./bundle.js").GraphEntry} GraphEntry */
/** @typedef {import("./mask.js").Extraction} Extraction */
/** @typedef {import("./preprocess.js").RGBA} RGBA */

const MOST_THREADS = 4;

/** How many threads onnxruntime gets here, and why: half of the cores, because camera, drawing and the page need the others. */
export function threads() {
  const cores = navigator.hardwareConcurrency || 1;
  if (!globalThis.crossOriginIsolated) return { count: 1, why: "the server does not send the headers COOP and COEP" };
  return { count: Math.max(1, Math.min(cores >> 1, MOST_THREADS)), why: `of ${cores} cores` };
}

/** A bundle whose files have all been checked, and its loaded graph. Use it in one place at a time. */
export class Extractor {
  /** @param {Manifest} manifest @param {LangevinSampler} sampler @param {MaskReader} reader @param {ColdStart} start */
  constructor(manifest, sampler, reader, start) {
    this.manifest = manifest;
    this.sampler = sampler;
    this.reader = reader;
    this.start = start;
  }

  /**
   * Fetches and checks a bundle and loads its graph.
   * @param {string | URL} bundle the address of the bundle's folder
   * @param {{mask?: string, seed?: bigint | number, threads?: number, progress?: (what: string) => void}} [options]
   */
  static async load(bundle, options = {}) {
    const { mask = "responsibility", seed = 0, progress = () => {} } = options;
    if (typeof WebAssembly !== "object" || !hasSimd()) {
      throw new EngineError("this browser has no WebAssembly with SIMD: use Chrome or Edge 91, Firefox 89, Safari 16.4 or newer");
    }
    const folder = new URL(String(bundle).replace(/\/?$/, "/"), globalThis.location?.href ?? import.meta.url);
    progress("fetching the model");
    const { manifest, graphs } = await readBundle(folder);
    const reader = new MaskReader(manifest, mask);
    progress("starting onnxruntime");
    ort.env.wasm.numThreads = options.threads ?? threads().count;
    ort.env.logLevel = "error";
    const session = await load(graphs.posterior_step, "posterior_step", manifest);
    await checkGolden(session, manifest);
    const initial = graphs.initial_latent && (await load(graphs.initial_latent, "initial_latent", manifest));
    const sampler = new LangevinSampler(session, manifest, seed);
    return new Extractor(manifest, sampler, reader, new ColdStart(sampler, manifest.sampler, initial, manifest.graphs.initial_latent));
  }

  /** Extracts the foreground of one image, starting where `start` begins. @param {RGBA} image @param {number} [steps] */
  async extract(image, steps = this.start.steps) {
    if (!(steps >= 1)) throw new UsageError(`${steps} steps are too few: give 1 or more`);
    if (this.manifest.background === "input") {
      throw new UsageError(`the model '${this.manifest.name}' is for the video of a fixed camera, whose background it learns while it runs; for a picture alone take another model`);
    }
    const sizes = this.start.sizes(steps);
    return this.reader.read(image, async (tensor) => [await this.sampler.run(tensor, await this.start.z(tensor), steps, sizes), steps]);
  }

  /** A track for one video. @param {{steps?: number, budget?: number}} [options] */
  track({ steps, budget } = {}) {
    const Kind = this.manifest.background === "input" ? CameraTrack : Track;
    return new Kind(this.sampler, this.reader, this.manifest.sampler, steps, budget, this.start);
  }
}

/** Whether this browser runs the SIMD instructions that onnxruntime is built with: a module of one `i8x16.popcnt`. */
const hasSimd = () => WebAssembly.validate(new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]));

/** Loads a graph and checks its tensors. @param {Uint8Array} data @param {string} name @param {Manifest} manifest */
async function load(data, name, manifest) {
  const session = await ort.InferenceSession.create(data, { executionProviders: ["wasm"], logSeverityLevel: 4 }).catch((error) => {
    throw new EngineError(`onnxruntime cannot load graph ${name}: ${firstLine(error)}`);
  });
  checkTensors(session, name, manifest.graphs[name]);
  return session;
}

/** Refuses a graph whose tensors differ from the manifest. @param {ort.InferenceSession} session @param {string} name @param {GraphEntry} entry */
function checkTensors(session, name, entry) {
  for (const [kind, found, declared] of /** @type {const} */ ([
    ["input", session.inputMetadata, entry.inputs],
    ["output", session.outputMetadata, entry.outputs],
  ])) {
    /** @param {[string, string][]} pairs */
    const listed = (pairs) => pairs.map(([name, what]) => `${name} ${what}`).sort().join(", ");
    const actual = listed(found.map((it) => [it.name, `${it.type} [${it.shape}]`]));
    const expected = listed(Object.entries(declared).map(([name, shape]) => [name, `float32 [${shape}]`]));
    if (actual !== expected) throw new EngineError(`graph ${name}: its ${kind}s are ${actual}, but the manifest says ${expected}`);
  }
}
