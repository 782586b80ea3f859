// @ts-check
/**
 * The views of `drc_runtime/views/compose.py`: what a person sees of an image and its foreground probability. Each is an
 * `ImageData`-like object whose `data` is new.
 *
 * @typedef {{data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number}} Pixels
 */
import { resize, resizePlane } from "./preprocess.js";

export const VIEWS = ["overlay", "mask", "side-by-side", "blur", "green"];
const BACKGROUND_BRIGHTNESS = 0.35;
const LINE_COLOUR = [90, 255, 170];
const GREEN = [0, 177, 64];

/** Adds a constant to the log-odds so that `threshold` becomes 0.5. @param {Uint8Array} probability @param {number} threshold */
export function rebalance(probability, threshold) {
  if (threshold === 0.5) return probability;
  const table = Uint8Array.from({ length: 256 }, (_, i) => {
    const odds = (i / 255) * (1 - threshold);
    return Math.round((255 * odds) / (odds + (1 - i / 255) * threshold));
  });
  return probability.map((value) => table[value]);
}

/** White where the probability is at least 0.5, else black, as RGBA. @param {Uint8Array} probability */
export function binary(probability) {
  const pixels = new Uint32Array(probability.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = probability[i] > 127 ? 0xffffffff : 0xff000000;
  return new Uint8ClampedArray(pixels.buffer);
}

/** @param {string} view one of `VIEWS` @param {ImageData} image @param {Uint8Array} probability @returns {Pixels} */
export function compose(view, image, probability) {
  const { width, height } = image;
  if (view === "mask") return { data: binary(probability), width, height };
  if (view === "green") return { data: blend(image.data, probability, () => GREEN), width, height };
  if (view === "blur") return { data: blurred(image, probability), width, height };
  const over = overlay(image, probability);
  if (view === "overlay") return { data: over, width, height };
  const both = new Uint8ClampedArray(8 * width * height);
  for (let y = 0; y < height; y++) {
    both.set(image.data.subarray(4 * y * width, 4 * (y + 1) * width), 8 * y * width);
    both.set(over.subarray(4 * y * width, 4 * (y + 1) * width), 8 * y * width + 4 * width);
  }
  return { data: both, width: 2 * width, height };
}

/** The image over what `behind` gives for a pixel. @param {Uint8ClampedArray} front @param {Uint8Array} probability @param {(i: number) => ArrayLike<number>} behind */
function blend(front, probability, behind) {
  const data = new Uint8ClampedArray(front.length);
  for (let i = 0, at = 0; i < probability.length; i++, at += 4) {
    const share = probability[i] / 255;
    const other = share === 1 ? front.subarray(at, at + 3) : behind(i);
    for (let c = 0; c < 3; c++) data[at + c] = share * front[at + c] + (1 - share) * other[c];
    data[at + 3] = 255;
  }
  return data;
}

/** Background dark and grey, with a thin bright line along the edge. @param {ImageData} image @param {Uint8Array} probability */
function overlay({ data: pixels, width, height }, probability) {
  const data = new Uint8ClampedArray(pixels.length);
  for (let i = 0, at = 0; i < probability.length; i++, at += 4) {
    const share = probability[i] / 255;
    const grey = (1 - share) * BACKGROUND_BRIGHTNESS * (0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
    data[at] = share * pixels[at] + grey;
    data[at + 1] = share * pixels[at + 1] + grey;
    data[at + 2] = share * pixels[at + 2] + grey;
    data[at + 3] = 255;
  }
  const thickness = Math.max(1, Math.round(Math.min(width, height) / 360));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (probability[i] > 127 && onEdge(probability, x, y, width, height, thickness)) data.set(LINE_COLOUR, 4 * i);
    }
  }
  return data;
}

/** @param {Uint8Array} probability @param {number} x @param {number} y @param {number} width @param {number} height @param {number} thickness */
function onEdge(probability, x, y, width, height, thickness) {
  for (let dy = -thickness; dy <= thickness; dy++) {
    for (let dx = -thickness; dx <= thickness; dx++) {
      const [u, v] = [x + dx, y + dy];
      if (u >= 0 && u < width && v >= 0 && v < height && probability[v * width + u] <= 127) return true;
    }
  }
  return false;
}

/** Its own blur as the background, weighted by the background probability. @param {ImageData} image @param {Uint8Array} probability */
function blurred(image, probability) {
  const [width, height] = [Math.max(1, image.width >> 3), Math.max(1, image.height >> 3)];
  const alpha = { data: new Uint8ClampedArray(4 * probability.length), width: image.width, height: image.height };
  for (let i = 0; i < probability.length; i++) alpha.data[4 * i] = probability[i];
  const [small, unsure] = [resize(image, height, width), resize(alpha, height, width)];
  const weight = Float32Array.from({ length: width * height }, (_, i) => 1.001 - unsure.data[3 * i] / 255);
  const sigma = Math.max(width, height) / 24;
  const weights = gaussian(weight, width, height, sigma);
  const channels = [0, 1, 2].map((c) => {
    const sums = gaussian(weight.map((value, i) => value * small.data[3 * i + c]), width, height, sigma);
    return resizePlane({ data: sums.map((value, i) => value / weights[i]), width, height }, image.height, image.width).data;
  });
  const behind = [0, 0, 0];
  return blend(image.data, probability, (i) => {
    for (let c = 0; c < 3; c++) behind[c] = channels[c][i];
    return behind;
  });
}

/** @param {Float32Array} plane @param {number} width @param {number} height @param {number} sigma */
function gaussian(plane, width, height, sigma) {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((a, b) => a + b, 0);
  /** @param {Float32Array} from @param {number} count @param {number} step @param {number} lines @param {number} pitch */
  const pass = (from, count, step, lines, pitch) => {
    const to = new Float32Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) {
          sum += kernel[k + radius] * from[line * pitch + step * Math.min(Math.max(i + k, 0), count - 1)];
        }
        to[line * pitch + i * step] = sum / total;
      }
    }
    return to;
  };
  return pass(pass(plane, width, 1, height, width), height, width, width, 1);
}
