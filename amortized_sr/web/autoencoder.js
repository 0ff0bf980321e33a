// An autoencoder in the memory of a core: a picture of any size -> one code -> a picture as a function.
import { arrange, Drawing } from './drawing.js';
import { convolve, packer, padded } from './layers.js';
import { halvings, waves } from './shapes.js';
import { basis, resize } from './tables.js';

// The layers of a model.
export class Autoencoder {
  constructor(core, weights) {
    const { config, tensors } = weights, layer = packer(core, tensors), name = (part, number) => `${part}.${number}`;
    const block = (path, width) => [layer(path + '.first', width, 3), layer(path + '.second', width, 3)];
    const width = padded(config.decoder_width), planes = config.channels + 1;
    Object.assign(this, { core, config, kernel: basis(weights), shift: [tensors.mean[0], tensors.deviation[0]] });
    let stride = planes;
    this.halvings = halvings(config).map(({ kernel }, number) => {
      const half = layer(name('encoder.trunk', 2 * number), stride, kernel);
      stride = half.outputs;
      return { kernel, half, block: block(name('encoder.trunk', 2 * number + 1), stride) };
    });
    this.side = config.frame / 2 ** this.halvings.length;
    this.trunk = layer(name('encoder.trunk', 2 * this.halvings.length), stride);
    this.features = layer('encoder.features.linear', this.trunk.outputs, this.side);
    this.code = layer('encoder.code', this.features.outputs);
    this.direct = layer('encoder.direct.linear', planes, config.frame);
    const count = config.decoder_blocks;
    this.blocks = Array.from({ length: count }, (_, number) => block(name('decoder.blocks', number), width));
    this.last = layer('decoder.last', width, 3);
    const unfold = (path, stride) => layer('decoder.unfold.' + path, stride);
    if (config.decoder === 'linear') this.unfolding = [unfold('linear', config.code)];
    else {
      this.unfolding = [unfold('write.0', config.code), unfold('write.2', 256)];
      const inner = unfold('network.1', config.rank);
      this.network = [inner, unfold('network.3', inner.outputs)];
      this.wave = waveTable(config);
    }
    this.mark = core.top;
  }

  // Returns the code of a picture, whose pixels are bytes (row, column, RGBA); alpha is ignored.
  encode(pixels, width, height) {
    const { core, config: { frame, channels, code }, shift: [mean, deviation] } = this;
    core.top = this.mark;
    const framed = resize(colours(pixels, channels), channels, width, height, frame, frame);
    // In one more plane the encoder sees how many pixels the picture had.
    const known = Math.log2(Math.min(width, height, frame) / frame);
    const planes = new Float32Array(frame ** 2 * (channels + 1));
    for (let i = 0, at = 0; at < planes.length; at++)
      planes[at] = at % (channels + 1) === channels ? known : (framed[i++] - mean) / deviation;
    const map = core.put(planes);
    let from = map, side = frame, inputs = channels + 1;
    for (const { kernel, half, block } of this.halvings) {
      side /= 2;
      // A convolution with stride 2 is one of 1x1 over the patches that it sees.
      const seen = core.put(patches(core.floats(from, 4 * inputs * side ** 2), 2 * side, inputs, kernel));
      from = this.residual(block, this.run({ ...half, inputs: inputs * kernel ** 2, side: 1 }, seen, side), side);
      inputs = half.outputs;
    }
    const trunk = this.activated(this.run(this.trunk, from, side), this.trunk.outputs * side ** 2);
    const features = this.activated(this.run(this.features, trunk, 1), this.features.outputs);
    const direct = this.run(this.direct, map, 1);
    return core.floats(this.run(this.code, features, 1, { add: direct }), code).slice();
  }

  // Returns the picture of a code as a function, which the next call ends.
  decode(code) {
    const { core, config: { frame, grid, channels, decoder_width: width }, kernel } = this, cells = grid ** 2;
    core.top = this.mark;
    const squares = kernel.functions ** 2, place = core.reserve(4 * squares * cells), mark = core.top;
    let from = this.network ? this.modulated(code) : this.unfolded(code);
    for (const block of this.blocks) from = this.residual(block, from, grid);
    const features = core.floats(from, padded(width) * cells);
    features.forEach((value, at) => (features[at] = Math.max(value, 0)));
    const stride = this.last.outputs, border = core.reserve((grid + 2) ** 2 * this.last.inputs);
    const codes = core.floats(this.run(this.last, from, grid, { border }), stride * cells);
    arrange(codes, stride, cells, squares, core.floats(place, 4 * squares * cells), channels === 1 ? 'all' : undefined);
    core.top = mark;
    return new Drawing(core, frame, frame, [{ cells: place, kernel, width: grid, height: grid }]);
  }

