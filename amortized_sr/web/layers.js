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
