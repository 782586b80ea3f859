// @ts-check
/**
 * The runtime in a browser: images in, foreground masks out. The same contract and the same names as `drc_runtime` in Python and
 * `libdrc` in C++; docs/bundle.md and docs/noise.md are the specifications. Usable alone, best in a worker:
 *
 *     import { Extractor } from "./drc.js";
 *     const extractor = await Extractor.load("bundle/");
 *     const { probability } = await extractor.track().step(context.getImageData(0, 0, width, height));
 *
 * Images are `ImageData`: RGBA of 8 bits, whose alpha is ignored. Tensors are planar RGB, float32 in [-1, 1].
 */
import { BundleError, DRCError, EngineError, UsageError, product, readBundle } from "./bundle.js";
import { FixedCamera } from "./camera.js";
import { NormalNoise } from "./noise.js";
import * as ort from "./onnxruntime-web/ort.wasm.min.mjs";
import { ColdStart, checkGolden } from "./start.js";

export { BundleError, DRCError, EngineError, NormalNoise, UsageError };

/** @typedef {import("./bundle.js").Manifest} Manifest */
/** @typedef {import("./bundle.js").Sampler} Sampler */
/** @typedef {import("./bundle.js").GraphEntry} GraphEntry */
/** @typedef {{data: Uint8ClampedArray | Uint8Array, width: number, height: number}} RGBA */
/** @typedef {{data: Uint8Array, width: number, height: number}} RGB */
/** @typedef {{data: Float32Array, width: number, height: number}} Plane */

// ---------------------------------------------------------------------------------------------------------------- preprocessing

const MAGIC = 1.5 * 2 ** 52;
/** Rounds to the nearest whole number, halves to the even one, as numpy and OpenCV do; exact up to 2^51. @param {number} value */
const rint = (value) => value + MAGIC - MAGIC;

/**
 * Scales an image: first area averaging on each side that shrinks, then bilinear interpolation on each side that grows.
 * @param {RGBA} image
 * @param {number} height
 * @param {number} width
 * @returns {RGB}
 */
export function resize(image, height, width) {
  const [h, w] = [Math.min(height, image.height), Math.min(width, image.width)];
  const means = averages(image, h, w);
  const small = { data: new Uint8Array(means.length), height: h, width: w };
  for (let i = 0; i < means.length; i++) small.data[i] = rint(means[i]);
  if (h === height && w === width) return small;
  const data = new Uint8Array(3 * height * width);
  const plane = { data: new Float32Array(h * w), height: h, width: w };
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < h * w; i++) plane.data[i] = small.data[3 * i + channel];
    const scaled = resizePlane(plane, height, width).data;
    for (let i = 0; i < height * width; i++) data[3 * i + channel] = rint(scaled[i]);
  }
  return { data, height, width };
}

/**
 * An image at a size and at `FILTER_SCALE` times that. Where both are smaller than the image, one pass makes both.
 * @param {RGBA} image
 * @param {number} height
 * @param {number} width
 * @returns {[RGB, RGB]}
 */
function resizeOnceAndTwice(image, height, width) {
  const [rows, columns] = [FILTER_SCALE * height, FILTER_SCALE * width];
  if (image.height < rows || image.width < columns) return [resize(image, height, width), resize(image, rows, columns)];
  const means = averages(image, rows, columns);
  const large = { data: new Uint8Array(means.length), height: rows, width: columns };
  for (let i = 0; i < means.length; i++) large.data[i] = rint(means[i]);
  const data = new Uint8Array(3 * height * width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let from = 6 * y * columns, end = from + 3 * columns; from < end; from += 3) {
      for (let c = 0; c < 3; c++, from++) {
        data[at++] = rint((means[from] + means[from + 3] + means[from + 3 * columns] + means[from + 3 * columns + 3]) / 4);
      }
    }
  }
  return [{ data, height, width }, large];
}

/**
 * The average colour of each cell when an image is divided into `height` x `width` cells, which are no smaller than a pixel.
 * @param {RGBA} image
 * @param {number} height
 * @param {number} width
 */
