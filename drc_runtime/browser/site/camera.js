// @ts-check
/**
 * The state of a fixed camera, for bundles that take the background as an input: `look` before a frame's E-step, `learn` with its
 * responsibility. The M-step, the light and the ghosts are those of `drc_runtime/camera`; a camera that is moved, covered or loses
 * its colours is not noticed here. Pictures are interleaved RGB, float32 in grey levels, at the network's size.
 */

const START_FRAMES = 25;
const MEMORY = 8;
const START_SCALE = 8;
const MOST_SCALE = 24;
const SAME = 30;
const FOLLOW = 0.1;
/** Seconds after which a thing that stays becomes background. */
export const ABSORB_SECONDS = 1800;

/** The sum over the channels of |a - b| at pixel i. @param {Float32Array} a @param {Float32Array} b @param {number} i */
const distance = (a, b, i) =>
  Math.abs(a[3 * i] - b[3 * i]) + Math.abs(a[3 * i + 1] - b[3 * i + 1]) + Math.abs(a[3 * i + 2] - b[3 * i + 2]);

/** @param {number[] | Float32Array} values */
function median(values) {
  const sorted = Float32Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The background picture, the scale of each pixel (mean absolute deviation of a channel), and what else each pixel has shown. */
class OnlineBackground {
  /** @param {Float32Array} image the first frame */
  constructor(image) {
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

const EVERY = 4;
const ROUNDS = 2;
const SEARCH_ROUNDS = 6;
const JUMP = 8;
const PRIOR = 100;
const NOISE = 4;
const MOST = 60;
const CLIPPED = 4;
const LEAST_GAIN = 0.25;
const FEWEST = 0.2;

/** @typedef {{gain: number[], offset: number[], residual: number}} Fit */

/** A gain and an offset for each channel, by least absolute deviations of every fourth pixel of every fourth row. */
class Light {
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
      best = again.residual < other.residual ? again : other;
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

const START_SECONDS = 1;
const STILL = 24;
const STILL_SECONDS = 0.3;
const STILL_SHARE = 0.8;
const LEAST_PIXELS = 4;
const GHOST = 1.5;
const OBJECT = 0.5;
const PROVISIONAL = 10;

/** Replaces the background where it shows something that is not there any more, or where a thing stays. */
class GhostFinder {
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

  /** The strength of the edges (Sobel), mirrored at the border. @param {Float32Array} picture */
  edges(picture) {
    const { height, width } = this;
    const grey = new Float32Array(height * width);
    for (let i = 0; i < grey.length; i++) grey[i] = 0.299 * picture[3 * i] + 0.587 * picture[3 * i + 1] + 0.114 * picture[3 * i + 2];
    /** @param {number} y @param {number} x */
    const at = (y, x) => {
      const v = y < 0 ? Math.min(1, height - 1) : y >= height ? Math.max(height - 2, 0) : y;
      const u = x < 0 ? Math.min(1, width - 1) : x >= width ? Math.max(width - 2, 0) : x;
      return grey[v * width + u];
    };
    return grey.map((_, i) => {
      const [y, x] = [Math.floor(i / width), i % width];
      const across = at(y - 1, x + 1) + 2 * at(y, x + 1) + at(y + 1, x + 1) - at(y - 1, x - 1) - 2 * at(y, x - 1) - at(y + 1, x - 1);
      const down = at(y + 1, x - 1) + 2 * at(y + 1, x) + at(y + 1, x + 1) - at(y - 1, x - 1) - 2 * at(y - 1, x) - at(y - 1, x + 1);
      return Math.hypot(across, down);
    });
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

/** The state of one fixed camera. */
export class FixedCamera {
  /** @param {Float32Array} image the first frame @param {number} height @param {number} width @param {number} absorb seconds */
  constructor(image, height, width, absorb = ABSORB_SECONDS) {
    this.background = new OnlineBackground(image);
    this.light = new Light(height, width);
    this.ghosts = new GhostFinder(height, width, absorb);
    this.sure = new Float32Array(height * width).fill(1);
    this.image = image;
    this.lit = image;
  }

  /** What the step takes for a frame: the background under its light, and the scale of each pixel. @param {Float32Array} image */
  look(image) {
    this.light.fit(image, this.background.image, this.sure);
    this.image = image;
    this.lit = this.light.on(this.background.image);
    return { background: this.lit, scale: this.background.scale };
  }

  /** The M-step after the E-step of the last frame. @param {Float32Array} responsibility of the foreground @param {number} seconds since the frame before */
  learn(responsibility, seconds) {
    this.sure = responsibility.map((value) => 1 - value);
    this.background.update(this.image, this.lit, responsibility, seconds);
    this.ghosts.replace(this.background, this.image, this.lit, responsibility, seconds);
  }
}
