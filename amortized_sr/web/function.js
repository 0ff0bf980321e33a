// A picture as a function: encoded once, then drawn at any size in any window.
import { arrange, Drawing } from './drawing.js';
import { basis, interpolation } from './tables.js';

// The strength at which half of a correction of the image counts, as in image_model.py.
const HALF_CORRECTED = 1 / 255;

// A picture with its codes, which are zero until `encode` has filled them: until then it is the interpolated image.
export class PictureFunction {
  // `pixels` are bytes (row, column, RGBA); alpha is ignored.
  constructor(core, encoder, weights, pixels, width, height) {
    const { config } = weights, kernel = basis(weights), layers = [];
    Object.assign(this, { core, encoder, config, pixels, width, height, squares: kernel.functions ** 2 });
    this.image = core.reserve(4 * width * height);
    this.codes = core.reserve(4 * this.squares * width * height);
    layers.push({ cells: this.codes, kernel, width, height });
    if (config.skip !== 'none')
      layers.push({ cells: this.image, kernel: interpolation(config.skip, config.footprint === 'box'), width, height });
    this.drawing = new Drawing(core, width, height, layers);
    core.floats(this.codes, 4 * this.squares * width * height).fill(0);
    const image = core.floats(this.image, 4 * width * height);
    let neutral = true;
    for (let i = 0; i < image.length; i++) image[i] = pixels[i] / 255;
    for (let i = 0; i < image.length && neutral; i += 4)
      neutral = pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2];
    // A grey model sees each colour alone, and a neutral picture as one; a colour model's mean is a neutral picture.
    const colours = config.channels === 1 ? (neutral ? ['all'] : [0, 1, 2]) : [neutral ? 'mean' : undefined];
    this.items = colours.map((colour, item) => ({ colour, item }));
  }

  // Encodes tile by tile, each with all pixels that its codes depend on; yields the done share after each.
  // `conditions` are the numbers that the encoder reads beside the colours.
  *encode(conditions = [], side = 128) {
    const tiles = [];
    for (let y = 0; y < this.height; y += side) for (let x = 0; x < this.width; x += side) tiles.push([y, x]);
    for (const [number, [y, x]] of tiles.entries()) {
      this.encodeTile(y, x, Math.min(side, this.height - y), Math.min(side, this.width - x), conditions);
      yield (number + 1) / tiles.length;
    }
  }

  encodeTile(y, x, rows, columns, conditions) {
    const { core, encoder, config, pixels } = this, { halo } = encoder;
    const top = Math.max(0, y - halo), left = Math.max(0, x - halo);
    const height = Math.min(this.height, y + rows + halo) - top, width = Math.min(this.width, x + columns + halo) - left;
    const [mean, deviation] = encoder.shift, told = config.conditions.map((_, number) => conditions[number] ?? 0);
    const strength = Math.max(0, ...told), share = strength / (strength + HALF_CORRECTED);
    for (const { colour, item } of this.items) {
      core.top = this.drawing.mark;
      const count = config.channels + told.length, address = core.reserve(height * width * count);
      const planes = core.floats(address, height * width * count);
      for (let i = 0, at = 0; i < height * width; i++) {
        const pixel = 4 * ((top + Math.floor(i / width)) * this.width + left + (i % width));
        for (let c = 0; c < config.channels; c++) planes[at++] = (pixels[pixel + item + c] / 255 - mean) / deviation;
        for (const one of told) planes[at++] = one;
      }
      const { codes, stride, correction, width: corrected } = encoder.encode(address, height, width);
      for (let row = 0; row < rows; row++) {
        const from = (y - top + row) * width + x - left, to = (y + row) * this.width + x;
        const cells = core.floats(this.codes + 16 * this.squares * to, 4 * this.squares * columns);
        arrange(core.floats(codes + 4 * stride * from, stride * columns), stride, columns, this.squares, cells, colour);
        if (!corrected) continue;
        // The correction is arranged as a code with one function, then added to the picture's own colours.
        const image = core.floats(this.image + 16 * to, 4 * columns);
        arrange(core.floats(correction + 4 * corrected * from, corrected * columns), corrected, columns, 1, image, colour);
        for (let i = 0; i < image.length; i++)
          if (typeof colour !== 'number' || i % 4 === colour) image[i] = pixels[4 * to + i] / 255 + share * image[i];
      }
    }
  }
}
