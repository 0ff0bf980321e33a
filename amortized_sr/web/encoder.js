// The encoder and the head of an upscaler: pixels -> codes, tile by tile.
import { convolve, packer, padded } from './layers.js';

// The layers of a model in the memory of a core.
export class Encoder {
  constructor(core, { config, tensors }) {
    const planes = config.channels + config.conditions.length, hidden = config.head_width;
    const layer = packer(core, tensors), width = padded(config.encoder_width);
    const block = (number) => ['first', 'second'].map((part) => layer(`encoder.blocks.${number}.${part}`, width, 3));
    this.core = core;
    this.config = config;
    this.shift = [tensors.mean[0], tensors.deviation[0]];
    this.halo = 2 * config.encoder_blocks + 3;
    this.first = layer('encoder.first', planes, 3);
    this.blocks = Array.from({ length: config.encoder_blocks }, (_, number) => block(number));
    this.last = layer('encoder.last', width, 3);
    // Models that read strengths correct the image itself too.
    const correcting = 'head.correction.weight' in tensors, head = correcting ? 'head.codes.' : 'head.';
    this.correction = correcting && layer('head.correction', width, 3);
    this.head = [layer(head + 0, width, 3)];
    if (hidden) this.head.push(layer(head + 2, padded(hidden)), layer(head + 4, padded(hidden)));
  }

  // Encodes a map of planes. Returns `{codes, stride}`: where the codes (row, column, code) are and how many numbers a
  // cell has; `{correction, width}` is the same for what the image is to be corrected by, with width 0 for none.
  encode(planes, rows, columns) {
    const { core, correction } = this, layers = [this.first, this.last, ...this.head];
    const widest = Math.max(...layers.flatMap(({ inputs, outputs }) => [inputs, outputs]));
    const border = core.reserve((rows + 2) * (columns + 2) * widest);
    const [shallow, deep, spare] = [0, 1, 2].map(() => core.reserve(rows * columns * widest));
    const run = (layer, from, to, more) =>
      convolve(core, layer, from, to, rows, columns, { border: layer.side > 1 && border, ...more });
    let x = run(this.first, planes, shallow);
    for (const [first, second] of this.blocks) x = run(second, run(first, x, spare, { relu: 1 }), deep, { add: x });
    run(this.last, x, spare, { add: shallow });
    if (correction) run(correction, spare, shallow);
    let [from, to] = [spare, deep];
    for (const layer of this.head) {
      run(layer, from, to, { relu: layer === this.head.at(-1) ? 0 : 1 });
      [from, to] = [to, from];
    }
    const width = correction ? correction.outputs : 0;
    return { codes: from, stride: this.head.at(-1).outputs, correction: shallow, width };
  }
}
