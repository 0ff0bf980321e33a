// Draws one picture with the page's modules: reads a job as JSON, writes the bytes of its renderings one after the other.
// With `morph` in the job, it draws pictures between two digits. With `fit`, it trains a network and tells how well it
// went. With `read`, it tells, for each file, the sentence that refuses it, or null; with `lacking`, what is said where
// WebAssembly's SIMD or memory is missing.
import fs from 'node:fs';

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const load = (name) => import(new URL(`../../amortized_sr/web/${name}.js`, import.meta.url));
const { loadCore } = await load('core'), { readWeights } = await load('weights');
const bytes = (path) => new Uint8Array(fs.readFileSync(path)).buffer;
const complaint = (path) => {
  try {
    return readWeights(bytes(path), job.kind) && null;
  } catch (error) {
    return error.message;
  }
};

if (job.conditions) {
  const { conditionsOf } = await load('strength');
  process.stdout.write(JSON.stringify(job.conditions.map((strengths) => conditionsOf(['noise', 'jpeg'], strengths))));
} else if (job.read) {
  process.stdout.write(JSON.stringify(job.read.map(complaint)));
} else if (job.lacking) {
  const core = await loadCore(bytes(job.core)), before = core.top, sentences = [];
  await loadCore(bytes(job.lacking)).catch((error) => sentences.push(error.message));
  try {
    core.reserve(2 ** 30);
  } catch (error) {
    sentences.push(error.message);
  }
  // A picture that fits is drawn after one that does not.
  process.stdout.write(JSON.stringify([...sentences, core.top - before < 16, core.reserve(2 ** 16) > 0]));
} else if (job.morph) {
  const { Autoencoder } = await load('autoencoder');
  const autoencoder = new Autoencoder(await loadCore(bytes(job.core)), readWeights(bytes(job.weights), 'autoencoder'));
  const [from, to] = job.digits.map(({ pixels, width, height }) =>
    autoencoder.encode(new Uint8Array(bytes(pixels)), width, height));
  for (const [share, height, width, window] of job.morph) {
    const code = from.map((value, at) => value + share * (to[at] - value));
    process.stdout.write(autoencoder.decode(code).render(width, height, window));
  }
} else if (job.fit) {
  const { Network } = await load('network'), { width, height, steps, seconds, draw } = job.fit;
  const network = new Network(await loadCore(bytes(job.core)), new Uint8Array(bytes(job.pixels)), width, height);
  const told = { size: [network.width, network.height], before: network.psnr(), slopes: [] };
  for (let step = 0; step < steps; step++) network.step();
  // Slopes of the loss against differences of it.
  network.choose();
  network.gradient();
  const slopes = network.slopes.slice(), values = network.values.slice(), loss = () => network.gradient();
  const difference = (direction, by) => {
    const moved = (sign) => {
      network.values.forEach((_, at) => (network.values[at] = values[at] + sign * by * direction[at]));
      return loss();
    };
    const result = (moved(1) - moved(-1)) / (2 * by);
    network.values.set(values);
    return result;
  };
  // Along the slopes of a part and along a random direction, which would show a slope that is missing.
  for (const { outputs, weight, bias } of network.layers)
    for (const [low, high] of [[weight, bias], [bias, bias + outputs]])
      for (const along of [(at) => slopes[at], () => network.random() - 0.5]) {
        const direction = slopes.map((_, at) => (at >= low && at < high ? along(at) : 0));
        const length = Math.hypot(...direction);
        const expected = slopes.reduce((sum, slope, at) => sum + (slope * direction[at]) / length, 0);
        told.slopes.push([expected, difference(direction.map((one) => one / length), job.fit.by)]);
      }
  const began = performance.now();
  while (performance.now() - began < 1000 * (seconds ?? 0)) network.step();
  const drawn = draw && [...network.draw(...draw)];
  process.stdout.write(JSON.stringify({ ...told, after: network.psnr(), steps: network.steps, drawn }));
} else {
  const { Encoder } = await load('encoder'), { PictureFunction } = await load('function'), { writePng } = await load('png');
  const core = await loadCore(bytes(job.core)), weights = readWeights(bytes(job.weights));
  const pixels = new Uint8Array(bytes(job.pixels));
  const picture = new PictureFunction(core, new Encoder(core, weights), weights, pixels, job.width, job.height);
  const { conditionsOf } = await load('strength');
  // Encoded twice, as when a dial is turned.
  const told = (strengths) => conditionsOf(weights.config.conditions, strengths);
  if (job.before) for (const _ of picture.encode(told(job.before), job.side));
  for (const share of picture.encode(told(job.strengths ?? {}), job.side)) if (!(share <= 1)) throw new Error(share);
  for (const [height, width, window, split] of job.renderings)
    process.stdout.write(picture.drawing.render(width, height, window, split));
  if (job.png) {
    const [height, width] = job.png.size, strips = picture.drawing.strips(width, height, [-1, -1, 1, 1], 0, job.png.step);
    fs.writeFileSync(job.png.path, new Uint8Array(await (await writePng(width, height, strips)).arrayBuffer()));
  }
}
