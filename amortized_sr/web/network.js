// A small coordinate network that is trained on one picture: position -> Fourier features -> two hidden layers ->
// colour. Its layers run as convolutions of 1x1 pixel in the core, forwards and backwards.
import { resize } from './tables.js';

// Longer pictures are shrunk to this side first.
const SIDE = 64;
const FREQUENCIES = 32, SPREAD = 6, WIDTH = 64, BATCH = 1024;
const RATE = 1e-2, FADING = 300, DECAY = [0.9, 0.99];

// A network and its training, in the memory of a core from where it ends now.
export class Network {
  // `pixels` are bytes (row, column, RGBA); the seed decides the start and the order of the pixels.
  constructor(core, pixels, width, height, seed = 1) {
    const shrink = Math.min(1, SIDE / Math.max(width, height));
    this.core = core;
    this.random = generator(seed);
    this.width = Math.max(1, Math.round(width * shrink));
    this.height = Math.max(1, Math.round(height * shrink));
    this.target = resize(Float32Array.from(pixels, (byte) => byte / 255), 4, width, height, this.width, this.height);
    const normal = () => Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
    // In periods along the longer side of the picture.
    this.frequency = Float32Array.from({ length: 2 * FREQUENCIES }, () => SPREAD * normal());
    this.steps = 0;

    const sizes = [2 * FREQUENCIES, WIDTH, WIDTH, 8];
    let count = 0;
    // Weights are (group of 8 outputs, input, 8), as the core reads them; biases follow.
    this.layers = sizes.slice(1).map((outputs, number) => {
      const layer = { inputs: sizes[number], outputs, weight: count, bias: count + sizes[number] * outputs };
      count = layer.bias + outputs;
      return layer;
    });
    const [values, slopes] = [core.reserve(count), core.reserve(count)];
    this.maps = sizes.map((channels) => core.reserve(BATCH * channels));
    const widest = Math.max(...sizes);
    const [gradient, other, groups, turned] = [0, 0, 0, 0].map(() => core.reserve(BATCH * widest));
    Object.assign(this, { at: { values, slopes, gradient, other, groups, turned }, count });
    this.none = core.put(new Float32Array(widest));
    this.back = core.reserve(widest ** 2);
    // No buffer is reserved after this, so that views stay valid.
    this.values = core.floats(values, count);
    this.slopes = core.floats(slopes, count);
    this.moments = [new Float32Array(count), new Float32Array(count)];
    for (const { inputs, outputs, weight, bias } of this.layers)
      for (let i = weight; i < bias; i++) this.values[i] = normal() * Math.sqrt((outputs === 8 ? 0.1 : 2) / inputs);
    this.values.fill(0.5, this.layers[2].bias, this.layers[2].bias + 3);
    this.features = this.featuresOf(this.width, this.height);
    this.batch = new Int32Array(BATCH);
  }

  // Returns the function that writes the features of a pixel of a grid over the picture.
  featuresOf(columns, rows) {
    const longest = Math.max(this.width, this.height);
    const waves = (count, part, share) =>
      Float32Array.from({ length: 2 * FREQUENCIES * count }, (_, at) => {
        const pixel = Math.floor(at / (2 * FREQUENCIES)), k = at % (2 * FREQUENCIES);
        const angle = 2 * Math.PI * this.frequency[2 * (k >> 1) + part] * ((pixel + 0.5) / count) * share;
        return k % 2 ? Math.sin(angle) : Math.cos(angle);
      });
    const across = waves(columns, 0, this.width / longest), down = waves(rows, 1, this.height / longest);
    return (row, column, out, to) => {
      for (let k = 0, x = 2 * FREQUENCIES * column, y = 2 * FREQUENCIES * row; k < 2 * FREQUENCIES; k += 2) {
        out[to + k] = across[x + k] * down[y + k] - across[x + k + 1] * down[y + k + 1];
        out[to + k + 1] = across[x + k + 1] * down[y + k] + across[x + k] * down[y + k + 1];
      }
    };
  }

  // Computes the colours of the first `count` points whose features are in the first map.
  forward(count) {
    const { run } = this.core, { values } = this.at;
    for (const [number, { inputs, outputs, weight, bias }] of this.layers.entries())
      run.convolve(this.maps[number], values + 4 * weight, values + 4 * bias, 0, this.maps[number + 1], 1, count,
        inputs, outputs, 1, number < 2 ? 1 : 0);
    return this.core.floats(this.maps.at(-1), 8 * count);
  }

  // Chooses the pixels of the next step.
  choose() {
    const pixels = this.width * this.height, map = this.core.floats(this.maps[0], 2 * FREQUENCIES * BATCH);
    for (let n = 0; n < BATCH; n++) {
      this.batch[n] = Math.floor(this.random() * pixels);
      this.features(Math.floor(this.batch[n] / this.width), this.batch[n] % this.width, map, 2 * FREQUENCIES * n);
    }
  }