function averages({ data, height: rows, width: columns }, height, width) {
  const line = new Float32Array(3 * columns);
  const result = new Float32Array(3 * height * width);
  const scale = (height * width) / (rows * columns);
  for (let y = 0, at = 0; y < height; y++) {
    line.fill(0);
    // a cell's span is [start, end) / height, in whole numbers, so that neighbours divide a pixel exactly
    for (let row = Math.floor((y * rows) / height); row * height < (y + 1) * rows; row++) {
      addRow(line, data, 4 * row * columns, (Math.min((y + 1) * rows, (row + 1) * height) - Math.max(y * rows, row * height)) / height);
    }
    for (let x = 0; x < width; x++) {
      const [start, end] = [x * columns, (x + 1) * columns];
      let [red, green, blue] = [0, 0, 0];
      for (let pixel = Math.floor(start / width); pixel * width < end; pixel++) {
        const share = (Math.min(end, (pixel + 1) * width) - Math.max(start, pixel * width)) / width;
        red += share * line[3 * pixel];
        green += share * line[3 * pixel + 1];
        blue += share * line[3 * pixel + 2];
      }
      result[at++] = red * scale;
      result[at++] = green * scale;
      result[at++] = blue * scale;
    }
  }
  return result;
}

/** Adds a row of RGBA pixels, with a weight, to sums of RGB. @param {Float32Array} line @param {Uint8ClampedArray | Uint8Array} data @param {number} from @param {number} share */
function addRow(line, data, from, share) {
  for (let i = 0; i < line.length; i += 3, from += 4) {
    line[i] += share * data[from];
    line[i + 1] += share * data[from + 1];
    line[i + 2] += share * data[from + 2];
  }
}

/**
 * Bilinear interpolation between the centres of pixels.
 * @param {Plane} plane
 * @param {number} height
 * @param {number} width
 * @returns {Plane}
 */
export function resizePlane(plane, height, width) {
  const data = new Float32Array(height * width);
  eachScaledRow(plane, height, width, (row, y) => data.set(row, y * width));
  return { data, height, width };
}

/**
 * Calls `use` for each row of the scaled plane, which is overwritten by the next one.
 * @param {Plane} plane
 * @param {number} height
 * @param {number} width
 * @param {(row: Float32Array, y: number) => void} use
 */
function eachScaledRow(plane, height, width, use) {
  /** @param {number} to @param {number} from @returns {[Int32Array, Float32Array]} */
  const places = (to, from) => {
    const [first, share] = [new Int32Array(to), new Float32Array(to)];
    for (let i = 0; i < to; i++) {
      const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
      first[i] = Math.min(Math.floor(place), Math.max(from - 2, 0));
      share[i] = place - first[i];
    }
    return [first, share];
  };
  const [[left, x], [top, y]] = [places(width, plane.width), places(height, plane.height)];
  const [between, row] = [new Float32Array(plane.width + 1), new Float32Array(width)];
  const below = plane.height > 1 ? plane.width : 0;
  for (let i = 0; i < height; i++) {
    for (let j = 0, from = top[i] * plane.width; j < plane.width; j++, from++) {
      between[j] = plane.data[from] + y[i] * (plane.data[from + below] - plane.data[from]);
    }
    between[plane.width] = between[plane.width - 1];
    for (let j = 0; j < width; j++) row[j] = between[left[j]] + x[j] * (between[left[j] + 1] - between[left[j]]);
    use(row, i);
  }
}

/** The network's tensor of an image that has its size. @param {RGB} image */
export function toTensor({ data, height, width }) {
  const plane = height * width;
  const tensor = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) tensor[c * plane + i] = Math.fround(data[3 * i + c] / 127.5) - 1;
  return tensor;
}

/** A value of [-1, 1] as a grey level. @param {number} value */
const toByte = (value) => Math.min(Math.max(rint(Math.fround(Math.fround(value + 1) * 127.5)), 0), 255);

// ---------------------------------------------------------------------------------------------------------------------- mask

export const MASKS = ["responsibility", "mixture"];
const FILTER_SCALE = 2;
const FILTER_RADIUS = 2;
const FILTER_TEXTURE = 65;
const LARGEST_LOG_ODDS = 8;
const SIGMOID = Uint8Array.from({ length: 256 }, (_, i) => rint(255 / (1 + Math.exp(LARGEST_LOG_ODDS * (1 - i / 127.5)))));

/** The foreground probability, 0 to 255, of log-odds, by a table of 256 entries. @param {number} logOdds */
const sigmoid = (logOdds) => SIGMOID[Math.min(Math.max(rint(logOdds * (127.5 / LARGEST_LOG_ODDS) + 127.5), 0), 255)];
/** @param {number} probability */
const logit = (probability) => {
  const clipped = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return Math.log(clipped / (1 - clipped));
};

