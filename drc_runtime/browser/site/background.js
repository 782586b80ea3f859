// @ts-check
/** The background of a fixed camera, learned while it runs, as `drc_runtime/camera/background.py`. */
import { distance, median, shifted } from "./pictures.js";

const START_FRAMES = 25;
const MEMORY = 8;
const START_SCALE = 8;
const MOST_SCALE = 24;
/** Grey levels, channels summed: two colours that are nearer are one state of a pixel. */
export const SAME = 30;
const FOLLOW = 0.1;

/** The background picture, the scale of each pixel (mean absolute deviation of a channel), and what else each pixel has shown. */
export class OnlineBackground {
  /** @param {Float32Array} image the first frame @param {number} height @param {number} width */
  constructor(image, height, width) {
    this.height = height;
    this.width = width;
    this.image = image.slice();
    this.scale = new Float32Array(image.length / 3).fill(START_SCALE);
    this.seconds = 0;
    this.frames = 0;
    this.age = 1;
    /** @type {Float32Array[]} */
    this.first = [image.slice()];
    this.other = image.slice();
    this.otherSeconds = new Float32Array(this.scale.length);
    this.backgroundSeconds = new Float32Array(this.scale.length);
  }

  get starting() {
    return this.frames < START_FRAMES;
  }

  /** One M-step: Eq. 9 with the responsibilities fixed, a step of Robbins and Monro. @param {Float32Array} image @param {Float32Array} lit the background under the frame's light @param {Float32Array} responsibility @param {number} seconds since the last frame */
  update(image, lit, responsibility, seconds) {
    this.frames++;
    this.seconds += seconds;
    this.age++;
    this.vote(image, lit, responsibility, seconds);
    if (this.starting) {
      this.first.push(image.slice());
      for (let i = 0; i < image.length; i++) this.image[i] = median(this.first.map((frame) => frame[i]));
      return;
    }
    this.first = [];
    const rate = Math.min(Math.max(1 / this.age, seconds / MEMORY), 1);
    for (let i = 0; i < this.scale.length; i++) {
      const weight = (1 - responsibility[i]) * rate;
      for (let c = 3 * i; c < 3 * i + 3; c++) this.image[c] += weight * (image[c] - lit[c]);
      this.scale[i] += weight * (Math.min(distance(image, lit, i) / 3, MOST_SCALE) - this.scale[i]);
    }
  }

  /** A majority vote (Boyer and Moore) for the state that is not the background. @param {Float32Array} image @param {Float32Array} lit @param {Float32Array} responsibility @param {number} seconds */
  vote(image, lit, responsibility, seconds) {
    for (let i = 0; i < this.scale.length; i++) {
      if (!(responsibility[i] > 0.5)) {
        this.backgroundSeconds[i] += seconds;
        continue;
      }
      const colour = [0, 1, 2].map((c) => this.image[3 * i + c] + image[3 * i + c] - lit[3 * i + c]);
      const away = colour.map((value, c) => value - this.other[3 * i + c]);
      const near = Math.abs(away[0]) + Math.abs(away[1]) + Math.abs(away[2]) < SAME;
      this.otherSeconds[i] += near ? seconds : -seconds;
      if (near) away.forEach((value, c) => { this.other[3 * i + c] += FOLLOW * value; });
      else if (this.otherSeconds[i] <= 0) {
        this.other.set(colour, 3 * i);
        this.otherSeconds[i] = seconds;
      }
    }
  }

  /** Moves the whole state along with a camera, by x and y pixels, and learns its edges anew. @param {number} x @param {number} y */
  move(x, y) {
    /** @param {Float32Array} picture */
    const along = (picture) => shifted(picture, this.height, this.width, x, y);
    [this.image, this.scale, this.other] = [this.image, this.scale, this.other].map(along);
    [this.otherSeconds, this.backgroundSeconds] = [this.otherSeconds, this.backgroundSeconds].map(along);
    this.age = START_FRAMES;
  }

  /** @param {Uint8Array} where @param {Float32Array} colour becomes the background there */
  replace(where, colour) {
    for (let i = 0; i < where.length; i++) {
      if (!where[i]) continue;
      this.image.set(colour.subarray(3 * i, 3 * i + 3), 3 * i);
      this.scale[i] = START_SCALE;
      this.backgroundSeconds[i] = this.otherSeconds[i];
      this.otherSeconds[i] = 0;
    }
  }
}
