// What weights files may say about their model, as in model_config.py and autoencoder_config.py.

const between = (low, high) => (value) => typeof value === 'number' && value >= low && value <= high;
const any = (low, high, usual) => ({ usual, fits: between(low, high) });
const whole = (low, high, usual) => ({ usual, fits: (value) => Number.isInteger(value) && between(low, high)(value) });
const choice = (usual, ...others) => ({ usual, fits: (value) => value === usual || others.includes(value) });
const conditions = {
  usual: [],
  fits: (value) =>
    Array.isArray(value) && value.every((one, at) => /^(noise|jpeg)$/.test(one) && value.indexOf(one) === at),
};

const UPSCALER = {
  channels: choice(3, 1),
  conditions,
  encoder: choice('edsr', 'hybrid', 'span'),
  encoder_width: whole(1, 1024, 32),
  encoder_blocks: whole(0, 128, 6),
  half_width: whole(1, 1024, 64),
  half_blocks: whole(0, 128, 4),
  field: choice('hyper', 'learned', 'concat', 'film'),
  head_width: whole(0, 4096, 48),
  frequencies: whole(0, 32, 2),
  footprint: choice('gauss', 'point', 'box'),
  finest_cell: any(0, 1, 0.25),
  keeps_tone: choice(false, true),
  functions: whole(1, 1024, 32),
  field_width: whole(1, 4096, 256),
  field_depth: whole(1, 64, 4),
  neighbors: choice(4, 1),
  skip: choice('bicubic', 'bilinear', 'none'),
  mean: any(0, 1, 0.45),
  deviation: any(1e-3, 10, 0.25),
};

const AUTOENCODER = {
  channels: choice(1, 3),
  frame: whole(4, 512, 28),
  code: whole(1, 65536, 64),
  code_grid: whole(1, 64, 1),
  encoder_width: whole(1, 1024, 32),
  hidden: whole(1, 4096, 384),
  decoder: choice('linear', 'modulated', 'film', 'hyper', 'learned'),
  grid: whole(1, 128, 7),
  decoder_width: whole(1, 4096, 64),
  decoder_blocks: whole(0, 64, 2),
  rank: whole(1, 1024, 32),
  frequencies: whole(0, 64, 2),
  finest_cell: any(0, 1, 0.125),
  functions: whole(1, 4096, 384),
  field_width: whole(1, 4096, 64),
  field_depth: whole(1, 64, 4),
  components: whole(0, 1000, 50),
  mean: any(0, 1, 0),
  deviation: any(1e-3, 10, 1),
};

export const SETTINGS = { upscaler: UPSCALER, autoencoder: AUTOENCODER };

// Returns what this page cannot do with a model of a kind, as the end of a sentence, or nothing.
export function obstacle(kind, { field, encoder, decoder, code_grid, grid }) {
  if (kind === 'upscaler') {
    if (field !== 'hyper') return `the field ${field}; this page draws hyper only`;
    if (encoder === 'span') return `the encoder ${encoder}; this page runs edsr and hybrid`;
  } else {
    if (decoder !== 'linear' && decoder !== 'modulated')
      return `the decoder ${decoder}; this page runs linear and modulated`;
    if (code_grid !== 1) return `code_grid ${code_grid}; this page reads 1 only`;
    if (decoder === 'modulated' && grid > 32) return `grid ${grid}, more than the 32 of the decoder modulated`;
  }
}
