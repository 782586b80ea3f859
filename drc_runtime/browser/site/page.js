// @ts-check
/** The page: a source on one side, the worker that computes on the other; it moves pictures between them and never computes. */

/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ ($(id));
const video = /** @type {HTMLVideoElement} */ ($("video"));
const live = /** @type {HTMLCanvasElement} */ ($("live"));
const surface = /** @type {ImageBitmapRenderingContext} */ (live.getContext("bitmaprenderer"));
const masks = document.createElement("canvas");
const VIEWS = ["overlay", "mask", "side-by-side", "blur", "green"];
const KEPT = 200; // frames that the percentiles are over

const settings = { view: "overlay", threshold: 0.5, steps: /** @type {number | null} */ (null), recording: false };
/** @type {Worker | null} */
let worker = null;
let ready = false;
let busy = false; // the worker has a frame
let fresh = false; // the video shows a frame that the worker has not had
let paused = false;
/** @type {HTMLImageElement | null} */
let picture = null; // the source, if it is an image
let asked = 0; // when a source was asked for
let first = true;
let running = 0; // of the present source; frames of earlier ones are not shown
/** @type {{at: number, age: number, steps: number}[]} */
let latest = [];
let shownFrames = 0;
/** @type {MediaRecorder | null} */
let recorder = null;

/** @param {string} id @param {string} value */
function text(id, value) {
  if ($(id).textContent !== value) $(id).textContent = value;
}

/** @param {string} what @param {boolean} bad */
function state(what, bad = false) {
  text("state", what);
  $("state").classList.toggle("bad", bad);
}

/** @param {string} message one sentence */
function problem(message) {
  text("problem", message);
  if (message) state("stopped", true);
}

/** @param {string} line what happened to the camera */
function notice(line) {
  text("notice", `${new Date().toLocaleTimeString()}: ${line}`);
}

/** @param {number[]} values @param {number} share */
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(Math.floor(share * values.length), values.length - 1)];

// --------------------------------------------------------------------------------------------------------------------- engine

function startWorker() {
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.kind === "progress") state(data.what);
    if (data.kind === "ready") becomeReady(data);
    if (data.kind === "shown") show(data);
    if (data.kind === "notice" && data.running === running) notice(data.line);
    if (data.kind === "failed") {
      busy = false;
      stop();
      problem(data.message);
    }
  };
  worker.onerror = () => problem("the engine does not start here: this browser is too old, or a file of this folder is missing");
  worker.postMessage({ kind: "start", bundle: new URL("bundle/", location.href).href });
}

/** @param {{name: string, steps: number, threads: {count: number, why: string}}} about */
function becomeReady({ name, steps, threads }) {
  ready = true;
  state(video.srcObject || video.currentSrc || picture ? "live" : "ready");
  text("model", name);
  text("threads", `${threads.count}, ${threads.why}`);
  if (settings.steps === null) input("steps").value = String(steps);
  text("steps-value", input("steps").value);
  offer();
}

/** Sends the newest picture, if the worker is free; frames that come meanwhile are dropped, so that none waits. */
async function offer() {
  if (!ready || busy || paused || document.hidden || worker === null) return;
  const source = picture ?? (video.readyState >= 2 ? video : null);
  if (source === null) return;
  [busy, fresh] = [true, false];
  const captured = performance.timeOrigin + performance.now();
  const mine = running;
  try {
    const bitmap = await createImageBitmap(source);
    worker.postMessage({ kind: "frame", picture: bitmap, captured, running: mine }, [bitmap]);
  } catch {
    busy = false;
  }
}

