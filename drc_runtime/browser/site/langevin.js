// @ts-check
/** The Langevin steps of a chain, as `drc_runtime/inference/langevin.py`. */
import { EngineError, product } from "./bundle.js";
import { NormalNoise } from "./noise.js";
import * as ort from "./onnxruntime-web/ort.wasm.min.mjs";

/** @typedef {import("./bundle.js").Manifest} Manifest */

/**
 * @typedef {object} PosteriorSample a latent and the maps generated from it, those before its last step
 * @property {Float32Array} z after the last step
 * @property {Float32Array} log_posterior before the last step
 * @property {Float32Array} mask mixture weight pi_f
 * @property {Float32Array} foreground
 * @property {Float32Array} [background] needed for the responsibility of one slot
 * @property {Float32Array} [responsibility] Eq. 7 as the graph computes it
 */
const MAPS = ["log_posterior", "mask", "foreground"];

/** Whether Eq. 7 must be fetched from the graph, because the images of a sample do not say enough. @param {Manifest} manifest */
export const needsResponsibility = (manifest) => manifest.latent.foreground_slots > 1 || manifest.background === "input";

/** Runs `posterior_step` a number of times without noise: gradient ascent, which keeps masks steady (Listing 2). */
export class LangevinSampler {
  /** @param {ort.InferenceSession} session @param {Manifest} manifest @param {bigint | number} seed */
  constructor(session, manifest, seed = 0) {
    this.inputs = manifest.graphs.posterior_step.inputs;
    const { z } = this.inputs;
    if (z[0] !== 1) throw new EngineError(`the graph posterior_step takes ${z[0]} images at once; this page needs one that takes 1`);
    this.session = session;
    this.maps = [...MAPS, needsResponsibility(manifest) ? "responsibility" : "background"];
    /** @type {Record<string, ort.Tensor>} */
    this.given = {};
    this.random = new NormalNoise(seed);
    this.still = new ort.Tensor("float32", new Float32Array(product(z)), z);
  }

  /** Sets a further input of the graph for the runs that follow. @param {string} name @param {Float32Array} values */
  give(name, values) {
    this.given[name] = new ort.Tensor("float32", values, this.inputs[name]);
  }

  /** A latent from N(0, I), where a cold start begins. */
  noise() {
    return this.random.draw(this.inputs.z[1]);
  }

  /**
   * `steps` steps from `z` towards the posterior of `image`.
   * @param {Float32Array} image
   * @param {Float32Array} z
   * @param {number} steps 1 or more
   * @param {Float32Array | null} [sizes] the factors a_k of the steps: z += a_k (z_next - z); null: all are 1
   * @returns {Promise<PosteriorSample>}
   */
  async run(image, z, steps, sizes = null) {
    const picture = new ort.Tensor("float32", image, this.inputs.image);
    /** @type {Record<string, ort.Tensor>} */
    let outputs = {};
    for (let step = 1; step <= steps; step++) {
      const latent = new ort.Tensor("float32", z, this.inputs.z);
      try {
        outputs = await this.session.run(
          { ...this.given, z: latent, image: picture, noise: this.still },
          step === steps ? ["z_next", ...this.maps] : ["z_next"],
        );
      } catch (error) {
        throw new EngineError(`onnxruntime failed: ${firstLine(error)}`);
      }
      const next = /** @type {Float32Array} */ (outputs.z_next.data);
      if (sizes === null) z = next;
      else {
        const [from, size] = [z, sizes[step - 1]];
        z = next.map((value, i) => from[i] + Math.fround(size * Math.fround(value - from[i])));
      }
    }
    if (!z.every(Number.isFinite) || !Number.isFinite(outputs.log_posterior.data[0])) {
      throw new EngineError(`the Langevin chain diverged within ${steps} steps: the model's step size is too large`);
    }
    const maps = Object.fromEntries(this.maps.map((name) => [name, outputs[name].data]));
    return /** @type {PosteriorSample} */ ({ z, ...maps });
  }
}

/** @param {unknown} error */
export const firstLine = (error) => String(error instanceof Error ? error.message : error).trim().split("\n")[0];
