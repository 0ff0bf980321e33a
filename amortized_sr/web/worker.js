// The workers: one draws the picture, one draws morphs, one trains a network. Messages are answered one after the other,
// so that nothing shares a core; encoding and training go on in small parts between them.
import { Autoencoder } from './autoencoder.js';
import { loadCore } from './core.js';
import { Encoder } from './encoder.js';
import { PictureFunction } from './function.js';
import { Network } from './network.js';
import { writePng } from './png.js';
import { conditionsOf } from './strength.js';
import { readWeights } from './weights.js';

// Seconds of training between two pictures of it, and in all.
const PART = 0.15, LONGEST = 60;

const models = {}, codes = {};
// Pixels of a strip of a picture that is saved.
const STRIP = 1 << 19;

let core, mark, model, picture, autoencoder, saving, number = 0, queue = Promise.resolve();

const answer = (kind, values = {}, moved = []) => postMessage({ kind, ...values }, moved);
const now = () => performance.now() / 1000;

// Does parts of a long work, of which `part` does the next one and returns whether it was the last.
function work(part) {
  const mine = ++number;
  const next = () => {
    // A new task of the event loop: messages that wait come between two parts.
    if (mine === number && !part()) setTimeout(enqueue, 0, next);
  };
  next();
}

const handlers = {
  // Loads the core, and models of pictures or the one of digits.
  async start({ wasm, weights, digits }) {
    core = await loadCore(wasm);
    for (const [name, bytes] of Object.entries(weights ?? {})) {
      const read = readWeights(bytes);
      models[name] = { read, encoder: new Encoder(core, read) };
    }
    if (digits) autoencoder = new Autoencoder(core, readWeights(digits, 'autoencoder'));
    mark = core.top;
    answer('started');
  },

  // Takes a picture, which can be drawn at once.
  open({ name, pixels, width, height }) {
    number++;
    picture = saving = null;
    core.top = mark;
    model = models[name];
    picture = new PictureFunction(core, model.encoder, model.read, pixels, width, height);
    answer('opened', { conditions: model.read.config.conditions });
  },

  // Encodes the picture, again if strengths are others.
  encode({ strengths }) {
    if (!picture) return;
    saving = null;
    const began = now(), tiles = picture.encode(conditionsOf(model.read.config.conditions, strengths));
    work(() => {
      const { value, done } = tiles.next();
      answer('encoded', { share: value, done, seconds: now() - began });
      return done;
    });
  },

  // Draws what a canvas shows.
  frame({ width, height, window, split }) {
    const pixels = picture?.drawing.render(width, height, window, split);
    answer('frame', { pixels, width, height, window }, pixels ? [pixels.buffer] : []);
  },

  // Draws a picture of any size in strips, each in turn with other messages.
  save({ width, height, window, name }) {
    const mine = (saving = picture.drawing.parts(width, height, window, Math.max(1, Math.floor(STRIP / width))));
    async function* strips() {
      for (let stopped = false, next; !next?.done; ) {
        // A new task of the event loop: messages that wait come between two strips.
        await new Promise((done) => setTimeout(done));
        next = await inTurn(() => (stopped = saving !== mine) ? { done: true } : mine.next());
        if (stopped) throw new Error('Saving was stopped.');
        if (!next.done) yield next.value.pixels;
        if (!next.done) answer('saving', { share: next.value.share });
      }
    }
    writePng(width, height, strips())
      .then((blob) => answer('saved', { blob, width, height, name }))
      .catch((error) => answer('saved', { text: error.message }));
  },

  // Stops saving.
  unsave() {
    saving = null;
  },

  // Draws the picture at a place between two digits: 0 is the first, 1 the second. Digits that are given are encoded.
  morph({ digits, share, side }) {
    for (const [place, { pixels, width, height }] of Object.entries(digits))
      codes[place] = autoencoder.encode(pixels, width, height);
    const code = codes.from.map((value, at) => value + share * (codes.to[at] - value));
    const pixels = autoencoder.decode(code).render(side, side);
    answer('morphed', { pixels, side }, [pixels.buffer]);
  },

  // Trains a network on a picture.
  fit({ pixels, width, height, training }) {
    core.top = mark;
    const network = new Network(core, pixels, width, height), scale = 128 / Math.max(network.width, network.height);
    let seconds = 0;
    work(() => {
      const began = now();
      do network.step();
      while (now() - began < PART);
      seconds += now() - began;
      const size = [network.width, network.height].map((side) => Math.max(1, Math.round(side * scale)));
      const done = seconds >= LONGEST, { steps } = network, drawn = { pixels: network.draw(...size), size };
      answer('fitted', { training, ...drawn, seconds, steps, psnr: network.psnr(), done });
      return done;
    });
  },

  // Ends what is done in parts.
  stop() {
    number++;
  },
};

// Does a task after those that wait, and returns its result.
function inTurn(task) {
  const result = queue.then(task);
  queue = result.catch(() => {});
  return result;
}

function enqueue(task) {
  inTurn(task).catch((error) => answer('failed', { text: error.message }));
}

onmessage = ({ data }) => enqueue(() => handlers[data.kind](data));