/**
 * @typedef {object} Extraction
 * @property {Uint8Array} probability of each pixel of the image, 0 (background) to 255 (foreground)
 * @property {number} width of the image
 * @property {number} height
 * @property {Plane} logOdds the foreground's, at the network's resolution
 * @property {number} logPosterior of the latent that the mask was read from, without constants
 * @property {number} steps Langevin steps taken
 * @property {{preprocess: number, steps: number, mask: number}} milliseconds of each stage
 */
/** @typedef {(image: Float32Array) => Promise<[PosteriorSample, number]>} Chain */

/** Reads masks from posterior samples of images, as `drc_runtime/inference/mask.py` does. */
export class MaskReader {
  /** @param {Manifest} manifest @param {string} mask one of `MASKS` */
  constructor(manifest, mask = "responsibility") {
    if (!MASKS.includes(mask)) throw new UsageError(`no mask '${mask}': choose one of ${MASKS.join(", ")}`);
    this.manifest = manifest;
    this.mask = mask;
  }

  /** Runs `chain` on an image and reads the mask of the sample. @param {RGBA} image @param {Chain} chain @returns {Promise<Extraction>} */
  async read(image, chain) {
    const begun = performance.now();
    const [small, guide] = resizeOnceAndTwice(image, ...this.manifest.image_size);
    const tensor = toTensor(small);
    const prepared = performance.now();
    const [sample, steps] = await chain(tensor);
    const sampled = performance.now();
    const logOdds = this.logOdds(small, sample);
    const plane = this.mask === "responsibility" ? followEdges(logOdds, guide) : logOdds;
    const { width, height } = image;
    const probability = new Uint8Array(width * height);
    eachScaledRow(plane, height, width, (row, y) => {
      for (let x = 0, at = y * width; x < width; x++) probability[at++] = sigmoid(row[x]);
    });
    const milliseconds = { preprocess: prepared - begun, steps: sampled - prepared, mask: performance.now() - sampled };
    return { probability, width, height, logOdds, logPosterior: sample.log_posterior[0], steps, milliseconds };
  }

  /** The foreground's log-odds (Eq. 7) at the network's resolution. @param {RGB} image @param {PosteriorSample} sample @returns {Plane} */
  logOdds({ data: pixels, height, width }, sample) {
    const { sampler } = this.manifest;
    const background = /** @type {Float32Array} */ (sample.background);
    const data = new Float32Array(height * width);
    if (this.mask === "mixture" || needsResponsibility(this.manifest)) {
      const map = this.mask === "mixture" ? sample.mask : /** @type {Float32Array} */ (sample.responsibility);
      return { data: data.map((_, i) => logit(map[i])), height, width };
    }
    const gaussian = sampler.likelihood === "gaussian";
    const scale = 1 / ((gaussian ? 127.5 ** 2 : 127.5) * 2 * sampler.sigma ** 2);
    const constant = -3 * (gaussian ? 1 : 2) * Math.log(sampler.foreground_spread);
    for (let i = 0; i < data.length; i++) {
      let sum = logit(sample.mask[i]) + constant;
      for (let c = 0; c < 3; c++) {
        const [at, pixel] = [c * data.length + i, pixels[3 * i + c]];
        const [b, f] = [Math.abs(pixel - toByte(background[at])), Math.abs(pixel - toByte(sample.foreground[at]))];
        sum += scale * ((gaussian ? b * b : b) - (gaussian ? f * f : f) / sampler.foreground_spread ** 2);
      }
      data[i] = sum;
    }
    return { data, height, width };
  }
}

/**
 * Scales log-odds up with a guided filter, so that their edges lie on edges of the image (He, Sun and Tang, 2010, Eqs. 5, 6, 8).
 * @param {Plane} logOdds
 * @param {RGB} guide the image at `FILTER_SCALE` times the network's resolution
 * @returns {Plane} of its size
 */
