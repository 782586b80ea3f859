// @ts-check
/**
 * The state of a fixed camera, for bundles that take the background as an input, as `drc_runtime/camera/fixed_camera.py`: `look`
 * before a frame's E-step, `learn` with its responsibility. Pictures are those of `pictures.js`.
 */
import { OnlineBackground } from "./background.js";
import { GhostFinder } from "./ghosts.js";
import { Light } from "./light.js";
import { toGrey } from "./pictures.js";
import { CameraWatch } from "./watch.js";

/** Seconds after which a thing that stays becomes background. */
const ABSORB_SECONDS = 1800;

/** @param {number[]} values */
const mean = (values) => values.reduce((a, b) => a + b) / values.length;

/** The state of one fixed camera. */
export class FixedCamera {
  /** @param {Float32Array} image the first frame @param {number} height @param {number} width @param {number} absorb seconds */
  constructor(image, height, width, absorb = ABSORB_SECONDS) {
    this.background = new OnlineBackground(image, height, width);
    this.light = new Light(height, width);
    this.ghosts = new GhostFinder(height, width, absorb);
    this.watch = new CameraWatch(height, width);
    this.sure = new Float32Array(height * width).fill(1);
    this.image = image;
    this.lit = image;
  }

  /** What the step takes for a frame: the background under its light, and the scale of each pixel. @param {Float32Array} image @param {number} seconds since the frame before */
  look(image, seconds) {
    this.image = image;
    this.fitLight();
    if (this.watch.look(image, this.lit, this.sure, this.background, seconds)) this.fitLight();
    const { gain, offset } = this.light.fitted;
    if (!this.background.starting) this.watch.light(mean(gain), mean(offset), seconds);
    return { background: this.lit, scale: this.background.scale };
  }

  fitLight() {
    const known = this.watch.grey ? toGrey(this.background.image) : this.background.image;
    this.light.fit(this.image, known, this.sure);
    this.lit = this.light.on(known);
  }

  /** The M-step after the E-step of the last frame. @param {Float32Array} responsibility of the foreground @param {number} seconds since the frame before */
  learn(responsibility, seconds) {
    this.sure = responsibility.map((value) => 1 - value);
    if (!this.watch.adapts || this.watch.grey) return;
    this.background.update(this.image, this.lit, responsibility, seconds);
    this.ghosts.replace(this.background, this.image, this.lit, responsibility, seconds);
  }
}
