// The encoder and the head of a model: pixels -> codes, tile by tile.

const padded = (channels) => Math.ceil(channels / 8) * 8;

// The layers of a model in the memory of a core.
export class Encoder {
  constructor(core, { config, tensors }) {
    const planes = config.channels + config.conditions.length, hidden = config.head_width;
    const layer = (name, stride, side) => {
      const weight = tensors[name + '.weight'], bias = tensors[name + '.bias'], outputs = padded(bias.length);
      const inputs = weight.length / bias.length / side ** 2, packed = new Float32Array(outputs * side ** 2 * stride);
      for (let o = 0; o < bias.length; o++)
        for (let i = 0; i < inputs; i++)
          for (let t = 0; t < side ** 2; t++)
            packed[((((o >> 3) * side ** 2 + t) * stride + i) << 3) + (o & 7)] = weight[(o * inputs + i) * side ** 2 + t];
      const all = new Float32Array(outputs);
      all.set(bias);
      return { weight: core.put(packed), bias: core.put(all), inputs: stride, outputs, side };
    };
    const width = padded(config.encoder_width);
    const block = (number) => ['first', 'second'].map((part) => layer(`encoder.blocks.${number}.${part}`, width, 3));
    this.core = core;
    this.config = config;
    this.shift = [tensors.mean[0], tensors.deviation[0]];
    this.halo = 2 * config.encoder_blocks + 3;
    this.first = layer('encoder.first', planes, 3);
    this.blocks = Array.from({ length: config.encoder_blocks }, (_, number) => block(number));
    this.last = layer('encoder.last', width, 3);
    this.head = [layer('head.0', width, 3)];
    if (hidden) this.head.push(layer('head.2', padded(hidden), 1), layer('head.4', padded(hidden), 1));
    this.codes = config.channels * (2 * config.frequencies + 1) ** 2;
  }

  // Returns the address of the codes (row, column, code) of a map of planes, and how many numbers a cell has.
  encode(planes, rows, columns) {
    const { core } = this, { run } = core, area = rows * columns;
    const buffer = (channels) => core.reserve(area * channels);
    const convolve = (layer, from, to, add = 0, relu = 0) => {
      const { weight, bias, inputs, outputs, side } = layer;
      if (side === 3) run.pad(from, border, rows, columns, inputs);
      const [source, height, width] = side === 3 ? [border, rows, columns] : [from, 1, area];
      run.convolve(source, weight, bias, add, to, height, width, inputs, outputs, side, relu);
      return to;
    };
    const widest = Math.max(...[this.first, this.last, ...this.head].flatMap(({ inputs, outputs }) => [inputs, outputs]));
    const border = core.reserve((rows + 2) * (columns + 2) * widest);
    const [shallow, deep, spare] = [widest, widest, widest].map(buffer);
    let x = convolve(this.first, planes, shallow);
    for (const [first, second] of this.blocks) x = convolve(second, convolve(first, x, spare, 0, 1), deep, x);
    x = convolve(this.last, x, spare, shallow);
    let [from, to] = [x, deep];
    this.head.forEach((layer, number) => {
      convolve(layer, from, to, 0, number < this.head.length - 1 ? 1 : 0);
      [from, to] = [to, from];
    });
    return [from, this.head.at(-1).outputs];
  }
}
