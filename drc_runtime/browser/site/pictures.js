// @ts-check
/**
 * Pictures of a camera's state, as `drc_runtime/camera/pictures.py`: interleaved RGB or planes of one channel, float32 in grey
 * levels, at the network's size. What decides something is rounded to float32 where numpy rounds it.
 */

/** The sum over the channels of |a - b| at pixel i. @param {Float32Array} a @param {Float32Array} b @param {number} i */
export const distance = (a, b, i) =>
  Math.abs(a[3 * i] - b[3 * i]) + Math.abs(a[3 * i + 1] - b[3 * i + 1]) + Math.abs(a[3 * i + 2] - b[3 * i + 2]);

/** @param {ArrayLike<number>} values */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114].map(Math.fround);

/** The luma of Rec. 601, a plane. @param {Float32Array} picture */
export function greyPlane(picture) {
  const grey = new Float32Array(picture.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const [red, green] = [Math.fround(picture[3 * i] * RED), Math.fround(picture[3 * i + 1] * GREEN)];
    grey[i] = Math.fround(red + green) + Math.fround(picture[3 * i + 2] * BLUE);
  }
  return grey;
}

/** The picture without its colours. @param {Float32Array} picture */
export function toGrey(picture) {
  const grey = greyPlane(picture);
  const result = new Float32Array(picture.length);
  for (let i = 0; i < picture.length; i++) result[i] = grey[Math.floor(i / 3)];
  return result;
}

/**
 * A picture or a plane moved by x and y pixels, bilinear; its edge goes on outwards.
 * @param {Float32Array} picture
 * @param {number} height
 * @param {number} width
 * @param {number} x to the right
 * @param {number} y down
 */
export function shifted(picture, height, width, x, y) {
  const channels = picture.length / (height * width);
  return along(along(picture, width, channels, x), height, channels * width, y);
}

/** Moves along an axis of `count` places that lie `step` apart. @param {Float32Array} picture @param {number} count @param {number} step @param {number} by */
function along(picture, count, step, by) {
  const whole = Math.floor(-by);
  const share = Math.fround(-by - whole);
  const result = new Float32Array(picture.length);
  for (let line = 0; line < picture.length; line += count * step) {
    for (let i = 0; i < count; i++) {
      const [first, second] = [i + whole, i + whole + 1].map((at) => line + step * Math.min(Math.max(at, 0), count - 1));
      for (let k = 0; k < step; k++) {
        result[line + i * step + k] = picture[first + k] + Math.fround(share * Math.fround(picture[second + k] - picture[first + k]));
      }
    }
  }
  return result;
}

/** A place in a line of `count`, mirrored at its ends without repeating them. @param {number} at @param {number} count */
const mirrored = (at, count) => {
  const inside = at < 0 ? -at : at >= count ? 2 * count - 2 - at : at;
  return Math.min(Math.max(inside, 0), count - 1);
};

/**
 * A plane under a separable kernel.
 * @param {Float32Array} plane
 * @param {number} height
 * @param {number} width
 * @param {number[]} across the kernel along a row, of odd length
 * @param {number[]} down along a column
 */
export function filtered(plane, height, width, across, down) {
  /** @param {Float32Array} from @param {number} count @param {number} step @param {number} lines @param {number} pitch @param {number[]} kernel */
  const pass = (from, count, step, lines, pitch, kernel) => {
    const reach = kernel.length >> 1;
    const to = new Float32Array(from.length);
    for (let i = 0; i < count; i++) {
      const places = kernel.map((_, k) => step * mirrored(i + k - reach, count));
      for (let line = 0; line < lines; line++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k] * from[line * pitch + places[k]];
        to[line * pitch + i * step] = sum;
      }
    }
    return to;
  };
  return pass(pass(plane, width, 1, height, width, across), height, width, width, 1, down);
}

/** The differences of neighbours by Sobel, along the rows and along the columns. @param {Float32Array} plane @param {number} height @param {number} width @param {number} [scale] */
export function sobel(plane, height, width, scale = 1) {
  const [difference, smooth] = [[-scale, 0, scale], [1, 2, 1]];
  return [filtered(plane, height, width, difference, smooth), filtered(plane, height, width, smooth, difference)];
}
