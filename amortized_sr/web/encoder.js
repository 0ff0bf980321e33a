// The encoder and the head of an upscaler: pixels -> codes, tile by tile.
import { addSpread, convolve, gather, packer, padded, transposed } from './layers.js';

// The layers of a model in the memory of a core. The encoder `hybrid` has a branch at half the resolution between its
// blocks; `edsr` has none, and all its blocks come after where the branch would be.
export class Encoder {
  constructor(core, { config, tensors }) {
    const planes = config.channels + config.conditions.length, hidden = config.head_width;
    const layer = packer(core, transposed(tensors, 'encoder.up')), width = padded(config.encoder_width);
    const block = (name, inputs) => ['first', 'second'].map((part) => layer(`${name}.${part}`, inputs, 3));
    const blocks = (name, count, inputs) => Array.from({ length: count }, (_, at) => block(`encoder.${name}.${at}`, inputs));
    const { encoder_blocks: count, half_blocks, half_width } = config, hybrid = config.encoder === 'hybrid';
    const before = hybrid ? Math.floor(count / 2) : 0;
    this.core = core;
    this.config = config;
    this.shift = [tensors.mean[0], tensors.deviation[0]];
    // Even for `hybrid`, whose tiles begin where a cell of the branch does.
    this.halo = 2 * count + (hybrid ? 4 * half_blocks + 4 : 3);
    this.first = layer('encoder.first', planes, 3);
    this.before = blocks('before', before, width);
    this.branch = hybrid && {
      down: layer('encoder.down', padded(4 * config.encoder_width)),
      blocks: blocks('blocks', half_blocks, padded(half_width)),
      up: layer('encoder.up', padded(half_width)),
    };
    this.after = blocks(hybrid ? 'after' : 'blocks', count - before, width);
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
    const { core, correction } = this, maps = this.maps(rows, columns, [this.first, this.last, ...this.head]);
    const [shallow, deep, spare] = maps.rooms;
    const run = (layer, from, to, more) => convolve(core, layer, from, to, rows, columns, { ...maps.edges(layer), ...more });
    let x = run(this.first, planes, shallow);
    x = this.through(this.before, x, maps);
    if (this.branch) x = this.withBranch(x, maps);
    x = this.through(this.after, x, maps);
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

  // Reserves three maps for what the layers make of a map, and one with a border.
  maps(rows, columns, layers) {
    const widest = Math.max(...layers.flatMap(({ inputs, outputs }) => [inputs, outputs])), { core } = this;
    const border = core.reserve((rows + 2) * (columns + 2) * widest);
    const rooms = [0, 1, 2].map(() => core.reserve(rows * columns * widest));
    return { rows, columns, rooms, edges: ({ side }) => ({ border: side > 1 && border }) };
  }

  // Applies residual blocks to a map, which is kept if it is in the first of the rooms.
  through(blocks, x, { rows, columns, rooms: [, deep, spare], edges }) {
    for (const [first, second] of blocks) {
      convolve(this.core, first, x, spare, rows, columns, { ...edges(first), relu: 1 });
      x = convolve(this.core, second, spare, deep, rows, columns, { ...edges(second), add: x });
    }
    return x;
  }

  // Adds what the branch makes of a map, in the second of its rooms.
  withBranch(x, { rows, columns, rooms: [, deep] }) {
    const { core, config: { encoder_width: width } } = this, { down, blocks, up } = this.branch;
    const half = this.maps(Math.ceil(rows / 2), Math.ceil(columns / 2), [down, up]), [room, , spare] = half.rooms;
    const run = (layer, from, to) => convolve(core, layer, from, to, half.rows, half.columns);
    gather(core, x, spare, rows, columns, padded(width), width, down.inputs);
    const coarse = this.through(blocks, run(down, spare, room), half);
    run(up, coarse, spare);
    if (x !== deep) core.floats(deep, rows * columns * padded(width)).set(core.floats(x, rows * columns * padded(width)));
    addSpread(core, spare, deep, rows, columns, up.outputs, width, padded(width));
    return deep;
  }
}