/** @param {{picture: ImageBitmap, mask: ImageBitmap | null, age: number, steps: number, running: number, more: boolean}} shown */
function show(shown) {
  busy = shown.more;
  if (shown.running !== running) {
    shown.picture.close();
    shown.mask?.close();
    offer();
    return;
  }
  const now = performance.now();
  if (live.width !== shown.picture.width || live.height !== shown.picture.height) {
    [live.width, live.height] = [shown.picture.width, shown.picture.height];
  }
  surface.transferFromImageBitmap(shown.picture);
  if (first) {
    first = false;
    text("first", `${((now - asked) / 1000).toFixed(1)} s`);
    latest = [];
  } else {
    latest = [...latest, { at: now, age: shown.age, steps: shown.steps }].slice(-KEPT);
  }
  shownFrames++;
  if (shown.mask) keep(shown.mask);
  state(document.hidden ? "paused while hidden" : paused ? "paused" : "live");
  if (fresh || picture) offer(); // a picture goes on, so that its chain and the settings have an effect
}

function refreshFigures() {
  const times = latest.map((it) => it.at);
  const span = times.length > 1 ? times[times.length - 1] - times[0] : 0;
  if (span > 0) {
    text("fps", ((1000 * (times.length - 1)) / span).toFixed(1));
    const ages = latest.map((it) => it.age);
    text("age50", `${percentile(ages, 0.5).toFixed(0)} ms`);
    text("age95", `${percentile(ages, 0.95).toFixed(0)} ms`);
    text("taken", String(percentile(latest.map((it) => it.steps), 0.5)));
  }
  text("frames", String(shownFrames));
}

// --------------------------------------------------------------------------------------------------------------------- source

function stop() {
  running++;
  const stream = /** @type {MediaStream | null} */ (video.srcObject);
  for (const each of stream?.getTracks() ?? []) each.stop();
  video.srcObject = null;
  if (video.src.startsWith("blob:")) URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  picture = null;
  if (recorder) toggleRecording();
  for (const id of ["pause", "record"]) input(id).disabled = true;
}

/** A new source starts from noise. */
function begin() {
  stop();
  problem("");
  [asked, first, shownFrames, latest] = [performance.now(), true, 0, []];
  for (const id of ["fps", "age50", "age95", "taken", "first"]) text(id, "–");
  text("notice", "");
  setPaused(false);
  state(ready ? "waiting for a picture" : "starting the engine");
  worker?.postMessage({ kind: "restart" });
  if (worker === null) startWorker();
}

const REASONS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "the browser was not allowed to use the camera: allow it in the address bar, then press Camera again",
  NotFoundError: "this machine has no camera that the browser can see: connect one, or choose a file",
  NotReadableError: "the camera is in use by another program: close that, then press Camera again",
});

