// What is visible of pictures of equal size, in panes of equal size: one centre and one scale for all of them.

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class View {
  constructor(picture) {
    this.picture = this.room = picture;
    this.whole();
  }

  // Shows all of the pictures.
  whole() {
    // The centre as shares of the picture, and how much larger it is than where all of it fits into a pane.
    Object.assign(this, { x: 0.5, y: 0.5, times: 1 });
  }

  // CSS pixels for each pixel of the picture.
  get scale() {
    return this.times * this.fitting;
  }

  // The scale at which all of the picture fits into a pane, and that at which two of its pixels fill one.
  get fitting() {
    return Math.min(this.room.width / this.picture.width, this.room.height / this.picture.height);
  }

  get largest() {
    return Math.max(this.fitting, Math.min(this.room.width, this.room.height) / 2);
  }

  // Zooms about a point given from the middle of a pane in CSS pixels, until two pixels of the picture fill a pane.
  zoom(factor, x = 0, y = 0) {
    this.move(0, 0);
    const { scale, fitting } = this;
    this.times = clamp(scale * factor, fitting, this.largest) / fitting;
    const further = 1 - this.scale / scale;
    this.move(x * further, y * further);
  }

  // Moves the pictures by CSS pixels.
  move(x, y) {
    const moved = (side, from, by) => this.centre(side, this.centre(side, from) - by / this.picture[side] / this.scale);
    this.x = moved('width', this.x, x);
    this.y = moved('height', this.y, y);
  }

  // Shows a window (y0, x0, y1, x1) in [-1, 1], as far as the largest scale allows.
  lookAt([y0, x0, y1, x1]) {
    const { room, picture, fitting, largest } = this;
    const scale = 2 * Math.min(room.width / picture.width / (x1 - x0), room.height / picture.height / (y1 - y0));
    Object.assign(this, { x: (x0 + x1 + 2) / 4, y: (y0 + y1 + 2) / 4, times: clamp(scale, fitting, largest) / fitting });
    this.move(0, 0);
  }

  // What share of the picture is visible along an axis, and the centre nearest to a wished one.
  extent(side) {
    return Math.min(1, this.room[side] / this.picture[side] / this.scale);
  }

  centre(side, wished) {
    const half = this.extent(side) / 2;
    return clamp(wished, half, 1 - half);
  }

  // The size of a canvas in device pixels, of which CSS pixels have `ratio`, and the window (y0, x0, y1, x1) in [-1, 1]
  // that it shows. The centre stays: a pane of another shape may have room for it.
  visible(ratio) {
    const side = (name, wished) => {
      const all = this.picture[name] * this.scale * ratio;
      const pixels = Math.max(1, Math.min(Math.floor(this.room[name] * ratio), Math.round(all)));
      const extent = Math.min(1, pixels / all), low = clamp(this.centre(name, wished) - extent / 2, 0, 1 - extent);
      return { pixels, low: 2 * low - 1, high: Math.min(2 * (low + extent) - 1, 1) };
    };
    const x = side('width', this.x), y = side('height', this.y);
    return { width: x.pixels, height: y.pixels, window: [y.low, x.low, y.high, x.high], scale: this.scale * ratio };
  }
}
