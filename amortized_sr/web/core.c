// The arithmetic of the page: convolutions of the encoder, rows of a rendering. No library, no memory of its own.
//
// Everything is float32. Feature maps are (row, column, channel) with the channels padded to a multiple of 8. Colours
// are vectors of four numbers: red, green, blue and one that is not used. Pixels are read in groups of four, so that
// every buffer needs slack behind its last row: `Core.reserve` in core.js adds it.

#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
typedef v128_t vec;
typedef float number;

static inline vec multiply_add(vec sum, vec left, vec right) {
    return wasm_f32x4_add(sum, wasm_f32x4_mul(left, right));
}

static inline void copy(const number *from, number *to, int count) {
    for (int i = 0; i < count; i++) to[i] = from[i];
}

// Copies a map (rows, columns, channels) into one with a border of one pixel, which repeats the edges.
EXPORT(pad) void pad(const number *map, number *out, int rows, int columns, int channels) {
    int line = columns * channels;
    for (int y = -1; y <= rows; y++, out += line + 2 * channels) {
        const number *row = map + (y < 0 ? 0 : y < rows ? y : rows - 1) * line;
        copy(row, out, channels);
        copy(row, out + channels, line);
        copy(row + line - channels, out + channels + line, channels);
    }
}

// Convolves a map with a kernel of `side` x `side` without padding: out = [relu](bias + weights * map [+ add]).
// `rows` and `columns` are those of the output. Weights are (group of 8 outputs, y, x, input, 8).
EXPORT(convolve)
void convolve(const number *map, const number *weights, const number *bias, const number *add, number *out, int rows,
              int columns, int inputs, int outputs, int side, int relu) {
    int line = (columns + side - 1) * inputs, taps = side * inputs;
    for (int y = 0; y < rows; y++) {
        for (int o = 0; o < outputs; o += 8) {
            const number *kernel = weights + o * side * taps;
            for (int x = 0; x < columns; x += 4) {
                vec sum[4][2];
                for (int p = 0; p < 4; p++)
                    for (int half = 0; half < 2; half++) sum[p][half] = wasm_v128_load(bias + o + 4 * half);
                const number *weight = kernel;
                for (int dy = 0; dy < side; dy++) {
                    const number *at = map + (y + dy) * line + x * inputs;
                    for (int t = 0; t < taps; t++, at++, weight += 8) {
                        vec low = wasm_v128_load(weight), high = wasm_v128_load(weight + 4);
                        for (int p = 0; p < 4; p++) {
                            vec value = wasm_v128_load32_splat(at + p * inputs);
                            sum[p][0] = multiply_add(sum[p][0], value, low);
                            sum[p][1] = multiply_add(sum[p][1], value, high);
                        }
                    }
                }
                for (int p = 0; p < 4 && x + p < columns; p++) {
                    int place = (y * columns + x + p) * outputs + o;
                    for (int half = 0; half < 2; half++, place += 4) {
                        vec value = sum[p][half];
                        if (add) value = wasm_f32x4_add(value, wasm_v128_load(add + place));
                        if (relu) value = wasm_f32x4_pmax(value, wasm_f32x4_const_splat(0));
                        wasm_v128_store(out + place, value);
                    }
                }
            }
        }
    }
}

// Sums the cells (row, column, y-function, x-function, colour) along y for one row of pixels: out is (column,
// x-function, colour) for the columns `first` to `last`. `index` holds `terms` rows, `value` their functions.
EXPORT(contract)
void contract(const number *cells, int columns, int functions, const int *index, const number *value, int terms,
              int first, int last, number *out) {
    int line = 4 * functions, cell = line * functions;
    for (int n = first; n <= last; n++) {
        for (int k = 0; k < line; k += 4) {
            vec sum = wasm_f32x4_const_splat(0);
            for (int m = 0; m < terms; m++) {
                const number *from = cells + (index[m] * columns + n) * cell + k;
                for (int j = 0; j < functions; j++)
                    sum = multiply_add(sum, wasm_v128_load32_splat(value + m * functions + j),
                                       wasm_v128_load(from + j * line));
            }
            wasm_v128_store(out + n * line + k, sum);
        }
    }
}

__attribute__((always_inline)) static inline void blend_terms(const number *cells, const int *index,
                                                              const number *value, int terms, int functions, int count,
                                                              number *out) {
    for (int x = 0; x < count; x++, out += 4) {
        vec sum = wasm_v128_load(out);
        for (int m = 0; m < terms; m++) {
            const number *from = cells + *index++ * functions * 4;
            for (int k = 0; k < functions; k++)
                sum = multiply_add(sum, wasm_v128_load32_splat(value++), wasm_v128_load(from + 4 * k));
        }
        wasm_v128_store(out, sum);
    }
}

// Adds the sums along x of what `contract` made to `count` pixels of colours.
EXPORT(blend)
void blend(const number *cells, int functions, const int *index, const number *value, int terms, int count,
           number *out) {
    // Loops of known length are unrolled: fields of the bundled weights, and the interpolated image.
    if (functions == 5 && terms == 2) blend_terms(cells, index, value, 2, 5, count, out);
    else if (functions == 1 && terms == 4) blend_terms(cells, index, value, 4, 1, count, out);
    else blend_terms(cells, index, value, terms, functions, count, out);
}

// Clamps colours to [0, 1] and rounds them to bytes: red, green, blue, 255.
EXPORT(quantise) void quantise(const number *colours, unsigned char *out, int count) {
    const vec zero = wasm_f32x4_const_splat(0), one = wasm_f32x4_const_splat(1), white = wasm_f32x4_const_splat(255);
    for (int i = 0; i < count; i++, colours += 4, out += 4) {
        vec value = wasm_f32x4_pmin(wasm_f32x4_pmax(wasm_v128_load(colours), zero), one);
        vec whole = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(value, white)));
        vec narrow = wasm_i16x8_narrow_i32x4(whole, whole);
        wasm_v128_store32_lane(out, wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
        out[3] = 255;
    }
}
