// Two digits, chosen or drawn, and every picture between them.
import { pixelsOf, readPicture } from './files.js';
import { find, load, say, show, startWorker } from './parts.js';

// What one draws on: black, and larger than a digit so that lines are smooth.
const INK = 112;
const PIXELS = Uint8ClampedArray.from({ length: 4 * INK ** 2 }, (_, at) => (at % 4 === 3 ? 255 : 0));
const BLANK = { pixels: PIXELS, width: INK, height: INK };
const canvas = find('morph'), slider = find('between'), sheet = find('sheet');

export function startDigits() {
  const section = find('digits');
  // Digits that the worker has not seen yet are `changed`.
  let post, ready = false, busy = false, stale = false, changed = {};

  function draw() {
    if (!ready) return;
    delete canvas.dataset.share;
    if (busy) {
      stale = true;
      return;
    }
    busy = true;
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    post('morph', { digits: changed, share: slider.value / 100, side });
    changed = {};
  }

  // Takes the picture on a canvas as one of the digits, and returns it.
  function take(place, pad) {
    const picture = pixelsOf(pad);
    changed[place] = picture;
    draw();
    return picture;
  }

  function startPlace(place) {
    const pad = find(`pad-${place}`), choice = find(place);
    // What was drawn or dropped here comes back when it is chosen again.
    let own = BLANK;
    const put = ({ pixels, width, height }) => {
      show(pad, pixels, width, height);
      take(place, pad);
    };
    const putOwn = (picture) => {
      own = picture;
      choice.value = '';
      put(own);
    };
    const side = sheet.naturalHeight;
    const choose = () => put(choice.value ? pixelsOf(sheet, side * choice.value, side) : own);
    choice.onchange = choose;
    find(`clear-${place}`).onclick = () => putOwn(BLANK);
    startInk(pad, () => {
      // The first stroke clears an example.
      if (choice.value || pad.width !== INK) putOwn(BLANK);
    }, () => (own = take(place, pad)));
    pad.addEventListener('drop', async (event) => {
      event.preventDefault();
      try {
        putOwn(await readPicture(event.dataTransfer.files[0]));
      } catch (error) {
        say(error.message, true);
      }
    });
    choose();
  }

  const answers = {
    started() {
      for (const place of ['from', 'to']) startPlace(place);
      ready = true;
      slider.oninput = draw;
      new ResizeObserver(draw).observe(canvas);
    },
    morphed({ pixels, side }) {
      busy = false;
      show(canvas, pixels, side, side);
      if (stale) {
        stale = false;
        draw();
      } else canvas.dataset.share = slider.value / 100;
    },
    failed({ text }) {
      busy = false;
      say(text, true);
    },
  };

  return {
    // Loads the model of the section, if the page has one.
    async start(wasm) {
      if (section.hidden) return;
      post = startWorker(answers);
      const [digits] = await Promise.all([load(`weights/${section.dataset.model}.safetensors`), sheet.decode()]);
      post('start', { wasm, digits });
    },
  };
}

// Draws white lines where a pointer goes; `begin` comes before the first point of a stroke, `drawn` after each.
function startInk(pad, begin, drawn) {
  let last;
  const stroke = (event) => {
    const box = pad.getBoundingClientRect(), ink = pad.getContext('2d');
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    const point = [x * pad.width, y * pad.height];
    Object.assign(ink, { strokeStyle: '#fff', lineWidth: pad.width / 11, lineCap: 'round' });
    ink.beginPath();
    ink.moveTo(...(last ?? point));
    ink.lineTo(...point);
    ink.stroke();
    last = point;
    drawn();
  };
  pad.addEventListener('pointerdown', (event) => {
    pad.setPointerCapture(event.pointerId);
    begin();
    stroke(event);
  });
  pad.addEventListener('pointermove', (event) => last && stroke(event));
  for (const kind of ['pointerup', 'pointercancel']) pad.addEventListener(kind, () => (last = null));
}
