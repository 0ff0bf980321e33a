// The page: takes pictures, keeps the view, asks the worker for exactly the pixels that are visible.
import { listen } from './controls.js';
import { startDials } from './dials.js';
import { startDigits } from './digits.js';
import { pixelsOf, readPicture } from './files.js';
import { startFit } from './fit.js';
import { find, load, say, show, startWorker } from './parts.js';
import { View, clamp } from './view.js';

const MAX_SAVED = 2.5e8;
const stage = find('stage'), canvas = find('canvas');

let post, source, picture, view, split = 0.5, busy = false, stale = false;

// What is visible now; the stage may have another size than before.
function visible() {
  view.room = { width: stage.clientWidth, height: stage.clientHeight };
  return view.visible(devicePixelRatio);
}

function draw() {
  if (!picture) return;
  delete canvas.dataset.window;
  if (busy) {
    stale = true;
    return;
  }
  const ratio = devicePixelRatio, { width, height, window, scale } = visible();
  const edge = split * stage.clientWidth * ratio - (stage.clientWidth * ratio - width) / 2;
  busy = true;
  post('frame', { width, height, window, split: clamp(Math.round(edge), 0, width) });
  find('line').style.left = `${100 * split}%`;
  find('left').hidden = split < 0.02;
  find('right').hidden = split > 0.98;
  find('scale').textContent = `\u00d7${scale.toPrecision(3)}`;
  remember(window);
}

let remembering;
// The address holds the window, so that the view can be kept and sent.
function remember(window) {
  clearTimeout(remembering);
  const hash = '#window=' + window.map((value) => +value.toFixed(6)).join(',');
  remembering = setTimeout(() => history.replaceState(null, '', hash), 300);
}

// Shows the window in the address, or all of the picture.
function lookAtAddress() {
  const window = /window=([^&]+)/.exec(location.hash)?.[1].split(',').map(Number) ?? [], [y0, x0, y1, x1] = window;
  view.whole();
  if (window.length === 4 && window.every((value) => Math.abs(value) <= 1) && y0 < y1 && x0 < x1) view.lookAt(window);
}

// Does something with the view of the picture, if there is one, and draws it.
const look = (action) => {
  if (!picture) return;
  visible();
  action(view);
  draw();
};

function splitAt(share) {
  split = clamp(share, 0, 1);
  find('split').value = 100 * split;
  draw();
}

// --- pictures ---

const dials = startDials((strengths) => post('encode', { strengths }));
const fit = startFit();
const digits = startDigits();

async function openFile(file) {
  if (file) say(`Reading ${file.name}.`);
  try {
    open(await readPicture(file));
  } catch (error) {
    say(error.message, true);
  }
}

function openExample(image) {
  open({ ...pixelsOf(image), name: image.alt, lost: '' });
}

function open(taken) {
  source = taken;
  find('width').value = 4 * source.width;
  view = new View(source);
  openSource();
  fit.take(source);
}

// Encodes the picture with the model that is chosen.
function openSource() {
  picture = null;
  busy = stale = false;
  const { pixels, width, height } = source;
  post('open', { name: find('model').value, pixels, width, height });
}

// --- the worker's answers ---

const answers = {
  started() {
    if (!source) openExample(document.querySelector('.example img'));
  },
  opened({ conditions }) {
    picture = source;
    dials.offer(conditions);
    // Only the first picture is seen as the address says.
    if (!remembering) look(lookAtAddress);
    // The interpolated picture is drawn before the worker encodes.
    draw();
    post('encode', { strengths: dials.strengths() });
  },
  encoded({ share, done, seconds }) {
    const { name, width, height, lost } = source;
    if (done) {
      say(`${name}: ${width} x ${height} pixels, a function after ${seconds.toFixed(2)} s.${lost} Scroll or pinch to zoom, drag to move.`);
      dials.done();
    } else if (share < 1) say(`${name}: ${Math.round(100 * share)} % encoded.`);
    draw();
  },
  frame({ pixels, width, height, window }) {
    busy = false;
    if (pixels) {
      show(canvas, pixels, width, height);
      canvas.style.width = `${width / devicePixelRatio}px`;
      canvas.style.height = `${height / devicePixelRatio}px`;
    }
    if (stale) {
      stale = false;
      draw();
    } else if (pixels) canvas.dataset.window = window;
  },
  saved({ blob, width, height, name }) {
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`Saved ${name}: ${width} x ${height} pixels, ${Math.ceil(blob.size / 1000)} kB.`);
  },
  failed({ text }) {
    busy = false;
    say(text, true);
  },
};

function save(event) {
  event.preventDefault();
  if (!picture) return say('There is no picture to save yet; choose one.', true);
  const part = find('part').value === 'view' ? visible().window : [-1, -1, 1, 1];
  const width = Math.round(Number(find('width').value));
  const height = Math.max(1, Math.round((width * (part[2] - part[0]) * picture.height) / (part[3] - part[1]) / picture.width));
  if (!(width >= 1) || width * height > MAX_SAVED || height > 65535)
    return say(`${width} x ${height} pixels cannot be saved here; the limit is ${MAX_SAVED / 1e6} million. Give a smaller width.`, true);
  const name = `${picture.name.replace(/\.\w+$/, '').replace(/\W+/g, '_')}_${width}x${height}.png`;
  say(`Drawing ${width} x ${height} pixels.`);
  post('save', { width, height, window: part, name });
}

async function start() {
  post = startWorker(answers);
  const names = [...find('model').options].map((option) => option.value);
  const files = await Promise.all(['core.wasm', ...names.map((name) => `weights/${name}.safetensors`)].map(load));
  const wasm = files[0], weights = Object.fromEntries(names.map((name, at) => [name, files[at + 1]]));
  post('start', { wasm, weights });
  listen({ draw, look, lookAtAddress, openExample, openFile, save, splitAt, openSource: () => source && openSource() });
  fit.start(wasm);
  await digits.start(wasm);
}

start().catch((error) => say(error.message, true));
