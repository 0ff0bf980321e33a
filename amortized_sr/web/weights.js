// Reads weights from a .safetensors file. Everything is checked before it is used, as in weights_header.py.

const MAX_HEADER = 1e8, MAX_NUMBERS = 2e8;

// Settings of a model: default value, then what is allowed: a list, or a range of whole numbers or of any.
const SETTINGS = {
  channels: [3, [1, 3]],
  conditions: [[], 'conditions'],
  encoder: ['edsr', ['edsr', 'span']],
  encoder_width: [32, 'whole', 1, 1024],
  encoder_blocks: [6, 'whole', 0, 128],
  field: ['hyper', ['hyper', 'learned', 'concat', 'film']],
  head_width: [48, 'whole', 0, 4096],
  frequencies: [2, 'whole', 0, 32],
  footprint: ['gauss', ['point', 'gauss', 'box']],
  finest_cell: [0.25, 'any', 0, 1],
  functions: [32, 'whole', 1, 1024],
  field_width: [256, 'whole', 1, 4096],
  field_depth: [4, 'whole', 1, 64],
  neighbors: [4, [1, 4]],
  skip: ['bicubic', ['bilinear', 'bicubic', 'none']],
  mean: [0.45, 'any', 0, 1],
  deviation: [0.25, 'any', 1e-3, 10],
};

const fail = (sentence) => {
  throw new Error(sentence);
};
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// Returns `{config, tensors}` of the bytes of a file; tensors are Float32Arrays by name.
export function readWeights(buffer) {
  const [header, start] = readHeader(buffer);
  const config = readConfig(header.__metadata__);
  const expected = shapes(config), names = Object.keys(header).filter((name) => name !== '__metadata__');
  const missing = Object.keys(expected).find((name) => !Object.hasOwn(header, name));
  if (missing) fail(`The weights lack the tensor ${missing}; get the file again.`);
  const extra = names.find((name) => !Object.hasOwn(expected, name));
  if (extra) fail(`The tensor ${extra} is not part of the model; get the file again.`);
  const tensors = {};
  for (const name of names)
    tensors[name.replace('head.codes.', 'head.')] = readTensor(buffer, start, name, header[name], expected[name]);
  return { config, tensors };
}

function readHeader(buffer) {
  const size = buffer.byteLength, broken = 'The file is not a readable .safetensors file';
  if (size < 8) fail(`${broken}: it has ${size} bytes.`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > MAX_HEADER || length > size - 8) fail(`${broken}: its header would have ${length} bytes of ${size}.`);
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, 8, length)));
  } catch {
    fail(`${broken}: its header is not JSON.`);
  }
  if (!isObject(header)) fail(`${broken}: its header is not an object.`);
  const places = Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, entry]) => {
    const ends = isObject(entry) ? entry.data_offsets : null;
    if (!Array.isArray(ends) || ends.length !== 2 || !ends.every(Number.isSafeInteger))
      fail(`${broken}: the tensor ${name} has no place.`);
    return ends;
  });
  // Tensors cover the data without gap or overlap, so that no byte is read twice or hides something.
  let end = 0;
  for (const [low, high] of places.sort(([a, b], [c, d]) => a - c || b - d)) {
    if (low !== end || high < low) fail(`${broken}: its tensors leave a gap or overlap at byte ${low}.`);
    end = high;
  }
  if (end !== size - 8 - length) fail(`${broken}: its tensors end at byte ${end} of ${size - 8 - length}.`);
  return [header, 8 + length];
}

function readConfig(metadata) {
  const facts = isObject(metadata) ? metadata : {};
  if (facts.format_version !== '1')
    fail(`The weights have format_version ${facts.format_version}, this page reads 1; use files that amortized-sr wrote.`);
  const kind = facts.kind ?? 'upscaler';
  if (kind !== 'upscaler') fail(`The weights hold an ${kind}; this page draws upscalers.`);
  let given;
  try {
    given = JSON.parse(facts.config);
  } catch {
    given = null;
  }
  if (!isObject(given)) fail('The weights hold no configuration; get the file again.');
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(SETTINGS, name));
  if (unknown) fail(`The weights have an unknown setting ${unknown}; use a newer page.`);
  const config = {};
  for (const [name, [usual, allowed, low, high]] of Object.entries(SETTINGS)) {
    const value = Object.hasOwn(given, name) ? given[name] : usual;
    let fits = typeof value === 'number' && value >= low && value <= high && (allowed === 'any' || value % 1 === 0);
    if (Array.isArray(allowed)) fits = allowed.includes(value);
    if (allowed === 'conditions')
      fits = Array.isArray(value) && value.every((one, at) => /^(noise|jpeg)$/.test(one) && value.indexOf(one) === at);
    if (!fits) fail(`The weights have ${name} ${JSON.stringify(value)}, which no model has; get the file again.`);
    config[name] = value;
  }
  if (config.field !== 'hyper') fail(`The weights have the field ${config.field}; this page draws hyper only.`);
  if (config.encoder !== 'edsr') fail(`The weights have the encoder ${config.encoder}; this page runs edsr only.`);
  return config;
}

// Names and shapes of the tensors of a model.
function shapes(config) {
  const width = config.encoder_width, hidden = config.head_width, result = { mean: [], deviation: [] };
  const layer = (name, inputs, outputs, side) => {
    result[name + '.weight'] = [outputs, inputs, side, side];
    result[name + '.bias'] = [outputs];
  };
  layer('encoder.first', config.channels + config.conditions.length, width, 3);
  for (let block = 0; block < config.encoder_blocks; block++)
    for (const part of ['first', 'second']) layer(`encoder.blocks.${block}.${part}`, width, width, 3);
  layer('encoder.last', width, width, 3);
  const codes = config.channels * (2 * config.frequencies + 1) ** 2;
  // Models that read strengths also correct the image itself, by nothing at the strengths of 0 that the page tells them.
  const corrects = config.conditions.length > 0 && config.skip !== 'none', head = corrects ? 'head.codes.' : 'head.';
  if (corrects) layer('head.correction', width, config.channels, 3);
  layer(head + '0', width, hidden || codes, 3);
  if (hidden) {
    layer(head + '2', hidden, hidden, 1);
    layer(head + '4', hidden, codes, 1);
  }
  result['field.basis.frequency'] = [config.frequencies];
  if (config.footprint === 'gauss') result['field.basis.blur'] = [];
  const numbers = Object.values(result).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (numbers > MAX_NUMBERS) fail(`The weights ask for ${numbers} numbers, more than ${MAX_NUMBERS}.`);
  return result;
}

function readTensor(buffer, start, name, { dtype, shape, data_offsets: [low, high] }, expected) {
  if (JSON.stringify(shape) !== JSON.stringify(expected))
    fail(`The tensor ${name} has shape ${JSON.stringify(shape)}, the model needs ${JSON.stringify(expected)}.`);
  const width = new Map([['F32', 4], ['F16', 2]]).get(dtype) ?? fail(`The tensor ${name} has type ${dtype}; this page reads F32 and F16.`);
  const count = expected.reduce((a, b) => a * b, 1);
  if (high - low !== width * count) fail(`The tensor ${name} has ${high - low} bytes, its shape needs ${width * count}.`);
  const view = new DataView(buffer, start + low, high - low), values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = width === 4 ? view.getFloat32(4 * i, true) : half(view.getUint16(2 * i, true));
  if (!values.every(Number.isFinite)) fail(`The tensor ${name} holds NaN or infinity; get the file again.`);
  return values;
}

// The value of 16 bits as a floating point number.
export function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}