  // The features of a decoder `linear`: (channel, row, column) becomes (row, column, channel).
  unfolded(code) {
    const { core, config: { grid, decoder_width: width } } = this, cells = grid ** 2, stride = padded(width);
    const values = core.floats(this.run(this.unfolding[0], core.put(code), 1), width * cells);
    const map = new Float32Array(stride * cells);
    for (let c = 0; c < width; c++) for (let i = 0; i < cells; i++) map[i * stride + c] = values[c * cells + i];
    return core.put(map);
  }

  // The features of a decoder `modulated`: the code writes the first layer of a network that all pictures share.
  modulated(code) {
    const { core, config: { grid, rank }, wave, unfolding: [first, second] } = this, functions = wave.length / grid;
    const hidden = this.activated(this.run(first, core.put(code), 1), first.outputs);
    const written = core.floats(this.run(second, hidden, 1), rank * functions ** 2).slice();
    const map = new Float32Array(rank * grid ** 2);
    for (let y = 0, at = 0; y < grid; y++)
      for (let x = 0; x < grid; x++)
        for (let r = 0; r < rank; r++, at++)
          for (let j = 0, w = r * functions ** 2; j < functions; j++)
            for (let k = 0; k < functions; k++, w++) map[at] += written[w] * wave[j * grid + y] * wave[k * grid + x];
    const [inner, outer] = this.network;
    const middle = this.run(inner, this.activated(core.put(map), map.length), grid);
    return this.run(outer, this.activated(middle, inner.outputs * grid ** 2), grid);
  }

  // Applies a layer to a map and returns the address of a result of `side` x `side`.
  run(layer, from, side, more) {
    return convolve(this.core, layer, from, this.core.reserve(layer.outputs * side ** 2), side, side, more);
  }

  residual([first, second], from, side) {
    const border = this.core.reserve((side + 2) ** 2 * first.inputs);
    return this.run(second, this.run(first, from, side, { border, relu: 1 }), side, { border, add: from });
  }

  // Applies GELU to numbers where they are.
  activated(address, count) {
    const values = this.core.floats(address, count);
    values.forEach((x, at) => (values[at] = (x * (1 + erf(x * Math.SQRT1_2))) / 2));
    return address;
  }
}

// Returns the colours of bytes (row, column, RGBA) in [0, 1], or their grey as Pillow's, which has 8 bits too.
export function colours(pixels, channels) {
  const result = new Float32Array((pixels.length / 4) * channels);
  for (let i = 0, at = 0; i < pixels.length; i += 4)
    if (channels === 1)
      result[at++] = ((pixels[i] * 19595 + pixels[i + 1] * 38470 + pixels[i + 2] * 7471 + 32768) >> 16) / 255;
    else for (let c = 0; c < 3; c++) result[at++] = pixels[i + c] / 255;
  return result;
}

// Returns the squares (y, x, channel) of a map that a kernel with stride 2 sees, zeros past the edges.
function patches(map, side, channels, kernel) {
  const half = side / 2, result = new Float32Array(half ** 2 * kernel ** 2 * channels), before = kernel / 2 - 1;
  let at = 0;
  for (let row = -before; row < side - before; row += 2)
    for (let column = -before; column < side - before; column += 2)
      for (let y = row; y < row + kernel; y++)
        for (let x = column; x < column + kernel; x++, at += channels) {
          const from = (y * side + x) * channels;
          if (y >= 0 && x >= 0 && y < side && x < side) result.set(map.subarray(from, from + channels), at);
        }
  return result;
}

// Constant, cosines and sines (function, cell) at the centres of the cells of an axis.
function waveTable(config) {
  const { grid } = config, result = new Float32Array(waves(config) * grid);
  for (let i = 0; i < grid; i++)
    for (let j = 0; j < waves(config); j++) {
      const angle = (Math.PI * Math.ceil(j / 2) * (i + 0.5)) / grid;
      result[j * grid + i] = j % 2 ? Math.cos(angle) : j ? Math.sin(angle) : 1;
    }
  return result;
}

// The error function, to 2e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}
