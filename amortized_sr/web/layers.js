// Convolutions of a model in the memory of a core.

// Feature maps have their channels padded to a multiple of this.
export const padded = (channels) => Math.ceil(channels / 8) * 8;

// Returns a function that packs a layer of a model: `stride` channels a pixel of its input, kernels of `side` x `side`.
// A linear layer over a whole map is a kernel as large as the map.
export function packer(core, tensors) {
  return (name, stride, side = 1) => {
    const weight = tensors[name + '.weight'], bias = tensors[name + '.bias'], outputs = padded(bias.length);
    const area = side ** 2, inputs = weight.length / bias.length / area;
    const packed = new Float32Array(outputs * area * stride), all = new Float32Array(outputs);
    for (let o = 0; o < bias.length; o++)
      for (let i = 0; i < inputs; i++)
        for (let t = 0; t < area; t++)
          packed[((((o >> 3) * area + t) * stride + i) << 3) + (o & 7)] = weight[(o * inputs + i) * area + t];
    all.set(bias);
    return { weight: core.put(packed), bias: core.put(all), inputs: stride, outputs, side };
  };
}

// Applies a layer to a map and returns where the result of `rows` x `columns` is. With a `border`, room for a map that
// is two pixels higher and wider, the edges of the map are repeated.
export function convolve(core, layer, from, to, rows, columns, { border = 0, add = 0, relu = 0 } = {}) {
  const { weight, bias, inputs, outputs, side } = layer;
  if (border) core.run.pad(from, border, rows, columns, inputs);
  core.run.convolve(border || from, weight, bias, add, to, rows, columns, inputs, outputs, side, relu);
  return to;
}

// Brings the four pixels of each cell of half the resolution together: channel 4 i + t is channel i of pixel t. The edges
// of an odd map are repeated. The maps have `stride` and `wide` numbers a pixel.
export function gather(core, from, to, rows, columns, stride, channels, wide) {
  const map = core.floats(from, rows * columns * stride), across = Math.ceil(columns / 2), down = Math.ceil(rows / 2);
  const cells = core.floats(to, down * across * wide).fill(0);
  for (let y = 0, at = 0; y < down; y++)
    for (let x = 0; x < across; x++, at += wide)
      for (let t = 0; t < 4; t++) {
        const row = Math.min(2 * y + (t >> 1), rows - 1), column = Math.min(2 * x + (t & 1), columns - 1);
        const pixel = (row * columns + column) * stride;
        for (let i = 0; i < channels; i++) cells[at + 4 * i + t] = map[pixel + i];
      }
}

// Adds to each pixel its part of the cell that `gather` would bring it into.
export function addSpread(core, from, to, rows, columns, wide, channels, stride) {
  const across = Math.ceil(columns / 2), cells = core.floats(from, Math.ceil(rows / 2) * across * wide);
  const map = core.floats(to, rows * columns * stride);
  for (let y = 0, at = 0; y < rows; y++)
    for (let x = 0; x < columns; x++, at += stride) {
      const cell = ((y >> 1) * across + (x >> 1)) * wide + 2 * (y & 1) + (x & 1);
      for (let i = 0; i < channels; i++) map[at + i] += cells[cell + 4 * i];
    }
}

// Returns tensors in which a transposed convolution, 2 x 2 with stride 2, is a linear layer whose outputs `addSpread` takes.
export function transposed(tensors, name) {
  const weight = tensors[name + '.weight'], bias = tensors[name + '.bias'];
  if (!weight) return tensors;
  const outputs = 4 * bias.length, inputs = weight.length / outputs;
  const turned = weight.map((_, at) => weight[(at % inputs) * outputs + Math.floor(at / inputs)]);
  return { ...tensors, [name + '.weight']: turned, [name + '.bias']: Float32Array.from({ length: outputs }, (_, o) => bias[o >> 2]) };
}