function followEdges(logOdds, { data: guide, height, width }) {
  const grey = new Float32Array(height * width);
  for (let i = 0; i < grey.length; i++) grey[i] = (9798 * guide[3 * i] + 19235 * guide[3 * i + 1] + 3735 * guide[3 * i + 2] + 16384) >> 15;
  const clipped = { ...logOdds, data: logOdds.data.map((it) => Math.min(Math.max(it, -LARGEST_LOG_ODDS), LARGEST_LOG_ODDS)) };
  const plane = resizePlane(clipped, height, width).data;
  const [product_, square] = [new Float32Array(grey.length), new Float32Array(grey.length)];
  for (let i = 0; i < grey.length; i++) {
    product_[i] = grey[i] * plane[i];
    square[i] = grey[i] * grey[i];
  }
  const [greyMean, planeMean, productMean, squareMean] = [grey, plane, product_, square].map((it) => boxMean(it, height, width));
  const [slope, offset] = [product_, square]; // their memory
  for (let i = 0; i < grey.length; i++) {
    slope[i] = (productMean[i] - greyMean[i] * planeMean[i]) / (squareMean[i] - greyMean[i] * greyMean[i] + FILTER_TEXTURE);
    offset[i] = planeMean[i] - slope[i] * greyMean[i];
  }
  const [slopeMean, data] = [boxMean(slope, height, width), boxMean(offset, height, width)];
  for (let i = 0; i < data.length; i++) data[i] += slopeMean[i] * grey[i];
  return { data, height, width };
}

/** The mean of each window, mirrored at the edges. @param {Float32Array} plane @param {number} height @param {number} width */
function boxMean(plane, height, width) {
  const [between, result] = [new Float32Array(plane.length), new Float32Array(plane.length)];
  boxPass(plane, between, width, 1, height, width);
  boxPass(between, result, height, width, width, 1);
  return result;
}

/** One direction of `boxMean`: `lines` lines of `count` values that lie `step` apart. @param {Float32Array} from @param {Float32Array} to @param {number} count @param {number} step @param {number} lines @param {number} pitch */
function boxPass(from, to, count, step, lines, pitch) {
  const window = 2 * FILTER_RADIUS + 1;
  const places = Int32Array.from({ length: count + window - 1 }, (_, i) => {
    const place = Math.abs(i - FILTER_RADIUS);
    return step * Math.min(Math.max(Math.min(place, 2 * count - 2 - place), 0), count - 1);
  });
  for (let line = 0; line < lines; line++) {
    const start = line * pitch;
    for (let i = 0, at = start; i < count; i++, at += step) {
      let sum = 0;
      for (let k = 0; k < window; k++) sum += from[start + places[i + k]];
      to[at] = sum / window;
    }
  }
}

// ------------------------------------------------------------------------------------------------------------------ Langevin

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
const FRAME_SECONDS = 0.04;

/** Whether Eq. 7 must be fetched from the graph, because the images of a sample do not say enough. @param {Manifest} manifest */
const needsResponsibility = (manifest) => manifest.latent.foreground_slots > 1 || manifest.background === "input";

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
const firstLine = (error) => String(error instanceof Error ? error.message : error).trim().split("\n")[0];

// ------------------------------------------------------------------------------------------------------------------ tracking

const LOW_FRAMES = 3;
const MORE = 4;
const BASELINE_FRAMES = 50;
const FEWEST_FRAMES = 5;
const SPREADS = 8;
const LEAST_SHARE = 0.05;

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

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

/** A track that gives each frame's chain the camera's background, and updates it by the chain's responsibility. */
class CameraTrack extends Track {
  /** @type {FixedCamera | null} the state; null before the first frame */
  camera = null;

  /** @param {Float32Array} image @param {number} [seconds] @returns {Promise<[PosteriorSample, number]>} */
  async sample(image, seconds = FRAME_SECONDS) {
    const [height, width] = this.reader.manifest.image_size;
    const plane = height * width;
    const grey = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) grey[3 * (i % plane) + Math.floor(i / plane)] = (image[i] + 1) * 127.5;
    this.camera ??= new FixedCamera(grey, height, width);
    const { background, scale } = this.camera.look(grey);
    const planar = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) planar[i] = background[3 * (i % plane) + Math.floor(i / plane)] / 127.5 - 1;
    this.sampler.give("background", planar);
    this.sampler.give("background_scale", scale.map((value) => value / 127.5));
    const [sample, taken] = await super.sample(image);
    this.camera.learn(/** @type {Float32Array} */ (sample.responsibility), seconds);
    return [sample, taken];
  }
}

// ----------------------------------------------------------------------------------------------------------------- extractor

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
