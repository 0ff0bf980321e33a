// The pictures of an image that the page holds: decoded, as functions where there are latents, and their errors.
import { openLatent } from './latent.js';

// Colours of errors from none to the largest that is distinguished: dark to bright, for those who see no hues too.
export const ERROR_COLOURS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

// The bytes that the page holds under a name.
function held(name) {
  const text = atob(document.getElementById(`held-${name}`).textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

const copyOf = (bitmap) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  ink.drawImage(bitmap, 0, 0);
  return { canvas, ink, data: ink.getImageData(0, 0, bitmap.width, bitmap.height) };
};

// One picture: what a pane draws.
class Source {
  constructor(facts, bitmap, drawn) {
    Object.assign(this, { facts, bitmap, drawn, errors: null });
  }

  // Draws a window (y0, x0, y1, x1) of the picture on all of a canvas: anew where there is a function, otherwise its pixels.
  paint(canvas, window) {
    const ink = canvas.getContext('2d');
    if (!this.drawn) return copyWindow(this.bitmap, canvas, window);
    const pixels = this.drawn.render(canvas.width, canvas.height, window);
    ink.putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
  }

  // Draws the errors to a target, so that `largest` of 255 and more have the brightest colour.
  paintError(canvas, window, target, largest) {
    if (this.errors?.largest !== largest) this.errors = { largest, map: errorMap(this.bitmap, target.bitmap, largest) };
    copyWindow(this.errors.map, canvas, window);
  }

  close() {
    this.bitmap.close();
  }
}

function copyWindow(image, canvas, window) {
  const [top, left, bottom, right] = window.map((value) => (value + 1) / 2), ink = canvas.getContext('2d');
  const width = (right - left) * image.width, height = (bottom - top) * image.height;
  // Pixels stay squares until they are smaller than those of the screen.
  ink.imageSmoothingEnabled = width > canvas.width || height > canvas.height;
  ink.imageSmoothingQuality = 'high';
  ink.drawImage(image, left * image.width, top * image.height, width, height, 0, 0, canvas.width, canvas.height);
}

// The absolute difference of two pictures, mean over the colours, as colours.
function errorMap(bitmap, target, largest) {
  const { canvas, ink, data } = copyOf(bitmap), other = copyOf(target).data.data, pixels = data.data;
  const table = Array.from({ length: 766 }, (_, sum) => errorColour(sum / 3 / largest));
  for (let i = 0; i < pixels.length; i += 4) {
    const sum = Math.abs(pixels[i] - other[i]) + Math.abs(pixels[i + 1] - other[i + 1]) + Math.abs(pixels[i + 2] - other[i + 2]);
    pixels.set(table[sum], i);
  }
  ink.putImageData(data, 0, 0);
  return canvas;
}

function errorColour(share) {
  const place = Math.min(share, 1) * (ERROR_COLOURS.length - 1), low = Math.min(Math.floor(place), ERROR_COLOURS.length - 2);
  return ERROR_COLOURS[low].map((value, c) => Math.round(value + (place - low) * (ERROR_COLOURS[low + 1][c] - value)));
}

// Returns the pictures of an image in their order, and a sentence about those that could not be drawn as functions.
export async function openPictures(image) {
  let problem = '';
  const open = async (facts) => {
    const file = new Blob([held(facts.picture)], { type: 'image/png' });
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' });
    const drawn = facts.latent && await openLatent(held('core.wasm'), facts.latent, held(facts.latent.data)).catch((error) => {
      problem = ` Pixels only: ${error.message}`;
      return null;
    });
    return new Source(facts, bitmap, drawn);
  };
  return { sources: await Promise.all(image.panes.map(open)), problem };
}
