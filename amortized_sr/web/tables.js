// How much each cell adds to each output pixel along one axis, in float64. Positions are measured in cells.

// Positions are multiples of this, as in axes.py.
const STEP = 2 ** -22;

// Output pixels along one axis of a grid: the centre of the first one, and their distance.
export function axis(count, cells, low, high) {
  const step = (((high - low) / 2) * cells) / count;
  return { count, cells, start: ((low + 1) / 2) * cells - 0.5 + step / 2, step };
}

// Returns `{index, value, terms, functions}`: for each pixel the cells that contribute and their functions' values.
// Past the edges the edge cells are repeated.
export function table({ count, cells, start, step }, kernel) {
  const reach = kernel.reach(step), terms = Math.max(1, Math.ceil(2 * reach - 1e-9)), { functions } = kernel;
  const index = new Int32Array(count * terms), value = new Float32Array(count * terms * functions);
  const fill = kernel.over(step);
  for (let i = 0; i < count; i++) {
    const position = Math.round((start + step * i) / STEP) * STEP, lowest = Math.floor(position - reach) + 1;
    for (let m = 0; m < terms; m++) {
      index[i * terms + m] = Math.min(Math.max(lowest + m, 0), cells - 1);
      fill(position - lowest - m, value, (i * terms + m) * functions);
    }
  }
  return { index, value, terms, functions };
}

const sinc = (x) => (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1);
const clamp = (value, limit) => Math.min(Math.max(value, -limit), limit);

// The basis of a field: windowed sinusoids over the footprint of a pixel, as in fields/hyper.py. `over(cell)` returns
// the function that writes their values at an offset.
export function basis({ config, tensors }) {
  const alone = config.neighbors === 1, radius = alone ? 0.5 : 1, box = config.footprint === 'box';
  // In units of pi radians per cell.
  const frequencies = [0, ...tensors['field.basis.frequency']];
  const window = alone ? [[0, 1]] : [[-1, 0.25], [0, 0.5], [1, 0.25]];
  // What a cosine under the window adds in all, measured in what the window alone adds.
  const mean = (frequency) =>
    window.reduce((sum, [shift, part]) => sum + 2 * radius * part * sinc(radius * (frequency + shift)), 0);
  const lowered = frequencies.map((frequency, j) => (j && config.keeps_tone ? mean(frequency) : 0));
  const blur = tensors['field.basis.blur']?.[0] ?? 0, sines = frequencies.length - 1;
  return {
    functions: 2 * sines + 1,
    reach: (cell) => (box ? radius + cell / 2 : radius),
    over(cell) {
      if (box) return meanOver(cell, radius, frequencies, window, lowered);
      const width = Math.PI * blur * Math.max(cell, config.finest_cell);
      const damping = frequencies.map((frequency) => Math.exp(-0.5 * (width * frequency) ** 2));
      return (offset, out, at) => {
        const inside = offset >= -radius && offset < radius ? 1 : 0, turn = Math.PI * offset;
        const height = (out[at] = alone ? inside : (inside * (1 + Math.cos(turn))) / 2);
        for (let j = 1; j <= sines; j++) {
          const damped = height * damping[j], angle = turn * frequencies[j];
          out[at + j] = damped * (Math.cos(angle) - lowered[j]);
          out[at + sines + j] = damped * Math.sin(angle);
        }
      };
    },
  };
}

// The exact means over pixels: the window's cosines turn each frequency into a sum of shifted ones.
function meanOver(cell, radius, frequencies, window, lowered) {
  return (offset, out, at) => {
    const low = clamp(offset - cell / 2, radius), high = clamp(offset + cell / 2, radius);
    const turn = (Math.PI * (low + high)) / 2, extent = high - low;
    frequencies.forEach((frequency, j) => {
      let cosine = 0, sine = 0;
      for (const [shift, part] of window) {
        const shifted = frequency + shift, weight = (part * sinc((extent * shifted) / 2) * extent) / cell;
        cosine += weight * Math.cos(turn * shifted);
        sine += weight * Math.sin(turn * shifted);
      }
      out[at + j] = cosine - lowered[j] * out[at];
      if (j) out[at + frequencies.length - 1 + j] = sine;
    });
  };
}

const cubic = (t) => {
  t = Math.min(Math.abs(t), 2);
  return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : ((-0.5 * t + 2.5) * t - 4) * t + 2;
};
const cubicIntegral = (x) => {
  const t = Math.min(Math.abs(x), 2);
  const inner = ((0.375 * t - 2.5 / 3) * t * t + 1) * t, outer = (((-0.125 * t + 2.5 / 3) * t - 2) * t + 2) * t - 1 / 6;
  return Math.sign(x) * (t < 1 ? inner : outer);
};
const KERNELS = {
  bilinear: [1, (t) => Math.max(0, 1 - Math.abs(t)), (t) => ((t = clamp(t, 1)), t - (t * Math.abs(t)) / 2)],
  bicubic: [2, cubic, cubicIntegral],
};

// The kernel of the interpolated image below a field: at points, or as the mean over pixels.
export function interpolation(name, region) {
  const [radius, value, integral] = KERNELS[name];
  return {
    functions: 1,
    reach: (cell) => (region ? radius + cell / 2 : radius),
    over: (cell) => (offset, out, at) => {
      const mean = () => (integral(offset + cell / 2) - integral(offset - cell / 2)) / cell;
      out[at] = region && cell >= 1e-6 ? mean() : value(offset);
    },
  };
}

// The table that resizes an axis with Pillow's bicubic filter, antialiased where it shrinks; the identity for equal sizes.
export function resizing(from, to) {
  const scale = from / to, stretch = Math.max(scale, 1), terms = scale === 1 ? 1 : Math.ceil(4 * stretch) + 1;
  const index = new Int32Array(to * terms), value = new Float32Array(to * terms);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale, reach = scale === 1 ? 0.5 : 2 * stretch;
    const low = Math.max(0, Math.floor(centre - reach + 0.5)), high = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = Array.from({ length: high - low }, (_, m) => cubic((low + m + 0.5 - centre) / stretch));
    const sum = weights.reduce((a, b) => a + b);
    for (let m = 0; m < terms; m++) {
      index[i * terms + m] = Math.min(low + m, from - 1);
      value[i * terms + m] = (weights[m] ?? 0) / sum;
    }
  }
  return { index, value, terms, functions: 1 };
}

// Resizes an image (row, column, channel) of floats; colours may leave [0, 1] slightly.
export function resize(image, channels, width, height, columns, rows) {
  const along = ({ index, value, terms }, from, outer, cells, count, inner) => {
    const out = new Float32Array(outer * count * inner);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < count; i++)
        for (let m = i * terms; m < (i + 1) * terms; m++)
          for (let k = 0; k < inner; k++)
            out[(o * count + i) * inner + k] += value[m] * from[(o * cells + index[m]) * inner + k];
    return out;
  };
  const wide = along(resizing(width, columns), image, height, width, columns, channels);
  return along(resizing(height, rows), wide, 1, height, rows, columns * channels);
}
