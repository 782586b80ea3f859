// @ts-check
/** The state of one video, as `drc_runtime/inference/tracking.py`. */
import { UsageError } from "./bundle.js";
import { median } from "./pictures.js";
import { ColdStart } from "./start.js";

/** @typedef {import("./bundle.js").Sampler} Sampler */
/** @typedef {import("./langevin.js").LangevinSampler} LangevinSampler */
/** @typedef {import("./langevin.js").PosteriorSample} PosteriorSample */
/** @typedef {import("./mask.js").MaskReader} MaskReader */
/** @typedef {import("./preprocess.js").RGBA} RGBA */

/** Seconds from a frame to the next, if nobody says. */
export const FRAME_SECONDS = 0.04;
const LOW_FRAMES = 3;
const MORE = 4;
const BASELINE_FRAMES = 50;
const FEWEST_FRAMES = 5;
const SPREADS = 8;
const LEAST_SHARE = 0.05;

/** The state of one video, as `drc_runtime/inference/tracking.py` describes it. */
export class Track {
  /**
   * @param {LangevinSampler} sampler
   * @param {MaskReader} reader
   * @param {Sampler} settings
   * @param {number} [steps] for an ordinary frame
   * @param {number} [budget] the most steps for a frame after the first
   * @param {ColdStart} [start] begins the chains that have no frame before them
   */
  constructor(sampler, reader, settings, steps = settings.track_steps, budget = undefined, start = new ColdStart(sampler, settings)) {
    if (!(steps >= 1)) throw new UsageError(`${steps} steps a frame are too few: give 1 or more`);
    /** Langevin steps for an ordinary frame; may be changed between two frames. */
    this.steps = steps;
    /** The most steps for a frame after the first; undefined: no limit. */
    this.budget = budget === undefined ? undefined : Math.max(steps, budget);
    /** Number of cold chains after the first. */
    this.restarts = 0;
    this.sampler = sampler;
    this.reader = reader;
    this.start = start;
    this.cold = Math.max(start.steps, steps);
    this.sizes = start.sizes(this.cold);
    /** @type {number[]} log-posteriors of the latest ordinary frames */
    this.baseline = [];
    this.low = 0;
    /** @type {Float32Array | null} */
    this.z = null;
    /** @type {Float32Array | null} */
    this.second = null;
    this.left = 0;
  }

  /**
   * Extracts the foreground of the next frame; after an error it starts from noise again.
   * @param {RGBA} image
   * @param {number} [seconds] since the frame before; only a model of any fixed camera has a use for it
   */
  async step(image, seconds = FRAME_SECONDS) {
    try {
      return await this.reader.read(image, (tensor) => this.sample(tensor, seconds));
    } catch (error) {
      this.z = this.second = null;
      throw error;
    }
  }

  /** @returns {string[]} lines about the camera since the last call, for the user */
  takeNotices() {
    return [];
  }

  /** The posterior sample of the next frame, and the steps it took. @param {Float32Array} image @param {number} [_seconds] @returns {Promise<[PosteriorSample, number]>} */
  async sample(image, _seconds) {
    let sample;
    let taken;
    if (this.z === null) {
      [sample, taken] = [await this.sampler.run(image, await this.start.z(image), this.cold, this.sizes), this.cold];
    } else if (this.second !== null) {
      [sample, taken] = await this.race(image, this.z, this.second, this.budget);
    } else {
      [sample, taken] = [await this.sampler.run(image, this.z, this.steps), this.steps];
      if (this.isLow(sample.log_posterior[0])) {
        [sample, taken] = await this.takeMore(image, sample);
      } else {
        this.low = 0;
        this.baseline = [...this.baseline, sample.log_posterior[0]].slice(-BASELINE_FRAMES);
      }
    }
    this.z = sample.z;
    return [sample, taken];
  }

  /** @param {Float32Array} image @param {PosteriorSample} sample @returns {Promise<[PosteriorSample, number]>} */
  async takeMore(image, sample) {
    if (this.start.isLearned) {
      this.restarts++;
      [this.second, this.left] = [await this.start.z(image), this.cold];
      const left = this.budget === undefined ? undefined : this.budget - this.steps;
      const [better, taken] = await this.race(image, sample.z, this.second, left);
      return [better, this.steps + taken];
    }
    this.low++;
    const more = (this.budget ?? MORE * this.steps) - this.steps;
    if (more > 0) {
      sample = await this.sampler.run(image, sample.z, more);
      if (!this.isLow(sample.log_posterior[0])) this.low = 0;
    }
    if (this.low >= LOW_FRAMES) {
      this.low = 0;
      this.restarts++;
      [this.second, this.left] = [await this.start.z(image), this.cold];
    }
    return [sample, this.steps + Math.max(more, 0)];
  }

  /** Runs both chains within a budget of steps. @param {Float32Array} image @param {Float32Array} z @param {Float32Array} second @param {number | undefined} most @returns {Promise<[PosteriorSample, number]>} */
  async race(image, z, second, most) {
    const budget = most === undefined ? this.cold + this.steps : Math.max(most, 2);
    const first = Math.max(1, Math.min(this.steps, budget >> 1));
    const others = Math.min(budget - first, this.left);
    const done = this.cold - this.left;
    const cold = await this.sampler.run(image, second, others, this.sizes && this.sizes.subarray(done, done + others));
    const warm = await this.sampler.run(image, z, first);
    this.second = cold.z;
    this.left -= others;
    const won = cold.log_posterior[0] > warm.log_posterior[0];
    if (won || this.left <= 0) {
      this.second = null;
      this.baseline = [];
    }
    return [won ? cold : warm, first + others];
  }

  /** Whether a frame lies far below the median of the baseline. @param {number} logPosterior */
  isLow(logPosterior) {
    if (this.baseline.length < FEWEST_FRAMES) return false;
    const middle = median(this.baseline);
    const deviation = 1.4826 * median(this.baseline.map((value) => Math.abs(value - middle)));
    return logPosterior < middle - Math.max(SPREADS * deviation, LEAST_SHARE * Math.abs(middle));
  }
}
