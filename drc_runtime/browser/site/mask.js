// @ts-check
/** The mask of an image from a posterior sample, as `drc_runtime/inference/mask.py`. */
import { UsageError } from "./bundle.js";
import { needsResponsibility } from "./langevin.js";
import { FILTER_SCALE, eachScaledRow, resizeOnceAndTwice, resizePlane, rint, toByte, toTensor } from "./preprocess.js";

/** @typedef {import("./bundle.js").Manifest} Manifest */
/** @typedef {import("./langevin.js").PosteriorSample} PosteriorSample */
/** @typedef {import("./preprocess.js").RGBA} RGBA */
/** @typedef {import("./preprocess.js").RGB} RGB */
/** @typedef {import("./preprocess.js").Plane} Plane */

export const MASKS = ["responsibility", "mixture"];
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
