// WebAssembly and its memory: buffers are reserved one after the other and released together.

// After every buffer: core.c reads pixels in groups of four.
const SLACK = 65536;

// Returns a core from the bytes of core.wasm; throws an Error whose message is a sentence.
export async function loadCore(bytes) {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(bytes))
    throw new Error('This browser has no WebAssembly with SIMD, which the page needs; use a newer one.');
  return new Core((await WebAssembly.instantiate(bytes)).instance.exports);
}

// The functions of core.c with their memory.
class Core {
  constructor(exports) {
    this.run = exports;
    this.top = exports.__heap_base.value;
  }

  // Reserves a buffer of numbers and returns its address.
  reserve(count) {
    const start = Math.ceil(this.top / 16) * 16, memory = this.run.memory;
    this.top = start + 4 * count + SLACK;
    const missing = this.top - memory.buffer.byteLength;
    try {
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    } catch {
      this.top = start;
      throw new Error('There is not enough memory for this picture; close other pages, or use a smaller picture.');
    }
    return start;
  }

  // A view of floats; it is valid until the next buffer is reserved.
  floats(address, count) {
    return new Float32Array(this.run.memory.buffer, address, count);
  }

  // Copies an array of floats or whole numbers to a new buffer and returns its address.
  put(values) {
    const address = this.reserve(values.length);
    new values.constructor(this.run.memory.buffer, address, values.length).set(values);
    return address;
  }
}
