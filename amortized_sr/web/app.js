'use strict';
// The page: takes pictures, keeps the view, asks the worker for exactly the pixels that are visible.

const find = (id) => document.getElementById(id);
const stage = find('stage'), canvas = find('canvas'), context = canvas.getContext('2d');
const MAX_PIXELS = 500000, MAX_BYTES = 1e8, MAX_SAVED = 2.5e8;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

let worker, source, picture, split = 0.5;
// Centre of what is visible, as shares of the picture, and CSS pixels for each pixel of the picture; `null` fits.
const view = { x: 0.5, y: 0.5, scale: null };
let busy = false, stale = false;

function say(text, bad = false) {
  find('status').textContent = text;
  find('status').classList.toggle('bad', bad);
}

// Returns the bytes of a part of the page, which may be inside of it.
async function load(path) {
  const inside = find(path);
  if (inside) return Uint8Array.from(atob(inside.textContent.trim()), (letter) => letter.charCodeAt(0)).buffer;
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded (${response.status}); load the page again.`);
  return response.arrayBuffer();
}

// --- what is visible ---

const fitting = () => Math.min(stage.clientWidth / picture.width, stage.clientHeight / picture.height);
const largest = () => Math.max(fitting(), Math.min(stage.clientWidth, stage.clientHeight) / 2);

// The size of the canvas in device pixels, and the part of the picture that it shows as [low, extent] of y and x.
function visible() {
  const scale = view.scale ?? fitting(), ratio = devicePixelRatio;
  const side = (room, count, centre) => {
    const all = count * scale * ratio, pixels = Math.max(1, Math.min(Math.floor(room * ratio), Math.round(all)));
    const extent = Math.min(1, pixels / all);
    return { pixels, extent, low: clamp(centre - extent / 2, 0, 1 - extent) };
  };
  const x = side(stage.clientWidth, picture.width, view.x), y = side(stage.clientHeight, picture.height, view.y);
  view.x = x.low + x.extent / 2;
  view.y = y.low + y.extent / 2;
  const coord = (share) => clamp(2 * share - 1, -1, 1);
  const window = [coord(y.low), coord(x.low), coord(y.low + y.extent), coord(x.low + x.extent)];
  return { width: x.pixels, height: y.pixels, window, scale };
}

function draw() {
  if (!picture) return;
  if (busy) {
    stale = true;
    return;
  }
  const { width, height, window, scale } = visible(), ratio = devicePixelRatio;
  const edge = split * stage.clientWidth * ratio - (stage.clientWidth * ratio - width) / 2;
  busy = true;
  worker.postMessage({ kind: 'frame', width, height, window, split: clamp(Math.round(edge), 0, width) });
  find('line').style.left = `${100 * split}%`;
  find('left').hidden = split < 0.02;
  find('right').hidden = split > 0.98;
  find('scale').textContent = `\u00d7${(scale * ratio).toPrecision(3)}`;
  remember(window);
}

let remembering;
// The address holds the window, so that the view can be kept and sent.
function remember(window) {
  clearTimeout(remembering);
  const hash = '#window=' + window.map((value) => +value.toFixed(6)).join(',');
  remembering = setTimeout(() => history.replaceState(null, '', hash), 300);
}

function lookAtAddress() {
  const found = /window=([^&]+)/.exec(location.hash), window = found && found[1].split(',').map(Number);
  view.scale = null;
  if (!window || window.length !== 4 || !window.every((value) => Math.abs(value) <= 1)) return;
  const [y0, x0, y1, x1] = window.map((value) => (value + 1) / 2);
  if (y1 <= y0 || x1 <= x0) return;
  const scales = [stage.clientWidth / (x1 - x0) / picture.width, stage.clientHeight / (y1 - y0) / picture.height];
  Object.assign(view, { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: clamp(Math.min(...scales), fitting(), largest()) });
}

// Zooms about a point of the screen, by default the middle of the stage.
function zoom(factor, point) {
  if (!picture) return;
  const box = stage.getBoundingClientRect(), before = view.scale ?? fitting();
  const after = clamp(before * factor, fitting(), largest());
  const x = point ? point.x - box.left - box.width / 2 : 0, y = point ? point.y - box.top - box.height / 2 : 0;
  view.x += x / picture.width / before - x / picture.width / after;
  view.y += y / picture.height / before - y / picture.height / after;
  view.scale = after > fitting() ? after : null;
  draw();
}

function move(x, y) {
  if (!picture) return;
  const scale = view.scale ?? fitting();
  view.x -= x / picture.width / scale;
  view.y -= y / picture.height / scale;
  draw();
}

function showWhole() {
  view.scale = null;
  draw();
}

function splitAt(share) {
  split = clamp(share, 0, 1);
  find('split').value = 100 * split;
  draw();
}

// --- pictures ---

// What the first bytes of a file say: why it cannot be read, or what of it gets lost.
async function inspect(file) {
  const start = new TextDecoder('latin1').decode(await file.slice(0, 4096).arrayBuffer());
  return {
    heic: /^....ftyp(hei|hev|mif1|msf1)/s.test(start),
    lost: /acTL|NETSCAPE2\.0|ANIM/.test(start) ? ' It is animated: this is its first frame.'
      : /^.PNG[^]{8}IHDR[^]{8}\x10/.test(start) ? ' It has 16 bits: here it has 8.' : '',
  };
}

async function openFile(file) {
  if (!file) return say('There is no picture in what you gave; give an image file.', true);
  if (file.size > MAX_BYTES) return say(`${file.name} has ${Math.ceil(file.size / 1e6)} MB; give a small picture.`, true);
  say(`Reading ${file.name}.`);
  const { heic, lost } = await inspect(file), image = new Image();
  const loaded = new Promise((done, failed) => Object.assign(image, { onload: done, onerror: failed }));
  image.src = URL.createObjectURL(file);
  try {
    // An image knows its size before its pixels are decoded; a bitmap refuses files that are cut off.
    await loaded;
    const { naturalWidth: width, naturalHeight: height } = image;
    if (width * height > MAX_PIXELS) {
      const limit = MAX_PIXELS.toLocaleString('en');
      return say(`${file.name} has ${width} x ${height} pixels, more than the ${limit} that this page takes; crop or shrink it first.`, true);
    }
    openImage(await createImageBitmap(file), file.name, lost);
  } catch {
    say(heic ? `This browser cannot read HEIC pictures; save ${file.name} as JPEG or PNG first.`
      : `${file.name} is not a whole picture that this browser can read; give a PNG, JPEG, WebP or GIF.`, true);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

// Takes the pixels of an image or a bitmap.
function openImage(image, name, lost = '') {
  const { naturalWidth: width = image.width, naturalHeight: height = image.height } = image;
  const copy = Object.assign(document.createElement('canvas'), { width, height }), ink = copy.getContext('2d');
  // Transparent pictures are put on white.
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, width, height);
  ink.drawImage(image, 0, 0);
  const { data } = ink.getImageData(0, 0, width, height);
  source = { pixels: data, width, height, name, lost };
  find('width').value = 4 * width;
  view.scale = null;
  openSource();
}

function openSource() {
  const { pixels, width, height } = source;
  picture = null;
  busy = stale = false;
  worker.postMessage({ kind: 'open', model: find('model').value, pixels, width, height });
}

// --- the worker's answers ---

const answers = {
  started() {
    const first = document.querySelector('.example img');
    if (!source) openImage(first, first.alt);
  },
  opened() {
    picture = source;
    // Only the first picture is seen as the address says.
    if (!remembering) lookAtAddress();
    draw();
  },
  encoded({ share, done, seconds }) {
    const { name, width, height, lost } = source;
    if (done) say(`${name}: ${width} x ${height} pixels, a function after ${seconds.toFixed(2)} s.${lost} Scroll or pinch to zoom, drag to move.`);
    else if (share < 1) say(`${name}: ${Math.round(100 * share)} % encoded.`);
    draw();
  },
  frame({ pixels, width, height }) {
    busy = false;
    if (pixels) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width / devicePixelRatio}px`;
      canvas.style.height = `${height / devicePixelRatio}px`;
      context.putImageData(new ImageData(pixels, width, height), 0, 0);
    }
    if (stale) {
      stale = false;
      draw();
    }
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
  const { window } = visible(), part = find('part').value === 'view' ? window : [-1, -1, 1, 1];
  const width = Math.round(Number(find('width').value));
  const height = Math.max(1, Math.round((width * (part[2] - part[0]) * picture.height) / (part[3] - part[1]) / picture.width));
  if (!(width >= 1) || width * height > MAX_SAVED || height > 65535)
    return say(`${width} x ${height} pixels cannot be saved here; the limit is ${MAX_SAVED / 1e6} million. Give a smaller width.`, true);
  const name = `${picture.name.replace(/\.\w+$/, '').replace(/\W+/g, '_')}_${width}x${height}.png`;
  say(`Drawing ${width} x ${height} pixels.`);
  worker.postMessage({ kind: 'save', width, height, window: part, name });
}

async function start() {
  const inside = find('worker.js');
  worker = new Worker(inside ? URL.createObjectURL(new Blob([inside.textContent])) : 'worker.js');
  worker.onmessage = ({ data }) => answers[data.kind](data);
  worker.onerror = () => say('The worker of this page did not start; load the page again.', true);
  const names = [...find('model').options].map((option) => option.value);
  const files = await Promise.all(['core.wasm', ...names.map((name) => `weights/${name}.safetensors`)].map(load));
  const weights = Object.fromEntries(names.map((name, at) => [name, files[at + 1]]));
  worker.postMessage({ kind: 'start', wasm: files[0], weights });
  listen();
}

start().catch((error) => say(error.message, true));
