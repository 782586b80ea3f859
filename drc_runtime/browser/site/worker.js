// @ts-check
/**
 * The engine's thread: keeps the extractor, and answers each frame with the picture to show. The page never computes.
 *
 * The page sends `start`, `settings`, `restart` and `frame`; it gets `progress`, `ready`, `shown` (one for each frame), `notice`
 * (what happened to the camera) and `failed`.
 */
import { DRCError, Extractor, threads } from "./drc.js";
import { binary, compose, rebalance } from "./views.js";

/** @typedef {{view: string, threshold: number, steps: number | null, recording: boolean}} Settings */

const SHARE = 0.6;
/** Share of a frame's time for steps, and the rate that it is reckoned from, as in `drc_runtime/inference/calibration.py`. */
const RATE = 25;
/** Steps of a first mask that is shown while the whole chain from noise still runs: its IoU with the later one is 98 % (scene). */
const PROVISIONAL_STEPS = 30;
/** Seconds: what a camera's state has not seen for longer, as in a hidden tab, it does not count as seen. */
const LONGEST_GAP = 1;

const worker = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis));
const canvas = new OffscreenCanvas(1, 1);
const reading = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
const shown = new OffscreenCanvas(1, 1);
const masks = new OffscreenCanvas(1, 1);

/** @type {Settings} */
let settings = { view: "overlay", threshold: 0.5, steps: null, recording: false };
/** @type {Extractor | null} */
let extractor = null;
/** @type {import("./tracking.js").Track | null} */
let track = null;
let last = 0; // when the last frame was captured

/** @param {unknown} error */
function fail(error) {
  const known = error instanceof DRCError;
  worker.postMessage({ kind: "failed", message: known ? error.message : `an error of this page: ${error}` });
}

/** @param {string} bundle */
async function start(bundle) {
  extractor = await Extractor.load(bundle, { progress: (what) => worker.postMessage({ kind: "progress", what }) });
  const { sampler, name } = extractor.manifest;
  worker.postMessage({ kind: "ready", name, steps: sampler.track_steps, threads: threads() });
}

/** A transparent copy of pixels as a bitmap. @param {OffscreenCanvas} on @param {Uint8ClampedArray<ArrayBuffer>} pixels @param {number} width */
function bitmap(on, pixels, width) {
  const height = pixels.length / 4 / width;
  if (on.width !== width || on.height !== height) [on.width, on.height] = [width, height];
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (on.getContext("2d"));
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
  return on.transferToImageBitmap();
}

/** @param {ImageBitmap} picture @param {number} captured on the clock of `performance.timeOrigin` @param {number} running the source it is of */
async function frame(picture, captured, running) {
  const { width, height } = picture;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  reading.drawImage(picture, 0, 0);
  picture.close();
  if (extractor === null) return;
  const image = reading.getImageData(0, 0, width, height);
  const present = (track ??= extractor.track()); // another source may come meanwhile
  present.steps = settings.steps ?? extractor.manifest.sampler.track_steps;
  if (!last && extractor.manifest.background === "generated") {
    show(image, await extractor.extract(image, PROVISIONAL_STEPS), { captured, running, more: true });
  }
  const found = await present.step(image, last ? Math.min(Math.max((captured - last) / 1000, 0.001), LONGEST_GAP) : undefined);
  if (present === track) last = captured;
  for (const line of present.takeNotices()) worker.postMessage({ kind: "notice", line, running });
  present.budget = Math.max(present.steps, Math.floor((1000 * SHARE) / RATE / (found.milliseconds.steps / found.steps)));
  show(image, found, { captured, running, more: false });
}

/** @param {ImageData} image @param {import("./mask.js").Extraction} found @param {{captured: number, running: number, more: boolean}} about `more`: another answer for this frame follows */
function show(image, found, { captured, running, more }) {
  const probability = rebalance(found.probability, settings.threshold);
  const view = compose(settings.view, image, probability);
  const picture = bitmap(shown, view.data, view.width);
  const mask = settings.recording ? bitmap(masks, binary(probability), image.width) : null;
  const age = performance.timeOrigin + performance.now() - captured;
  worker.postMessage({ kind: "shown", picture, mask, age, steps: found.steps, running, more }, mask ? [picture, mask] : [picture]);
}

worker.addEventListener("message", ({ data }) => {
  if (data.kind === "start") start(data.bundle).catch(fail);
  if (data.kind === "settings") settings = data.settings;
  if (data.kind === "restart") [track, last] = [null, 0];
  if (data.kind === "frame") frame(data.picture, data.captured, data.running).catch(fail);
});
