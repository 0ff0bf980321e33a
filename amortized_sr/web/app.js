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

const saver = find('save').querySelector('button');

let post, source, picture, view, split = 0.5, busy = false, stale = false, saving = false;

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
  stage.classList.toggle('zoomed', view.times > 1.001);
  remember(window);
}

let remembering;
// The address holds the picture's name and the window, so that the view of an example can be kept and sent.
function remember(window) {
  clearTimeout(remembering);
  const hash = `#picture=${encodeURIComponent(source.name)}&window=` + window.map((value) => +value.toFixed(6)).join(',');
  remembering = setTimeout(() => history.replaceState(null, '', hash), 300);
}

// The name of the picture in the address, if there is one.
const named = () => decodeURIComponent(/picture=([^&]*)/.exec(location.hash)?.[1] ?? '');

// Shows the window in the address, if it is one of this picture, or all of the picture.
function lookAtAddress() {
  view.whole();
  if (named() && named() !== source.name) return;
  const window = /window=([^&]+)/.exec(location.hash)?.[1].split(',').map(Number) ?? [], [y0, x0, y1, x1] = window;
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

const dials = startDials(encode);
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

// What is being encoded cannot be saved yet.
function encode(strengths) {
  saver.disabled = !saving;
  post('encode', { strengths });
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
    const examples = [...document.querySelectorAll('.example img')];
    if (!source) openExample(examples.find((image) => image.alt === named()) ?? examples[0]);
  },
  opened({ conditions }) {
    picture = source;
    dials.offer(conditions);
    // Only the first picture is seen as the address says.
    if (!remembering) look(lookAtAddress);
    // The interpolated picture is drawn before the worker encodes.
    draw();
    encode(dials.strengths());
  },
  encoded({ share, done, seconds }) {
    const { name, width, height, lost } = source;
    saver.disabled = !done && !saving;
    find('right').textContent = done ? 'network' : `network, ${Math.round(100 * share)} %`;
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
  saving({ share }) {
    if (saving) say(`${Math.round(100 * share)} % drawn.`, false, 'saved');
  },
  saved({ blob, width, height, name, text }) {
    saving = false;
    saver.textContent = 'Save PNG';
    if (text) return say(text, false, 'saved');
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`Saved ${name}: ${width} x ${height} pixels, ${Math.ceil(blob.size / 1000)} kB.`, false, 'saved');
  },
  failed({ text }) {
    busy = false;
    say(text, true);
  },
};

function save(event) {
  event.preventDefault();
  if (saving) return post('unsave');
  const part = find('part').value === 'view' ? visible().window : [-1, -1, 1, 1];
  const width = Math.round(Number(find('width').value));
  const height = Math.max(1, Math.round((width * (part[2] - part[0]) * picture.height) / (part[3] - part[1]) / picture.width));
  if (width * height > MAX_SAVED || height > 65535) {
    const most = Math.floor(Math.min(Math.sqrt((MAX_SAVED * width) / height), (65535 * width) / height));
    return say(`${width} x ${height} pixels are too many; give a width of at most ${most}.`, true, 'saved');
  }
  const name = `${picture.name.replace(/\.\w+$/, '').replace(/\W+/g, '_')}_${width}x${height}.png`;
  say(`Drawing ${width} x ${height} pixels.`, false, 'saved');
  saving = true;
  saver.textContent = 'Stop';
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
