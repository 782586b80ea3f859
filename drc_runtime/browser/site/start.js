// @ts-check
/** Where chains begin, with what steps they go on, and the known steps by which the engine is checked before that. */
import { EngineError, product } from "./bundle.js";
import { NormalNoise } from "./noise.js";
import * as ort from "./onnxruntime-web/ort.wasm.min.mjs";

/** @typedef {import("./bundle.js").Manifest} Manifest */
/** @typedef {import("./bundle.js").Sampler} Sampler */
/** @typedef {import("./bundle.js").Schedule} Schedule */
/** @typedef {import("./bundle.js").GraphEntry} GraphEntry */

/** The factors of a chain's steps, from the first to the last in a straight line; null where all are 1. @param {Schedule | undefined} schedule @param {number} steps */
export function relativeSteps(schedule, steps) {
  if (schedule === undefined) return null;
  const { start, end } = schedule;
  return Float32Array.from({ length: steps }, (_, i) => start + (end - start) * (steps > 1 ? i / (steps - 1) : 1));
}

/** Begins chains that have no frame before them: at noise, or where the bundle's initialiser puts them. */
export class ColdStart {
  /**
   * @param {{noise: () => Float32Array}} noise draws latents from N(0, I)
   * @param {Sampler} settings
   * @param {ort.InferenceSession} [initial] of `initial_latent`, if chains begin there
   * @param {GraphEntry} [entry] of that graph
   */
  constructor(noise, settings, initial, entry) {
    this.noise = noise;
    this.initial = initial;
    this.entry = entry;
    this.isLearned = initial !== undefined;
    const chain = this.isLearned && settings.initial ? settings.initial : { steps: settings.cold_steps, schedule: settings.schedule };
    /** Langevin steps of a chain, if nobody asks for another number. */
    this.steps = chain.steps;
    this.schedule = chain.schedule;
  }

  /** Where the chain of an image begins. @param {Float32Array} image @returns {Promise<Float32Array>} */
  async z(image) {
    if (this.initial === undefined || this.entry === undefined) return this.noise.noise();
    const found = await this.initial.run({ image: new ort.Tensor("float32", image, this.entry.inputs.image) }, ["z"]);
    const z = /** @type {Float32Array} */ (found.z.data);
    if (!z.every(Number.isFinite)) throw new EngineError("the initialiser's latent is not finite");
    return z;
  }

  /** The factors of a chain's steps; null where all are 1. @param {number} steps */
  sizes(steps) {
    return relativeSteps(this.schedule, steps);
  }
}

// -------------------------------------------------------------------------------------------------------------- golden steps

const OUTPUTS = ["z_next", "mask", "log_posterior"];
const MOST_VALUES = 16;
const SCALE = 0.1;

/** At most `MOST_VALUES` values, spread evenly. @param {Float32Array} values */
function spread(values) {
  const count = Math.min(values.length, MOST_VALUES);
  return Array.from({ length: count }, (_, i) => values[Math.floor((i * (values.length - 1)) / Math.max(count - 1, 1))]);
}

/** |found - expected| / |expected|. @param {number[]} found @param {number[]} expected */
function relative(found, expected) {
  const error = Math.hypot(...found.map((value, i) => value - expected[i]));
  const known = found.length === expected.length && Number.isFinite(error);
  return known ? error / Math.max(Math.hypot(...expected), 1e-9) : Infinity;
}

/**
 * Refuses an engine that does not repeat the bundle's golden steps (docs/bundle.md).
 * @param {Pick<ort.InferenceSession, "run">} session of `posterior_step`
 * @param {Manifest} manifest without golden steps there is nothing to check
 */
export async function checkGolden(session, { golden, graphs, name }) {
  if (golden === undefined) return;
  const shapes = graphs.posterior_step.inputs;
  for (const expected of [golden.first, golden.second]) {
    const draws = new NormalNoise(expected.seed);
    /** @type {Record<string, Float32Array>} */
    const inputs = {};
    for (const key of ["z", "noise", "image", "background"]) {
      if (!(key in shapes)) continue;
      const drawn = draws.draw(product(shapes[key]));
      inputs[key] = key === "z" || key === "noise" ? drawn : drawn.map((value) => Math.min(Math.max(value / 2, -1), 1));
    }
    if ("background_scale" in shapes) inputs.background_scale = new Float32Array(product(shapes.background_scale)).fill(SCALE);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, new ort.Tensor("float32", value, shapes[key])]));
    const found = await session.run(feeds, OUTPUTS).catch((/** @type {unknown} */ error) => {
      throw new EngineError(`onnxruntime failed: ${error instanceof Error ? error.message : error}`);
    });
    const z = spread(inputs.z);
    /** @param {number[]} values */
    const moved = (values) => values.map((value, i) => value - z[i]);
    const error = Math.max(
      relative(moved(spread(/** @type {Float32Array} */ (found.z_next.data))), moved(expected.z_next)),
      relative(spread(/** @type {Float32Array} */ (found.mask.data)), expected.mask),
      relative([/** @type {Float32Array} */ (found.log_posterior.data)[0]], [expected.log_posterior]),
    );
    if (!(error <= golden.tolerance)) {
      const [off, allowed] = [error.toExponential(1), golden.tolerance.toExponential(0)];
      throw new EngineError(`this browser does not compute what the model '${name}' does: a known step is off by ${off} where ${allowed} is allowed; try another browser`);
    }
  }
}
