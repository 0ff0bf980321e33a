// Draws sums of layers at any size in any window: cells on a grid, and the functions of a cell along both axes.
import { axis, resizing, table } from './tables.js';

export const WHOLE = [-1, -1, 1, 1];

// A picture of `width` x `height` pixels as a function. A layer is `{cells, kernel, height, width}`: where its cells
// (row, column, y-function, x-function, colour) are, their functions, and the size of their grid.
export class Drawing {
  constructor(core, width, height, layers) {
    Object.assign(this, { core, width, height, layers, mark: core.top });
  }

  // Returns the bytes (row, column, RGBA) of a rendering of `width` x `height` pixels that shows `window`, which is
  // (y0, x0, y1, x1) in [-1, 1]. Columns left of `split` lack the first layer.
  render(width, height, window = WHOLE, split = 0) {
    return this.strips(width, height, window, split, height).next().value;
  }

  // Yields `{pixels, share}`: the same rendering in strips of at most `step` rows, and how much of it is done. Others may
  // use the core in between.
  *parts(width, height, window, step) {
    const [y0, x0, y1, x1] = window, shown = Math.ceil(((y1 - y0) / 2) * this.height - 1e-6);
    // Rows that are shrunk depend on others; such pictures are small.
    if (height < shown) step = height;
    for (let row = 0; row < height; row += step) {
      const end = Math.min(height, row + step), place = (at) => y0 + ((y1 - y0) * at) / height;
      yield { pixels: this.render(width, end - row, [place(row), x0, place(end), x1]), share: end / height };
    }
  }

  // Yields the same rendering in strips of at most `step` rows. Nothing else may use the core in between.
  *strips(width, height, window, split, step) {
    const { core } = this, [y0, x0, y1, x1] = window;
    core.top = this.mark;
    // An axis with fewer pixels than the window shows is drawn at the picture's own resolution, then shrunk.
    const shown = (low, high, pixels) => Math.ceil(((high - low) / 2) * pixels - 1e-6);
    const tall = Math.max(height, shown(y0, y1, this.height)), wide = Math.max(width, shown(x0, x1, this.width));
    const left = Math.round((split * wide) / width);
    const layers = this.layers.map((layer, number) => this.prepared(layer, tall, wide, window, number ? 0 : left));
    const across = wide > width && this.placed(resizing(wide, width));
    const down = tall > height && this.placed(resizing(tall, height));
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

  // A layer of a rendering: with the tables of both axes, and the first column of pixels that it is drawn in.
  prepared({ cells, kernel, height, width }, tall, wide, [y0, x0, y1, x1], left) {
    const rows = this.placed(table(axis(tall, height, y0, y1), kernel));
    const columns = this.placed(table(axis(wide, width, x0, x1), kernel));
    const { functions } = kernel, sums = this.core.reserve(4 * functions * width);
    return { cells, width, rows, columns, left, functions, sums };
  }

  addRow({ cells, width, rows, columns, left, functions, sums }, row, to, wide) {
    if (left >= wide) return;
    const { terms } = columns, { run } = this.core, vertical = rows.terms;
    run.contract(cells, width, functions, rows.index + 4 * row * vertical,
      rows.value + 4 * row * vertical * functions, vertical, columns.first(left), columns.last(wide - 1), sums);
    run.blend(sums, functions, columns.index + 4 * left * terms, columns.value + 4 * left * terms * functions, terms,
      wide - left, to + 16 * left);
  }

  // Copies a table to the core's memory.
  placed({ index, value, terms }) {
    return {
      index: this.core.put(index), value: this.core.put(value), terms,
      first: (at) => index[at * terms], last: (at) => index[at * terms + terms - 1],
    };
  }
}

// Brings `count` codes (colour, y-function, x-function), `stride` numbers each, to cells (y-function, x-function, four
// colours): `colour` is the one that they are
// of, 'all' for one that stands for all, 'mean' for three that become their mean, or nothing for three.
export function arrange(codes, stride, count, squares, cells, colour) {
  for (let cell = 0; cell < count; cell++)
    for (let square = 0; square < squares; square++) {
      const at = cell * stride + square, to = 4 * (cell * squares + square), next = at + squares;
      if (colour === undefined) for (let c = 0; c < 3; c++) cells[to + c] = codes[at + c * squares];
      else if (colour === 'all') cells.fill(codes[at], to, to + 3);
      else if (colour === 'mean') cells.fill((codes[at] + codes[next] + codes[next + squares]) / 3, to, to + 3);
      else cells[to + colour] = codes[at];
    }
}
