// Time the page's modules in node: encoding, frames of 768x768 pixels, steps of the live fit, morphs.
//
// Protocol: `photo-tiny`, random pixels of 64x64, one thread; CPU milliseconds of the process, medians of 20 encodings, of
// 60 frames of windows that zoom in, of 60 training steps, and of 20 codes of `mnist-morph` decoded and drawn at 512x512,
// each after five unmeasured ones.
//
//     node scripts/bench_web.mjs
import fs from 'node:fs';
import os from 'node:os';

const load = (name) => import(new URL(`../amortized_sr/web/${name}.js`, import.meta.url));
const bytes = (path) => new Uint8Array(fs.readFileSync(new URL(`../amortized_sr/${path}`, import.meta.url))).buffer;
const { loadCore } = await load('core'), { readWeights } = await load('weights');
const { Encoder } = await load('encoder'), { PictureFunction } = await load('function');
const { Autoencoder } = await load('autoencoder'), { Network } = await load('network');

const core = await loadCore(bytes('web/core.wasm')), weights = readWeights(bytes('weights_data/photo-tiny.safetensors'));
const encoder = new Encoder(core, weights), mark = core.top, side = 64;
const pixels = Uint8Array.from({ length: 4 * side ** 2 }, () => Math.floor(256 * Math.random()));
let picture;

function median(count, work) {
  const times = [];
  for (let number = -5; number < count; number++) {
    const before = process.cpuUsage();
    work(Math.max(number, 0));
    const { user, system } = process.cpuUsage(before);
    if (number >= 0) times.push((user + system) / 1000);
  }
  return times.sort((a, b) => a - b)[count >> 1].toFixed(1);
}

const encoding = median(20, () => {
  core.top = mark;
  picture = new PictureFunction(core, encoder, weights, pixels, side, side);
  for (const _ of picture.encode());
});
const frame = median(60, (number) => {
  const reach = 0.95 ** number;
  picture.drawing.render(768, 768, [-reach, -reach, reach, reach], 0);
});
const network = new Network(await loadCore(bytes('web/core.wasm')), pixels, side, side);
const step = median(60, () => network.step());
const digits = readWeights(bytes('weights_data/mnist-morph.safetensors'), 'autoencoder');
const autoencoder = new Autoencoder(await loadCore(bytes('web/core.wasm')), digits);
const code = autoencoder.encode(pixels, side, side);
const morph = median(20, () => autoencoder.decode(code).render(512, 512));
console.log(`${os.cpus()[0].model}, node ${process.version}: encode 64x64 ${encoding} ms, frame 768x768 ${frame} ms, ` +
  `step of the live fit ${step} ms, morph of 512x512 ${morph} ms`);
