// Reads weights from a .safetensors file. Everything is checked before it is used, as in weights_header.py.
import { obstacle, SETTINGS } from './settings.js';
import { shapes } from './shapes.js';

const MAX_HEADER = 1e8, MAX_NUMBERS = 2e8;

const fail = (sentence) => {
  throw new Error(sentence);
};
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const numbersOf = (shape) => shape.reduce((a, b) => a * b, 1);

// Returns `{config, tensors}` of the bytes of a file that holds a model of a kind; tensors are Float32Arrays by name.
export function readWeights(buffer, kind = 'upscaler') {
  const [header, start] = readHeader(buffer);
  const config = readConfig(header.__metadata__, kind);
  const expected = shapes(kind, config), names = Object.keys(header).filter((name) => name !== '__metadata__');
  const numbers = Object.values(expected).reduce((sum, shape) => sum + numbersOf(shape), 0);
  if (numbers > MAX_NUMBERS) fail(`The weights ask for ${numbers} numbers, more than ${MAX_NUMBERS}.`);
  const missing = Object.keys(expected).find((name) => !Object.hasOwn(header, name));
  if (missing) fail(`The weights lack the tensor ${missing}; get the file again.`);
  const extra = names.find((name) => !Object.hasOwn(expected, name));
  if (extra) fail(`The tensor ${extra} is not part of the model; get the file again.`);
  const tensors = {};
  for (const name of names) tensors[name] = readTensor(buffer, start, name, header[name], expected[name]);
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

function readConfig(metadata, wanted) {
  const facts = isObject(metadata) ? metadata : {}, kind = facts.kind ?? 'upscaler', settings = SETTINGS[wanted];
  if (facts.format_version !== '1')
    fail(`The weights have format_version ${facts.format_version}, this page reads 1; use files that amortized-sr wrote.`);
  if (kind !== wanted) fail(`The weights hold an ${kind}, and an ${wanted} is needed; use other weights.`);
  let given;
  try {
    given = JSON.parse(facts.config);
  } catch {
    given = null;
  }
  if (!isObject(given)) fail('The weights hold no configuration; get the file again.');
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(settings, name));
  if (unknown) fail(`The weights have an unknown setting ${unknown}; use a newer page.`);
  // The field of an autoencoder has these.
  const config = { footprint: 'gauss', neighbors: 4 };
  for (const [name, { usual, fits }] of Object.entries(settings)) {
    const value = Object.hasOwn(given, name) ? given[name] : usual;
    if (!fits(value)) fail(`The weights have ${name} ${JSON.stringify(value)}, which no model has; get the file again.`);
    config[name] = value;
  }
  const problem = obstacle(kind, config);
  if (problem) fail(`The weights have ${problem}.`);
  return config;
}

function readTensor(buffer, start, name, { dtype, shape, data_offsets: [low, high] }, expected) {
  if (JSON.stringify(shape) !== JSON.stringify(expected))
    fail(`The tensor ${name} has shape ${JSON.stringify(shape)}, the model needs ${JSON.stringify(expected)}.`);
  const width = new Map([['F32', 4], ['F16', 2]]).get(dtype) ?? fail(`The tensor ${name} has type ${dtype}; this page reads F32 and F16.`);
  const count = numbersOf(expected);
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