async function openCamera() {
  begin();
  if (!navigator.mediaDevices?.getUserMedia) {
    return problem("this page may not use the camera: open it over https or on localhost");
  }
  const mine = running;
  try {
    const wanted = { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    if (mine !== running) return stream.getTracks().forEach((each) => each.stop());
    const [track] = stream.getTracks();
    track.addEventListener("ended", () => problem("the camera is gone: connect it again, then press Camera"));
    track.addEventListener("mute", () => notice("the camera sends no pictures"));
    track.addEventListener("unmute", () => notice("the camera sends pictures again"));
    video.srcObject = stream;
    await play();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    problem(REASONS[name] ?? `the camera cannot be used: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {string} address @param {string} name */
async function openVideo(address, name) {
  begin();
  video.src = address;
  video.loop = true;
  await play().catch(() => problem(`${name} cannot be played by this browser: choose a video in MP4 or WebM, or an image`));
}

/** @param {File} file */
async function openFile(file) {
  const address = URL.createObjectURL(file);
  if (!file.type.startsWith("image/")) return openVideo(address, file.name);
  begin();
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    return problem(`${file.name} is not an image that this browser can read: choose a PNG, JPEG or WebP`);
  } finally {
    URL.revokeObjectURL(address);
  }
  picture = image;
  follow();
}

async function play() {
  await video.play();
  follow();
}

function follow() {
  for (const id of ["pause", "record"]) input(id).disabled = false;
  const mine = running;
  const next = () => {
    if (mine !== running) return;
    fresh = true;
    offer();
    if (!picture) video.requestVideoFrameCallback(next);
  };
  next();
}

// ------------------------------------------------------------------------------------------------------------------- controls

function send() {
  worker?.postMessage({ kind: "settings", settings });
}

/** @param {boolean} value */
function setPaused(value) {
  paused = value;
  $("pause").setAttribute("aria-pressed", String(paused));
  text("pause", paused ? "Go on" : "Pause");
  if (!paused) offer();
}

function togglePause() {
  setPaused(!paused);
  state(paused ? "paused" : "live");
  if (video.src) paused ? video.pause() : video.play();
}

function toggleRecording() {
  if (recorder) {
    recorder.stop();
    recorder = null;
  } else {
    startRecording();
  }
  settings.recording = recorder !== null;
  $("record").setAttribute("aria-pressed", String(settings.recording));
  text("record", settings.recording ? "Stop recording" : "Record the masks");
  send();
}

function startRecording() {
  const kind = ["video/webm;codecs=vp9", "video/webm", "video/mp4"].find((it) => globalThis.MediaRecorder?.isTypeSupported(it));
  if (!kind) return text("problem", "this browser cannot record videos: use drc run on this machine instead");
  [masks.width, masks.height] = picture ? [picture.naturalWidth, picture.naturalHeight] : [video.videoWidth, video.videoHeight];
  masks.getContext("2d");
  /** @type {Blob[]} */
  const parts = [];
  const made = new MediaRecorder(masks.captureStream(), { mimeType: kind, videoBitsPerSecond: 8_000_000 });
  made.ondataavailable = ({ data }) => parts.push(data);
  made.onstop = () => {
    const link = /** @type {HTMLAnchorElement} */ ($("download"));
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob(parts, { type: kind }));
    link.download = `masks.${kind.includes("mp4") ? "mp4" : "webm"}`;
    link.hidden = false;
  };
  made.start();
  recorder = made;
}

/** @param {ImageBitmap} mask */
function keep(mask) {
  masks.getContext("2d")?.drawImage(mask, 0, 0);
  mask.close();
}

/** @param {string} view */
function choose(view) {
  settings.view = view;
  for (const each of document.querySelectorAll("#views input")) {
    const radio = /** @type {HTMLInputElement} */ (each);
    radio.checked = radio.value === view;
  }
  send();
}

function showViews() {
  $("views").replaceChildren(...VIEWS.map((view) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    const name = document.createElement("span");
    [radio.type, radio.name, radio.value] = ["radio", "view", view];
    radio.addEventListener("change", () => choose(view));
    name.textContent = view;
    label.append(radio, name);
    return label;
  }));
  choose(settings.view);
}

$("camera").addEventListener("click", openCamera);
$("file").addEventListener("click", () => input("chosen").click());
$("sample").addEventListener("click", () => openVideo("clip.mp4", "the sample"));
$("pause").addEventListener("click", togglePause);
$("record").addEventListener("click", toggleRecording);
input("chosen").addEventListener("change", () => {
  const file = input("chosen").files?.[0];
  if (file) openFile(file);
  input("chosen").value = "";
});
input("steps").addEventListener("input", () => {
  settings.steps = Number(input("steps").value);
  text("steps-value", input("steps").value);
  send();
});
input("threshold").addEventListener("input", () => {
  settings.threshold = Number(input("threshold").value);
  text("threshold-value", settings.threshold.toFixed(2));
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLInputElement;
  const name = { c: "camera", f: "file", s: "sample", p: "pause", r: "record" }[event.key] ?? (event.key === " " && !inControl ? "pause" : "");
  if (VIEWS[Number(event.key) - 1]) choose(VIEWS[Number(event.key) - 1]);
  else if (name && !$(name).hidden) $(name).click();
  else return;
  event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return state("paused while hidden");
  if (!input("pause").disabled) state(paused ? "paused" : "live");
  offer();
});
fetch("clip.mp4", { method: "HEAD" }).then((answer) => { $("sample").hidden = !answer.ok; }).catch(() => {});
showViews();
text("problem", "");
setInterval(refreshFigures, 500);
startWorker();
export {};
