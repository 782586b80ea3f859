// @ts-check
/**
 * From an image to the network's tensor, as `drc_runtime/preprocess.py`. Images are `ImageData`: RGBA of 8 bits, whose alpha is ignored.
 * Tensors are planar RGB, float32 in [-1, 1].
 */

/** @typedef {{data: Uint8ClampedArray | Uint8Array, width: number, height: number}} RGBA */
/** @typedef {{data: Uint8Array, width: number, height: number}} RGB */
/** @typedef {{data: Float32Array, width: number, height: number}} Plane */

/** The guide of a mask has this many times the network's resolution. */
export const FILTER_SCALE = 2;
const MAGIC = 1.5 * 2 ** 52;
/** Rounds to the nearest whole number, halves to the even one, as numpy and OpenCV do; exact up to 2^51. @param {number} value */
export const rint = (value) => value + MAGIC - MAGIC;

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
export function resizeOnceAndTwice(image, height, width) {
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
export function eachScaledRow(plane, height, width, use) {
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
export const toByte = (value) => Math.min(Math.max(rint(Math.fround(Math.fround(value + 1) * 127.5)), 0), 255);
