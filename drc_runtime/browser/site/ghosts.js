// @ts-check
/** Which of a region's two states is the background, as `drc_runtime/camera/ghosts.py`. */
import { SAME } from "./background.js";
import { distance, greyPlane, sobel } from "./pictures.js";

/** @typedef {import("./background.js").OnlineBackground} OnlineBackground */

const START_SECONDS = 1;
const STILL = 24;
const STILL_SECONDS = 0.3;
const STILL_SHARE = 0.8;
const LEAST_PIXELS = 4;
const GHOST = 1.5;
const OBJECT = 0.5;
const PROVISIONAL = 10;

/** Replaces the background where it shows something that is not there any more, or where a thing stays. */
export class GhostFinder {
  /** @param {number} height @param {number} width @param {number} absorb */
  constructor(height, width, absorb) {
    this.height = height;
    this.width = width;
    this.absorb = absorb;
    /** @type {Float32Array | null} */
    this.last = null;
    this.still = new Float32Array(height * width);
  }

  /** After `OnlineBackground.update`, with its arguments. @param {OnlineBackground} background @param {Float32Array} image @param {Float32Array} lit @param {Float32Array} responsibility @param {number} seconds */
  replace(background, image, lit, responsibility, seconds) {
    const foreground = Uint8Array.from(responsibility, (value) => Number(value > 0.5));
    for (let i = 0; this.last && i < foreground.length; i++) {
      this.still[i] = foreground[i] && distance(image, this.last, i) <= STILL ? this.still[i] + seconds : 0;
    }
    this.last = image.slice();
    if (background.seconds < START_SECONDS || !foreground.includes(1)) return;
    const still = Uint8Array.from(this.still, (value) => Number(value > STILL_SECONDS));
    const colour = background.image.map((value, i) => value + image[i] - lit[i]);
    const [inFrame, inBackground] = [this.edges(image), this.edges(lit)];
    for (const region of this.regions(foreground, still, LEAST_PIXELS, STILL_SHARE)) {
      if (this.ratio(region, inFrame, inBackground) > GHOST) background.replace(this.dilated(region), colour);
    }
    const { otherSeconds, backgroundSeconds, other } = background;
    const longer = foreground.map((is, i) => {
      const replaces = otherSeconds[i] > backgroundSeconds[i] && backgroundSeconds[i] < PROVISIONAL && otherSeconds[i] > START_SECONDS;
      return Number(is && (replaces || otherSeconds[i] > this.absorb) && distance(colour, other, i) < SAME);
    });
    for (const region of this.regions(longer, longer, 1, 0)) {
      const absorbed = region.every((is, i) => !is || otherSeconds[i] > this.absorb);
      if (absorbed || this.ratio(region, inFrame, inBackground) > OBJECT) background.replace(region, colour);
    }
  }

  /** Mean edge of the background along a region's outline, divided by that of the frame. @param {Uint8Array} region @param {Float32Array} inFrame @param {Float32Array} inBackground */
  ratio(region, inFrame, inBackground) {
    const grown = this.dilated(region);
    const shrunk = this.dilated(region.map((is) => 1 - is));
    let [count, frame, background] = [0, 0, 0];
    for (let i = 0; i < region.length; i++) {
      if (!(grown[i] && shrunk[i])) continue;
      count++;
      frame += inFrame[i];
      background += inBackground[i];
    }
    return (background / count + 1) / (frame / count + 1);
  }

  /** @param {Uint8Array} region */
  dilated(region) {
    const { height, width } = this;
    const grown = new Uint8Array(region.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!region[y * width + x]) continue;
        for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
          grown.fill(1, v * width + Math.max(x - 1, 0), v * width + Math.min(x + 1, width - 1) + 1);
        }
      }
    }
    return grown;
  }

  /** The strength of the edges (Sobel) of what a camera can show. @param {Float32Array} picture */
  edges(picture) {
    const [across, down] = sobel(greyPlane(picture.map((value) => Math.min(Math.max(value, 0), 255))), this.height, this.width);
    return across.map((value, i) => Math.hypot(value, down[i]));
  }

  /** The connected regions of `mask` of at least `least` pixels of which at least `share` are `marked`. @param {Uint8Array} mask @param {Uint8Array} marked @param {number} least @param {number} share */
  regions(mask, marked, least, share) {
    const { height, width } = this;
    const left = mask.slice();
    const found = [];
    for (let from = left.indexOf(1); from >= 0; from = left.indexOf(1, from + 1)) {
      const region = new Uint8Array(mask.length);
      const pixels = [from];
      left[from] = 0;
      let marks = 0;
      for (let i = 0; i < pixels.length; i++) {
        const pixel = pixels[i];
        const x = pixel % width;
        region[pixel] = 1;
        marks += marked[pixel];
        for (const [next, inside] of /** @type {[number, boolean][]} */ ([
          [pixel - 1, x > 0], [pixel + 1, x < width - 1], [pixel - width, pixel >= width], [pixel + width, pixel < width * (height - 1)],
        ])) {
          if (!inside || !left[next]) continue;
          left[next] = 0;
          pixels.push(next);
        }
      }
      if (pixels.length >= least && marks >= share * pixels.length) found.push(region);
    }
    return found;
  }
}
