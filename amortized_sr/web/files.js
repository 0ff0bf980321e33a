// Files of pictures -> pixels, or a sentence that says why not.

const MAX_PIXELS = 500000, MAX_BYTES = 1e8;

// What the first bytes of a file say: why it cannot be read, or what of it gets lost.
async function inspect(file) {
  const start = new TextDecoder('latin1').decode(await file.slice(0, 4096).arrayBuffer());
  return {
    heic: /^....ftyp(hei|hev|mif1|msf1)/s.test(start),
    lost: /acTL|NETSCAPE2\.0|ANIM/.test(start) ? ' It is animated: this is its first frame.'
      : /^.PNG[^]{8}IHDR[^]{8}\x10/.test(start) ? ' It has 16 bits: here it has 8.' : '',
  };
}

// Returns `{pixels, width, height, name, lost}` of a file; throws an Error whose message is a sentence.
export async function readPicture(file) {
  if (!file) throw new Error('There is no picture in what you gave; give an image file.');
  const { name } = file;
  if (file.size > MAX_BYTES) throw new Error(`${name} has ${Math.ceil(file.size / 1e6)} MB; give a small picture.`);
  const { heic, lost } = await inspect(file), image = new Image();
  const loaded = new Promise((done, failed) => Object.assign(image, { onload: done, onerror: failed }));
  image.src = URL.createObjectURL(file);
  let width, height;
  try {
    // An image knows its size before its pixels are decoded; a bitmap refuses files that are cut off.
    await loaded;
    [width, height] = [image.naturalWidth, image.naturalHeight];
    if (width * height <= MAX_PIXELS) {
      const taken = pixelsOf(await createImageBitmap(file));
      return { ...taken, name, lost: lost + (taken.clear ? ' It is transparent: here on white.' : '') };
    }
  } catch {
    throw new Error(heic ? `This browser cannot read HEIC pictures; save ${name} as JPEG or PNG first.`
      : `${name} is broken, or no picture that this browser can read; give a PNG, JPEG, WebP or GIF.`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
  const limit = MAX_PIXELS.toLocaleString('en');
  throw new Error(`${name} has ${width} x ${height} pixels, more than the ${limit} that this page takes; crop or shrink it first.`);
}

// Returns `{pixels, width, height, clear}` of an image or a bitmap, or of a part of it: bytes (row, column, RGBA), and
// whether some of them were transparent, which are put on white.
export function pixelsOf(image, left = 0, width = image.naturalWidth ?? image.width) {
  const height = image.naturalHeight ?? image.height;
  const copy = Object.assign(document.createElement('canvas'), { width, height }), ink = copy.getContext('2d', { willReadFrequently: true });
  ink.drawImage(image, -left, 0);
  const clear = ink.getImageData(0, 0, width, height).data.some((value, at) => at % 4 === 3 && value < 255);
  ink.globalCompositeOperation = 'destination-over';
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, width, height);
  return { pixels: ink.getImageData(0, 0, width, height).data, width, height, clear };
}
