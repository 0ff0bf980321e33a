// The page: which image, which methods, which way of looking; one view for all panes.
import { listenToGestures } from '../../web/gestures.js';
import { Pane, arrangement } from './panes.js';
import { ERROR_COLOURS, openPictures } from './pictures.js';
import { listenToTable } from './table.js';
import { View, clamp } from '../../web/view.js';

const find = (id) => document.getElementById(id);
const images = JSON.parse(find('images').textContent), stage = find('panes'), view = new View({ width: 1, height: 1 });
const captions = { side: 28, slider: 0, error: 28 };
let image, about = [], sources = [], panes = [], mode = 'side', opening = 0, drawing = 0;

const say = (text, bad = false) => {
  find('status').textContent = text;
  find('status').classList.toggle('bad', bad);
};

// --- drawing ---

// What the brightest colour of an error map stands for, in levels of 255.
const largestError = () => 255 / Number(find('factor').value);

function draw() {
  drawing = 0;
  if (!panes.length) return;
  const ratio = devicePixelRatio, visible = view.visible(ratio), target = sources.at(-1), largest = largestError();
  const paint = mode === 'error' ? (source, canvas, window) => source.paintError(canvas, window, target, largest)
    : (source, canvas, window) => source.paint(canvas, window);
  for (const pane of panes) pane.draw(visible, ratio, paint);
  stage.classList.toggle('zoomed', view.times > 1);
  find('scale').textContent = `\u00d7${visible.scale.toPrecision(3)}`;
}

const redraw = () => (drawing ||= requestAnimationFrame(draw));

function arrange() {
  if (!panes.length) return;
  const room = { width: stage.clientWidth, height: Math.max(240, 0.85 * innerHeight) };
  const count = mode === 'slider' ? 1 : panes.length;
  const { columns, width, height } = arrangement(count, image, room, captions[mode]);
  stage.style.setProperty('--columns', columns);
  stage.style.setProperty('--height', `${height}px`);
  view.picture = image;
  view.room = { width: Math.floor(width), height };
  redraw();
}

function splitAt(value) {
  const share = clamp(value, 0, 1);
  find('split').value = 100 * share;
  stage.style.setProperty('--split', `${100 * share}%`);
}

// --- what is shown ---

function chosen() {
  if (mode === 'slider') return ['left', 'right'].map((side) => sources[find(side).selectedIndex]);
  const boxes = [...find('methods').querySelectorAll('input')];
  const checked = sources.filter((_, at) => boxes[at].checked);
  // The input is smaller than the target, which has no errors.
  return mode === 'error' ? checked.filter(({ facts }) => !['input', 'target'].includes(facts.name)) : checked;
}

function show() {
  const zooming = sources.some(({ facts }) => facts.latent);
  panes = chosen().map((source) => new Pane(source, zooming && mode !== 'error'));
  stage.className = mode;
  stage.replaceChildren(...panes.map(({ figure }) => figure));
  if (mode === 'slider') stage.append(Object.assign(document.createElement('div'), { className: 'line' }));
  for (const name of ['side', 'slider', 'error']) for (const part of document.querySelectorAll(`.for-${name}`)) part.hidden = name !== mode;
  find('choice').hidden = mode === 'slider';
  find('legend-most').textContent = `${+largestError().toPrecision(3)} or more of 255`;
  if (panes.length) say(...about);
  else say('No method is chosen; choose one under "Methods shown".', true);
  arrange();
}

function option(source, selected) {
  const { name, measured } = source.facts;
  return new Option(measured ? `${name}, ${measured}` : name, name, false, selected);
}

function offer() {
  const names = sources.map(({ facts }) => facts.name), has = (name) => names.includes(name);
  const kept = ['left', 'right'].map((side) => find(side).value);
  const amortized = names.find((name) => name.startsWith('amortized')) ?? names.find((name) => !['input', 'bicubic'].includes(name)) ?? names.at(-1);
  const usual = [has('bicubic') ? 'bicubic' : 'input', amortized];
  for (const [at, side] of ['left', 'right'].entries()) {
    const wanted = kept[at] && has(kept[at]) ? kept[at] : usual[at];
    find(side).replaceChildren(...sources.map((source) => option(source, source.facts.name === wanted)));
  }
  const off = new Set([...find('methods').querySelectorAll('input:not(:checked)')].map(({ value }) => value));
  find('methods').replaceChildren(...names.map((name) => {
    const label = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', value: name, checked: !off.has(name), onchange: show });
    label.append(box, ` ${name}`);
    return label;
  }));
}

async function openImage(number) {
  const mine = ++opening, next = images[number];
  say(`Reading ${next.name}.`);
  const { sources: opened, problem } = await openPictures(next);
  if (mine !== opening) return opened.forEach((source) => source.close());
  sources.forEach((source) => source.close());
  [image, sources] = [next, opened];
  const known = image.target ? '' : ' There is no target, so there is no error map.';
  const notes = image.notes.map((note) => ` ${note[0].toUpperCase()}${note.slice(1)}`).join('');
  about = [`${image.name}: ${image.width} x ${image.height} pixels.${notes}${known}${problem}`, problem !== ''];
  view.whole();
  offer();
  const error = document.querySelector('input[value=error]');
  error.disabled = !image.target;
  if (error.checked && error.disabled) [document.querySelector('input[value=side]').checked, mode] = [true, 'side'];
  show();
}

const openSafely = (number) => openImage(number).catch((error) => say(`${images[number].name} cannot be shown: ${error.message}`, true));

function start() {
  find('image').replaceChildren(...images.map(({ name }, at) => new Option(name, at)));
  find('image').onchange = () => openSafely(find('image').selectedIndex);
  find('which').hidden = images.length === 1;
  for (const radio of document.querySelectorAll('input[name=mode]')) radio.onchange = () => ((mode = radio.value), show());
  for (const id of ['left', 'right', 'factor']) find(id).onchange = show;
  find('split').oninput = () => splitAt(find('split').value / 100);
  const zoom = (factor, x, y) => (view.zoom(factor, x, y), redraw());
  const whole = () => (view.whole(), redraw());
  find('in').onclick = () => zoom(1.5);
  find('out').onclick = () => zoom(1 / 1.5);
  find('whole').onclick = whole;
  listenToGestures(stage, { zoom, whole, move: (x, y) => (view.move(x, y), redraw()), split: splitAt, zoomed: () => view.times > 1 });
  find('legend-bar').style.background = `linear-gradient(to right, ${ERROR_COLOURS.map((colour) => `rgb(${colour})`)})`;
  listenToTable(find('results'), find('tip'));
  new ResizeObserver(arrange).observe(stage);
  addEventListener('resize', arrange);
  document.querySelector('input[value=side]').checked = true;
  splitAt(0.5);
  openSafely(0);
}

start();

// For a console: `comparison.view.zoom(2, 0, 0); comparison.redraw()`.
window.comparison = { view, redraw, isDrawing: () => drawing !== 0 };
