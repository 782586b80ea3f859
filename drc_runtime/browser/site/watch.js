// @ts-check
/** Watches the camera itself: moved, covered, without colour, lost; as `drc_runtime/camera/watch.py`, which says why. */
import { greyPlane, median } from "./pictures.js";
import { findShift } from "./shift.js";

/** @typedef {import("./background.js").OnlineBackground} OnlineBackground */

const CONFIRM_SECONDS = 0.2;
const MOVED = 0.3;
const EXPLAINED = 0.8;
const SAME_SHIFT = 0.3;
const LOOK_EVERY = 3;
const COVERED_TEXTURE = 0.5;
const COVERED_LIKENESS = 0.3;
const GREY_CHROMA = 2;
const COLOUR_CHROMA = 6;
const DARK_TEXTURE = 1.5;
const JUMP = 20;
const JUMP_SECONDS = 1;
const FROZEN_SECONDS = 1;

/** What is told when a state begins and when it ends. */
const LINES = /** @type {Record<string, [string, string]>} */ ({
  dark: ["the camera shows nothing: no signal, or no light", "the camera shows a picture again"],
  covered: ["the camera is covered", "the camera is free again"],
  grey: ["the camera shows no colour: compared in grey", "colour is back"],
  frozen: ["the camera sends the same picture again and again", "it moves again"],
  light: ["the light has changed", ""],
});

/** Looks at a frame before its E-step. */
export class CameraWatch {
  /** @param {number} height @param {number} width */
  constructor(height, width) {
    this.height = height;
    this.width = width;
    /** @type {string[]} lines for the user, to be taken away by the caller */
    this.notices = [];
    /** Whether the M-step may run: not while the camera is covered or shows nothing. */
    this.adapts = true;
    /** Whether the camera shows no colour though the background has some. */
    this.grey = false;
    /** Seconds that each state has lasted. */
    this.lasted = { dark: 0, covered: 0, grey: 0, frozen: 0, shift: 0 };
    /** @type {{x: number, y: number}[]} */
    this.shifts = [];
    this.told = new Set();
    this.frames = 0;
    /** @type {number | null} */
    this.level = null;
    /** @type {Float32Array | null} */
    this.last = null;
  }

  /**
   * Notices what has happened to the camera, and moves the background along with a camera that was moved.
   * @param {Float32Array} image the frame
   * @param {Float32Array} lit the background under its light
   * @param {Float32Array} sure how sure a pixel is background: by the frame before
   * @param {OnlineBackground} background changed in place by a shift
   * @param {number} seconds since the frame before
   * @returns {boolean} whether `lit` no longer holds
   */
  look(image, lit, sure, background, seconds) {
    if (background.starting) return false;
    const [texture, known] = [deviation(image), deviation(background.image)];
    const dark = this.lasts("dark", texture < DARK_TEXTURE && known > 2 * DARK_TEXTURE, seconds);
    const covered = texture < COVERED_TEXTURE * known && likeness(image, background.image) < COVERED_LIKENESS;
    const hidden = this.lasts("covered", covered, seconds);
    this.tell("dark", dark);
    this.tell("covered", hidden && !dark);
    this.adapts = !(this.lasted.dark || this.lasted.covered);
    const without = chroma(image) < GREY_CHROMA && chroma(background.image) > COLOUR_CHROMA && texture > DARK_TEXTURE;
    const changed = this.grey !== without;
    this.grey = without;
    this.tell("grey", this.lasts("grey", without, seconds));
    const { last } = this;
    this.tell("frozen", this.lasts("frozen", last !== null && image.every((value, i) => value === last[i]), seconds, FROZEN_SECONDS));
    this.last = image;
    this.frames++;
    if (!this.adapts || this.frames % LOOK_EVERY) return changed;
    return this.followShift(image, lit, sure, background, LOOK_EVERY * seconds) || changed;
  }

  /** Tells of a sudden change of the light. @param {number} gain mean of the channels @param {number} offset likewise @param {number} seconds */
  light(gain, offset, seconds) {
    const level = 128 * gain + offset;
    this.level ??= level;
    this.tell("light", Math.abs(level - this.level) > JUMP);
    this.level += Math.min(seconds / JUMP_SECONDS, 1) * (level - this.level);
  }

  /** @param {Float32Array} image @param {Float32Array} lit @param {Float32Array} sure @param {OnlineBackground} background @param {number} seconds */
  followShift(image, lit, sure, background, seconds) {
    const { x, y, left } = findShift(lit, image, sure, this.height, this.width);
    const before = this.shifts.at(-1);
    const small = Math.max(Math.abs(x), Math.abs(y)) < MOVED || left > EXPLAINED;
    if (small || (before && Math.max(Math.abs(x - before.x), Math.abs(y - before.y)) > SAME_SHIFT)) this.forgetShift();
    if (small) return false;
    this.shifts.push({ x, y });
    this.lasted.shift += seconds;
    if (this.lasted.shift < CONFIRM_SECONDS) return false;
    const [across, down] = [median(this.shifts.map((it) => it.x)), median(this.shifts.map((it) => it.y))];
    background.move(across, down);
    this.forgetShift();
    const percent = (100 * Math.hypot(across, down)) / this.width;
    this.notices.push(`the camera has moved by ${percent.toFixed(1)} % of the picture; its background follows`);
    return true;
  }

  forgetShift() {
    this.shifts = [];
    this.lasted.shift = 0;
  }

  /** Counts how long a state lasts: whether it is long enough. @param {"dark" | "covered" | "grey" | "frozen"} what @param {boolean} now @param {number} seconds @param {number} enough */
  lasts(what, now, seconds, enough = CONFIRM_SECONDS) {
    this.lasted[what] = now ? this.lasted[what] + seconds : 0;
    return this.lasted[what] >= enough;
  }

  /** @param {string} what one of `LINES` @param {boolean} now */
  tell(what, now) {
    if (now === this.told.has(what)) return;
    const line = LINES[what][now ? 0 : 1];
    if (now) this.told.add(what);
    else this.told.delete(what);
    if (line) this.notices.push(line);
  }
}

/** @param {Float32Array} picture */
function mean(picture) {
  let sum = 0;
  for (let i = 0; i < picture.length; i++) sum += picture[i];
  return sum / picture.length;
}

/** The standard deviation. @param {Float32Array} picture */
function deviation(picture) {
  const middle = mean(picture);
  let sum = 0;
  for (let i = 0; i < picture.length; i++) sum += (picture[i] - middle) * (picture[i] - middle);
  return Math.sqrt(sum / picture.length);
}

/** The correlation of two pictures. @param {Float32Array} first @param {Float32Array} second */
function likeness(first, second) {
  const [a, b] = [mean(first), mean(second)];
  let sum = 0;
  for (let i = 0; i < first.length; i++) sum += (first[i] - a) * (second[i] - b);
  return sum / first.length / Math.max(deviation(first) * deviation(second), 1e-6);
}

/** Mean difference of a channel from grey. @param {Float32Array} picture */
function chroma(picture) {
  const grey = greyPlane(picture);
  let sum = 0;
  for (let i = 0; i < picture.length; i++) sum += Math.abs(picture[i] - grey[Math.floor(i / 3)]);
  return sum / picture.length;
}
