// The worker: models, one picture, its renderings. Messages are answered one after the other, so that nothing shares
// the core; encoding goes on tile by tile between them.
import { loadCore } from './core.js';
import { Encoder } from './encoder.js';
import { PictureFunction, WHOLE } from './function.js';
import { writePng } from './png.js';
import { readWeights } from './weights.js';

const models = {};
let core, mark, picture, number = 0, queue = Promise.resolve();

const answer = (kind, values = {}, moved = []) => postMessage({ kind, ...values }, moved);

const handlers = {
  // Loads the core and all models.
  async start({ wasm, weights }) {
    core = await loadCore(wasm);
    for (const [name, bytes] of Object.entries(weights)) {
      const read = readWeights(bytes);
      models[name] = { read, encoder: new Encoder(core, read) };
    }
    mark = core.top;
    answer('started');
  },

  // Takes a picture, which is drawn at once, and encodes it.
  open({ model, pixels, width, height }) {
    const { read, encoder } = models[model], began = performance.now(), mine = ++number;
    picture = null;
    core.top = mark;
    picture = new PictureFunction(core, encoder, read, pixels, width, height);
    answer('opened');
    const tiles = picture.encode();
    const next = () => {
      if (mine !== number) return;
      const { value, done } = tiles.next();
      answer('encoded', { share: value, done, seconds: (performance.now() - began) / 1000 });
      // A new task of the event loop: messages that wait come between two tiles.
      if (!done) setTimeout(enqueue, 0, next);
    };
    next();
  },

  // Draws what a canvas shows.
  frame({ width, height, window, split }) {
    const pixels = picture?.render(width, height, window, split);
    answer('frame', { pixels, width, height, split }, pixels ? [pixels.buffer] : []);
  },

  // Draws a picture of any size in strips.
  async save({ width, height, window, name }) {
    const strips = picture.strips(width, height, window ?? WHOLE, 0, 64);
    answer('saved', { blob: await writePng(width, height, strips), width, height, name });
  },
};

function enqueue(task) {
  queue = queue.then(task).catch((error) => answer('failed', { text: error.message }));
}

onmessage = ({ data }) => enqueue(() => handlers[data.kind](data));
