// @ts-check
/** Normal noise from a counter-based generator, the same in every language; docs/noise.md is the specification. */
import { UsageError } from "./bundle.js";

/** Draws from N(0, I) that depend only on the seed: Philox4x32-10 and Box-Muller, as docs/noise.md says. */
export class NormalNoise {
  /** @param {bigint | number} seed from 0 to 2^64 - 1 */
  constructor(seed) {
    const whole = BigInt(seed);
    if (whole < 0n || whole >= 1n << 64n) throw new UsageError(`the seed ${seed} is not a whole number from 0 to 2^64 - 1`);
    this.key = [Number(whole & 0xffffffffn), Number(whole >> 32n)];
    this.draws = 0;
  }

  /** The next draw. @param {number} count */
  draw(count) {
    const values = new Float32Array(count);
    for (let block = 0; 4 * block < count; block++) {
      const words = philox([block >>> 0, Math.floor(block / 2 ** 32), this.draws >>> 0, Math.floor(this.draws / 2 ** 32)], this.key);
      for (let pair = 0; pair < 2; pair++) {
        const radius = Math.sqrt(-2 * Math.log((words[2 * pair] + 1) * 2 ** -32));
        const angle = 2 * Math.PI * (words[2 * pair + 1] * 2 ** -32);
        const at = 4 * block + 2 * pair;
        if (at < count) values[at] = radius * Math.cos(angle);
        if (at + 1 < count) values[at + 1] = radius * Math.sin(angle);
      }
    }
    this.draws++;
    return values;
  }
}

/** @param {number[]} counter four words of 32 bits @param {number[]} key two words */
function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round++) {
    const [p, q] = [BigInt(c0) * 0xd2511f53n, BigInt(c2) * 0xcd9e8d57n];
    [c0, c1, c2, c3] = [
      (Number(q >> 32n) ^ c1 ^ k0) >>> 0, Number(q & 0xffffffffn),
      (Number(p >> 32n) ^ c3 ^ k1) >>> 0, Number(p & 0xffffffffn),
    ];
    [k0, k1] = [(k0 + 0x9e3779b9) >>> 0, (k1 + 0xbb67ae85) >>> 0];
  }
  return [c0, c1, c2, c3];
}
