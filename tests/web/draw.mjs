// Draws one picture with the page's modules: reads a job as JSON, writes the bytes of its renderings one after the other.
// With `read` in the job, it tells instead, for each file, the sentence that refuses it, or null; with `lacking`, what is
// said where WebAssembly's SIMD or memory is missing.
import fs from 'node:fs';

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const load = (name) => import(new URL(`../../amortized_sr/web/${name}.js`, import.meta.url));
const { loadCore } = await load('core'), { readWeights } = await load('weights');
const bytes = (path) => new Uint8Array(fs.readFileSync(path)).buffer;
const complaint = (path) => {
  try {
    return readWeights(bytes(path)) && null;
  } catch (error) {
    return error.message;
  }
};

if (job.read) {
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
} else {
  const { Encoder } = await load('encoder'), { PictureFunction } = await load('function'), { writePng } = await load('png');
  const core = await loadCore(bytes(job.core)), weights = readWeights(bytes(job.weights));
  const pixels = new Uint8Array(bytes(job.pixels));
  const picture = new PictureFunction(core, new Encoder(core, weights), weights, pixels, job.width, job.height);
  for (const share of picture.encode([], job.side)) if (!(share <= 1)) throw new Error(share);
  for (const [height, width, window, split] of job.renderings)
    process.stdout.write(picture.render(width, height, window, split));
  if (job.png) {
    const [height, width] = job.png.size, strips = picture.strips(width, height, [-1, -1, 1, 1], 0, job.png.step);
    fs.writeFileSync(job.png.path, new Uint8Array(await (await writePng(width, height, strips)).arrayBuffer()));
  }
}