  // Returns the mean squared error of the chosen pixels and leaves its slopes in `slopes`.
  gradient() {
    const { core, at } = this, colours = this.forward(BATCH), error = core.floats(at.gradient, 8 * BATCH).fill(0);
    let loss = 0;
    for (let n = 0; n < BATCH; n++)
      for (let c = 0; c < 3; c++) {
        const difference = colours[8 * n + c] - this.target[4 * this.batch[n] + c];
        loss += difference ** 2 / (3 * BATCH);
        error[8 * n + c] = (2 * difference) / (3 * BATCH);
      }
    let [from, to] = [at.gradient, at.other];
    for (let number = 2; number >= 0; number--) {
      this.slope(number, from);
      if (number) this.backward(number, from, to);
      [from, to] = [to, from];
    }
    return loss;
  }

  // Writes the slopes of a layer's weights and biases: inputs times gradients (point, output), summed over the points.
  slope(number, gradient) {
    const { core, at } = this, { inputs, outputs, weight, bias } = this.layers[number];
    const map = core.floats(this.maps[number], BATCH * inputs), turned = core.floats(at.turned, BATCH * inputs);
    const given = core.floats(gradient, BATCH * outputs), groups = core.floats(at.groups, BATCH * outputs);
    for (let n = 0; n < BATCH; n++) for (let i = 0; i < inputs; i++) turned[i * BATCH + n] = map[n * inputs + i];
    this.slopes.fill(0, bias, bias + outputs);
    for (let n = 0; n < BATCH; n++)
      for (let o = 0; o < outputs; o++) {
        groups[((o >> 3) * BATCH + n) * 8 + (o & 7)] = given[n * outputs + o];
        this.slopes[bias + o] += given[n * outputs + o];
      }
    // To the core, inputs are pixels, points are channels, and gradients are weights.
    for (let group = 0; group < outputs / 8; group++)
      core.run.convolve(at.turned, at.groups + 32 * BATCH * group, this.none, 0,
        at.slopes + 4 * (weight + 8 * inputs * group), 1, inputs, BATCH, 8, 1, 0);
  }

  // Brings gradients of a layer's outputs to those of its inputs, which are outputs of a ReLU.
  backward(number, from, to) {
    const { core } = this, { inputs, outputs, weight } = this.layers[number];
    const back = core.floats(this.back, inputs * outputs);
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++)
        back[((i >> 3) * outputs + o) * 8 + (i & 7)] = this.values[weight + ((o >> 3) * inputs + i) * 8 + (o & 7)];
    core.run.convolve(from, this.back, this.none, 0, to, 1, BATCH, outputs, inputs, 1, 0);
    const result = core.floats(to, BATCH * inputs), map = core.floats(this.maps[number], BATCH * inputs);
    for (let i = 0; i < result.length; i++) if (map[i] === 0) result[i] = 0;
  }

  // One step of Adam with a rate that falls.
  step() {
    this.choose();
    this.gradient();
    const step = ++this.steps, rate = RATE / Math.sqrt(1 + step / FADING);
    const [first, second] = this.moments, [a, b] = DECAY;
    for (let i = 0; i < this.count; i++) {
      first[i] += (1 - a) * (this.slopes[i] - first[i]);
      second[i] += (1 - b) * (this.slopes[i] ** 2 - second[i]);
      this.values[i] -= (rate * first[i]) / (1 - a ** step) / (Math.sqrt(second[i] / (1 - b ** step)) + 1e-8);
    }
  }

  // Returns the bytes (row, column, RGBA) of a drawing of the whole picture.
  draw(width, height) {
    const features = this.featuresOf(width, height), pixels = new Uint8ClampedArray(4 * width * height).fill(255);
    const map = this.core.floats(this.maps[0], 2 * FREQUENCIES * BATCH);
    for (let start = 0; start < width * height; start += BATCH) {
      const count = Math.min(BATCH, width * height - start);
      for (let n = 0; n < count; n++)
        features(Math.floor((start + n) / width), (start + n) % width, map, 2 * FREQUENCIES * n);
      const colours = this.forward(count);
      for (let n = 0; n < count; n++) for (let c = 0; c < 3; c++) pixels[4 * (start + n) + c] = 255 * colours[8 * n + c];
    }
    return pixels;
  }

  // Returns the PSNR of the drawing at the picture's own size, in dB.
  psnr() {
    const drawn = this.draw(this.width, this.height);
    let error = 0;
    for (let i = 0; i < drawn.length; i++)
      if (i % 4 < 3) error += (drawn[i] / 255 - Math.min(Math.max(this.target[i], 0), 1)) ** 2;
    return -10 * Math.log10(Math.max(error / (3 * this.width * this.height), 1e-10));
  }
}

// Numbers in [0, 1) that a seed decides (mulberry32).
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
