// Writes a PNG while its rows are drawn, so that only the compressed bytes are held.

const CRC = Int32Array.from({ length: 256 }, (_, c) => {
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

// A chunk: length, type, data, check sum.
function chunk(type, data) {
  const result = new Uint8Array(data.length + 12), view = new DataView(result.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) result[4 + i] = type.charCodeAt(i);
  result.set(data, 8);
  let crc = -1;
  for (let i = 4; i < data.length + 8; i++) crc = CRC[(crc ^ result[i]) & 255] ^ (crc >>> 8);
  view.setInt32(data.length + 8, ~crc);
  return result;
}

// Returns a Blob of an RGB picture whose rows (column, RGBA) come in strips, which may be made meanwhile.
export async function writePng(width, height, strips) {
  const header = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  const parts = [new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header)];
  const stream = new CompressionStream('deflate'), writer = stream.writable.getWriter();
  const reading = (async () => {
    for (const reader = stream.readable.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      parts.push(chunk('IDAT', value));
    }
  })();
  const line = 3 * width + 1;
  let above = new Uint8Array(line);
  for await (const pixels of strips) {
    const rows = pixels.length / 4 / width, filtered = new Uint8Array(rows * line);
    for (let row = 0; row < rows; row++) {
      const own = new Uint8Array(line);
      for (let i = 1, at = 4 * row * width; i < line; i += 3, at += 4)
        for (let c = 0; c < 3; c++) own[i + c] = pixels[at + c];
      // Filter 2: the difference to the row above.
      const to = row * line;
      filtered[to] = 2;
      for (let i = 1; i < line; i++) filtered[to + i] = own[i] - above[i];
      above = own;
    }
    await writer.write(filtered);
  }
  await writer.close();
  await reading;
  return new Blob([...parts, chunk('IEND', new Uint8Array())], { type: 'image/png' });
}
