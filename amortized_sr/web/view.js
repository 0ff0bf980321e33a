// What is visible of a picture on the stage, and how it moves.
import { clamp, find } from './parts.js';

const stage = find('stage');

// Centre of what is visible, as shares of the picture, and CSS pixels for each pixel of the picture; `null` fits.
export class View {
  constructor(picture) {
    Object.assign(this, { picture, x: 0.5, y: 0.5, scale: null });
  }

  get fitting() {
    return Math.min(stage.clientWidth / this.picture.width, stage.clientHeight / this.picture.height);
  }

  get largest() {
    return Math.max(this.fitting, Math.min(stage.clientWidth, stage.clientHeight) / 2);
  }

  // The size of the canvas in device pixels, the window of the picture that it shows, and CSS pixels per pixel.
  visible() {
    const scale = this.scale ?? this.fitting, ratio = devicePixelRatio;
    const side = (room, count, centre) => {
      const all = count * scale * ratio, pixels = Math.max(1, Math.min(Math.floor(room * ratio), Math.round(all)));
      const extent = Math.min(1, pixels / all);
      return { pixels, extent, low: clamp(centre - extent / 2, 0, 1 - extent) };
    };
    const x = side(stage.clientWidth, this.picture.width, this.x);
    const y = side(stage.clientHeight, this.picture.height, this.y);
    this.x = x.low + x.extent / 2;
    this.y = y.low + y.extent / 2;
    const coord = (share) => clamp(2 * share - 1, -1, 1);
    const window = [coord(y.low), coord(x.low), coord(y.low + y.extent), coord(x.low + x.extent)];
    return { width: x.pixels, height: y.pixels, window, scale };
  }

  // Zooms about a point of the screen, by default the middle of the stage.
  zoom(factor, point) {
    const box = stage.getBoundingClientRect(), before = this.scale ?? this.fitting;
    const after = clamp(before * factor, this.fitting, this.largest);
    const x = point ? point.x - box.left - box.width / 2 : 0, y = point ? point.y - box.top - box.height / 2 : 0;
    this.x += x / this.picture.width / before - x / this.picture.width / after;
    this.y += y / this.picture.height / before - y / this.picture.height / after;
    this.scale = after > this.fitting ? after : null;
  }

  // Moves the picture by CSS pixels.
  move(x, y) {
    const scale = this.scale ?? this.fitting;
    this.x -= x / this.picture.width / scale;
    this.y -= y / this.picture.height / scale;
  }

  // Looks at the window in the address, if there is one.
  lookAtAddress() {
    const found = /window=([^&]+)/.exec(location.hash), window = found && found[1].split(',').map(Number);
    this.scale = null;
    if (!window || window.length !== 4 || !window.every((value) => Math.abs(value) <= 1)) return;
    const [y0, x0, y1, x1] = window.map((value) => (value + 1) / 2);
    if (y1 <= y0 || x1 <= x0) return;
    const { width, height } = this.picture;
    const scale = Math.min(stage.clientWidth / (x1 - x0) / width, stage.clientHeight / (y1 - y0) / height);
    Object.assign(this, { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: clamp(scale, this.fitting, this.largest) });
  }
}
