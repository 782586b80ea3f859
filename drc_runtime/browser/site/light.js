// @ts-check
/** The light of a frame, as `drc_runtime/camera/light.py`. */
import { median } from "./pictures.js";

const EVERY = 4;
const ROUNDS = 2;
const SEARCH_ROUNDS = 6;
const JUMP = 8;
const PRIOR = 100;
const NOISE = 4;
const LEAD = 0.1;
const MOST = 60;
const CLIPPED = 4;
const LEAST_GAIN = 0.25;
const FEWEST = 0.2;

/** @typedef {{gain: number[], offset: number[], residual: number}} Fit */

/** A gain and an offset for each channel, by least absolute deviations of every fourth pixel of every fourth row. */
export class Light {
  /** @param {number} height @param {number} width */
  constructor(height, width) {
    /** @type {Fit} */
    this.fitted = { gain: [1, 1, 1], offset: [0, 0, 0], residual: 0 };
    /** @type {number[]} */
    this.places = [];
    for (let y = 0; y < height; y += EVERY) for (let x = 0; x < width; x += EVERY) this.places.push(y * width + x);
  }

  /** @param {Float32Array} background */
  on(background) {
    const { gain, offset } = this.fitted;
    return background.map((value, i) => Math.min(Math.max(gain[i % 3] * value + offset[i % 3], 0), 255));
  }

  /** @param {Float32Array} image @param {Float32Array} background @param {Float32Array} sure how sure a pixel is background */
  fit(image, background, sure) {
    const [y, x] = [image, background].map((from) => this.places.flatMap((i) => [from[3 * i], from[3 * i + 1], from[3 * i + 2]]));
    const trusted = this.places.map((i) => sure[i]);
    const enough = trusted.reduce((a, b) => a + b, 0) / trusted.length >= FEWEST;
    const open = y.map((value) => (value > CLIPPED && value < 255 - CLIPPED ? 1 : 0) + 1e-6);
    const weight = open.map((value, i) => (enough ? (value - 1e-6) * trusted[Math.floor(i / 3)] + 1e-6 : value));
    let best = regress(x, y, weight, this.fitted, ROUNDS);
    if (best.residual > JUMP) {
      /** @param {number[]} from @param {number} c */
      const middle = (from, c) => median(from.filter((_, i) => i % 3 === c));
      const start = { gain: [0, 1, 2].map((c) => middle(y, c) / Math.max(middle(x, c), 1)), offset: [0, 0, 0], residual: 0 };
      const [other, again] = [start, this.fitted].map((from) => regress(x, y, open, from, SEARCH_ROUNDS));
      best = other.residual < again.residual - LEAD ? other : again;
    }
    this.fitted = best;
  }
}

/** Reweighted least squares from a start. @param {number[]} x @param {number[]} y @param {number[]} weight @param {Fit} start @param {number} rounds @returns {Fit} */
function regress(x, y, weight, start, rounds) {
  const [gain, offset] = [[...start.gain], [...start.offset]];
  for (let round = 0; round < rounds; round++) {
    for (let c = 0; c < 3; c++) {
      let [q, qx, qy, qxy, qxx] = [0, 0, 0, 0, 0];
      for (let i = c; i < x.length; i += 3) {
        const share = weight[i] / Math.max(Math.abs(y[i] - gain[c] * x[i] - offset[c]), NOISE);
        q += share;
        qx += share * x[i];
        qy += share * y[i];
        qxy += share * x[i] * y[i];
        qxx += share * x[i] * x[i];
      }
      const slope = (qxy / q - (qx / q) * (qy / q) + PRIOR) / (qxx / q - (qx / q) ** 2 + PRIOR);
      gain[c] = Math.min(Math.max(slope, LEAST_GAIN), 1 / LEAST_GAIN);
      offset[c] = (qy - gain[c] * qx) / q;
    }
  }
  let [sum, total] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    sum += weight[i] * Math.min(Math.abs(y[i] - gain[i % 3] * x[i] - offset[i % 3]), MOST);
    total += weight[i];
  }
  return { gain, offset, residual: sum / total };
}
