// @ts-check
/** Tracking with a model of any fixed camera, as `drc_runtime/inference/camera_track.py`. */
import { FixedCamera } from "./camera.js";
import { FRAME_SECONDS, Track } from "./tracking.js";

/** @typedef {import("./langevin.js").PosteriorSample} PosteriorSample */

/** A track that gives each frame's chain the camera's background, and updates it by the chain's responsibility. */
export class CameraTrack extends Track {
  /** @type {FixedCamera | null} the state; null before the first frame */
  camera = null;

  takeNotices() {
    return this.camera?.watch.notices.splice(0) ?? [];
  }

  /** @param {Float32Array} image @param {number} [seconds] @returns {Promise<[PosteriorSample, number]>} */
  async sample(image, seconds = FRAME_SECONDS) {
    const [height, width] = this.reader.manifest.image_size;
    const plane = height * width;
    const grey = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) grey[3 * (i % plane) + Math.floor(i / plane)] = (image[i] + 1) * 127.5;
    this.camera ??= new FixedCamera(grey, height, width);
    const { background, scale } = this.camera.look(grey, seconds);
    const planar = new Float32Array(image.length);
    for (let i = 0; i < image.length; i++) planar[i] = background[3 * (i % plane) + Math.floor(i / plane)] / 127.5 - 1;
    this.sampler.give("background", planar);
    this.sampler.give("background_scale", scale.map((value) => value / 127.5));
    const [sample, taken] = await super.sample(image);
    this.camera.learn(/** @type {Float32Array} */ (sample.responsibility), seconds);
    return [sample, taken];
  }
}
