// A picture as a function: encoded once, then drawn at any size in any window.
import { axis, basis, interpolation, shrinking, table } from './tables.js';

export const WHOLE = [-1, -1, 1, 1];

// A picture with its codes, which are zero until `encode` has filled them: until then it is the interpolated image.
export class PictureFunction {
  // `pixels` are bytes (row, column, RGBA); alpha is ignored.
  constructor(core, encoder, weights, pixels, width, height) {
    const { config } = weights, region = config.footprint === 'box';
    Object.assign(this, { core, encoder, config, width, height });
    this.basis = basis(weights);
    this.kernel = config.skip === 'none' ? null : interpolation(config.skip, region);
    this.numbers = 4 * this.basis.functions ** 2;
    this.image = core.reserve(4 * width * height);
    this.codes = core.reserve(this.numbers * width * height);
    this.mark = core.top;
    core.floats(this.codes, this.numbers * width * height).fill(0);
    const image = core.floats(this.image, 4 * width * height);
    this.neutral = true;
    for (let i = 0; i < image.length; i++) image[i] = pixels[i] / 255;
    for (let i = 0; i < image.length && this.neutral; i += 4)
      this.neutral = pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2];
  }

  // Encodes tile by tile, each with all pixels that its codes depend on; yields the done share after each.
  *encode(conditions = [], side = 128) {
    const tiles = [];
    for (let y = 0; y < this.height; y += side) for (let x = 0; x < this.width; x += side) tiles.push([y, x]);
    for (const [number, [y, x]] of tiles.entries()) {
      this.encodeTile(y, x, Math.min(side, this.height - y), Math.min(side, this.width - x), conditions);
      yield (number + 1) / tiles.length;
    }
  }

  encodeTile(y, x, rows, columns, conditions) {
    const { core, encoder, config } = this, { halo } = encoder;
    const top = Math.max(0, y - halo), left = Math.max(0, x - halo);
    const height = Math.min(this.height, y + rows + halo) - top, width = Math.min(this.width, x + columns + halo) - left;
    const grey = config.channels === 1, [mean, deviation] = encoder.shift;
    // A grey model sees each colour alone.
    for (let item = 0; item < (grey && !this.neutral ? 3 : 1); item++) {
      core.top = this.mark;
      const count = config.channels + config.conditions.length, address = core.reserve(height * width * count);
      const planes = core.floats(address, height * width * count);
      const image = core.floats(this.image, 4 * this.width * this.height);
      for (let i = 0, at = 0; i < height * width; i++) {
        const pixel = 4 * ((top + Math.floor(i / width)) * this.width + left + (i % width));
        for (let c = 0; c < config.channels; c++) planes[at++] = (image[pixel + item + c] - mean) / deviation;
        for (let c = 0; c < config.conditions.length; c++) planes[at++] = conditions[c] ?? 0;
      }
      const [codes, stride] = encoder.encode(address, height, width);
      for (let row = 0; row < rows; row++)
        this.keep(codes + 4 * stride * ((y - top + row) * width + x - left), stride, y + row, x, columns, item);
    }
  }

  // Brings codes (colour, y-function, x-function) to (y-function, x-function, colour).
  keep(from, stride, y, x, columns, item) {
    const { core, numbers } = this, squares = numbers / 4, grey = this.config.channels === 1;
    const source = core.floats(from, columns * stride);
    const codes = core.floats(this.codes + 4 * numbers * (y * this.width + x), columns * numbers);
    for (let cell = 0; cell < columns; cell++) {
      for (let square = 0; square < squares; square++) {
        const at = cell * stride + square, to = cell * numbers + 4 * square;
        if (grey && !this.neutral) codes[to + item] = source[at];
        else if (grey) codes.fill(source[at], to, to + 3);
        else if (this.neutral) codes.fill((source[at] + source[at + squares] + source[at + 2 * squares]) / 3, to, to + 3);
        else for (let c = 0; c < 3; c++) codes[to + c] = source[at + c * squares];
      }
    }
  }

  // Returns the bytes (row, column, RGBA) of a rendering of `width` x `height` pixels that shows `window`, which is
  // (y0, x0, y1, x1) in [-1, 1]. Columns left of `split` show the interpolated image only.
  render(width, height, window = WHOLE, split = 0) {
    return this.strips(width, height, window, split, height).next().value;
  }

  // Yields the same rendering in strips of at most `step` rows. Nothing else may use the core in between.
  *strips(width, height, window, split, step) {
    const { core } = this, [y0, x0, y1, x1] = window;
    core.top = this.mark;
    // An axis with fewer pixels than the window shows is drawn at the picture's own resolution, then shrunk.
    const shown = (low, high, cells) => Math.ceil(((high - low) / 2) * cells - 1e-6);
    const tall = Math.max(height, shown(y0, y1, this.height)), wide = Math.max(width, shown(x0, x1, this.width));
    const layers = [this.layer(this.basis, this.codes, tall, wide, window, Math.round((split * wide) / width))];
    if (this.kernel) layers.push(this.layer(this.kernel, this.image, tall, wide, window, 0));
    const across = wide > width && this.placed(shrinking(wide, width));
    const down = tall > height && this.placed(shrinking(tall, height));
    const drawn = core.reserve(4 * wide), line = core.reserve(4 * width), out = core.reserve(width * step);
    const draw = (row, to) => {
      const from = across ? drawn : to;
      core.floats(from, 4 * wide).fill(0);
      for (const layer of layers) this.addRow(layer, row, from, wide);
      if (!across) return;
      core.floats(to, 4 * width).fill(0);
      core.run.blend(drawn, 1, across.index, across.value, across.terms, width, to);
    };
    const all = down && core.reserve(4 * width * tall);
    for (let row = 0; down && row < tall; row++) draw(row, all + 16 * width * row);
    for (let start = 0; start < height; start += step) {
      const count = Math.min(step, height - start);
      for (let row = 0; row < count; row++) {
        const at = 4 * (start + row) * down.terms;
        if (down) core.run.contract(all, width, 1, down.index + at, down.value + at, down.terms, 0, width - 1, line);
        else draw(start + row, line);
        core.run.quantise(line, out + 4 * width * row, width);
      }
      yield new Uint8ClampedArray(core.run.memory.buffer, out, 4 * width * count).slice();
    }
  }

  // A layer of a rendering: cells, the tables of both axes, and the first column of pixels that it is drawn in.
  layer(kernel, cells, height, width, [y0, x0, y1, x1], left) {
    const rows = this.placed(table(axis(height, this.height, y0, y1), kernel));
    const columns = this.placed(table(axis(width, this.width, x0, x1), kernel));
    return { cells, rows, columns, left, functions: kernel.functions, sums: this.core.reserve(4 * kernel.functions * this.width) };
  }

  addRow({ cells, rows, columns, left, functions, sums }, row, to, width) {
    if (left >= width) return;
    const { terms } = columns, { run } = this.core, vertical = rows.terms;
    run.contract(cells, this.width, functions, rows.index + 4 * row * vertical,
      rows.value + 4 * row * vertical * functions, vertical, columns.first(left), columns.last(width - 1), sums);
    run.blend(sums, functions, columns.index + 4 * left * terms, columns.value + 4 * left * terms * functions, terms,
      width - left, to + 16 * left);
  }

  // Copies a table to the core's memory.
  placed({ index, value, terms }) {
    return {
      index: this.core.put(index), value: this.core.put(value), terms,
      first: (at) => index[at * terms], last: (at) => index[at * terms + terms - 1],
    };
  }
}
