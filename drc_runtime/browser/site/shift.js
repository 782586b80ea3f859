// @ts-check
/** How far a camera has moved, as `drc_runtime/camera/shift.py`, which says why. */
import { filtered, greyPlane, shifted, sobel } from "./pictures.js";
import { rint } from "./preprocess.js";

const ROUNDS = 3;
const KNEE = 12;
const FARTHEST = 4;
const GRID = 64;
const BORDER = 3;
const REACH = 4;
const GAUSSIAN = Array.from({ length: 2 * REACH + 1 }, (_, i) => Math.exp(-((i - REACH) ** 2) / 2));
const KERNEL = GAUSSIAN.map((value) => Math.fround(value / GAUSSIAN.reduce((a, b) => a + b)));

/** @param {number} value */
const clipped = (value) => Math.min(Math.max(value, -FARTHEST), FARTHEST);

/**
 * The shift in pixels by which the frame shows the background, and the share of the residual that is left with it.
 * @param {Float32Array} background under the frame's light
 * @param {Float32Array} image
 * @param {Float32Array} sure how sure a pixel is background
 * @param {number} height
 * @param {number} width
 */
export function findShift(background, image, sure, height, width) {
  const [known, seen] = [background, image].map((it) => filtered(greyPlane(it), height, width, KERNEL, KERNEL));
  const inside = sure.map((value, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return Math.min(row, column, height - 1 - row, width - 1 - column) < BORDER ? 0 : value;
  });
  let [x, y] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const moved = shifted(known, height, width, x, y);
    const [across, down] = sobel(moved, height, width, 1 / 8);
    let [a, b, c, p, q] = [1, 0, 1, 0, 0];
    for (let i = 0; i < moved.length; i++) {
      const residual = seen[i] - moved[i];
      const weight = inside[i] / Math.max(Math.abs(residual), KNEE);
      a += weight * across[i] * across[i];
      b += weight * across[i] * down[i];
      c += weight * down[i] * down[i];
      p += weight * across[i] * residual;
      q += weight * down[i] * residual;
    }
    const determinant = a * c - b * b;
    [x, y] = [clipped(x - (c * p - b * q) / determinant), clipped(y - (a * q - b * p) / determinant)];
  }
  [x, y] = [rint(GRID * x) / GRID, rint(GRID * y) / GRID];
  const moved = shifted(known, height, width, x, y);
  let [before, after] = [0, 0];
  for (let i = 0; i < moved.length; i++) {
    before += inside[i] * Math.min(Math.abs(seen[i] - known[i]), KNEE);
    after += inside[i] * Math.min(Math.abs(seen[i] - moved[i]), KNEE);
  }
  return { x, y, left: after / Math.max(before, 1e-6) };
}
