// A latent that the page holds -> a picture that is drawn at every zoom.
import { loadCore } from '../../web/core.js';
import { PictureFunction } from '../../web/function.js';
import { half } from '../../web/weights.js';

// The value of each of the 65,536 numbers of 16 bits.
let values;

// Returns a function of a picture. `bytes` hold the codes (row, column, y-function, x-function, colour), then the image
// (row, column, colour) that they add to; `facts` their shape, and the field as a weights file has it.
export async function openLatent(wasm, facts, bytes) {
  values ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  const { rows, columns, colours, config, tensors } = facts, area = rows * columns;
  // A memory of its own: it is released with the picture.
  const core = await loadCore(wasm);
  const drawn = new PictureFunction(core, null, { config, tensors }, new Uint8Array(4 * area), columns, rows);
  const numbers = new Uint16Array(bytes), codes = drawn.squares * area;
  // Colours are vectors of four.
  const spread = (from, count, address) => {
    const to = core.floats(address, 4 * count);
    for (let i = 0; i < count; i++)
      for (let c = 0; c < 3; c++) to[4 * i + c] = values[numbers[from + i * colours + (colours === 1 ? 0 : c)]];
  };
  spread(0, codes, drawn.codes);
  if (config.skip !== 'none') spread(codes * colours, area, drawn.image);
  return drawn.drawing;
}
