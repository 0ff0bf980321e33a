// What is visible of pictures of equal size, in panes of equal size: one centre and one scale for all of them.

export const between = (value, low, high) => Math.min(Math.max(value, low), high);

export class View {
  constructor() {
    this.picture = this.room = { width: 1, height: 1 };
    this.whole();
  }

  // Shows all of the pictures.
  whole() {
    // The centre as shares of the picture, and how much larger it is than where all of it fits into a pane.
    Object.assign(this, { x: 0.5, y: 0.5, times: 1 });
  }

  // CSS pixels for each pixel of the picture.
  get scale() {
    return this.times * Math.min(this.room.width / this.picture.width, this.room.height / this.picture.height);
  }

  get zoomed() {
    return this.times > 1;
  }

  // Zooms about a point given from the middle of a pane in CSS pixels, until two pixels of the picture fill a pane.
  zoom(factor, x = 0, y = 0) {
    this.move(0, 0);
    const { room, scale } = this, fitting = scale / this.times;
    const after = between(scale * factor, fitting, Math.max(fitting, Math.min(room.width, room.height) / 2));
    this.times = after / fitting;
    this.move(x * (1 - after / scale), y * (1 - after / scale));
  }

  // Moves the pictures by CSS pixels.
  move(x, y) {
    const moved = (side, from, by) => this.centre(side, this.centre(side, from) - by / this.picture[side] / this.scale);
    this.x = moved('width', this.x, x);
    this.y = moved('height', this.y, y);
  }

  // What share of the picture is visible along an axis, and the centre nearest to a wished one.
  extent(side) {
    return Math.min(1, this.room[side] / this.picture[side] / this.scale);
  }

  centre(side, wished) {
    const half = this.extent(side) / 2;
    return between(wished, half, 1 - half);
  }

  // The size of a canvas in device pixels, of which CSS pixels have `ratio`, and the window (y0, x0, y1, x1) in [-1, 1]
  // that it shows. The centre stays: a pane of another shape may have room for it.
  visible(ratio) {
    const side = (name, wished) => {
      const all = this.picture[name] * this.scale * ratio;
      const pixels = Math.max(1, Math.min(Math.floor(this.room[name] * ratio), Math.round(all)));
      const extent = Math.min(1, pixels / all), low = between(this.centre(name, wished) - extent / 2, 0, 1 - extent);
      return { pixels, low: between(2 * low - 1, -1, 1), high: between(2 * (low + extent) - 1, -1, 1) };
    };
    const x = side('width', this.x), y = side('height', this.y);
    return { width: x.pixels, height: y.pixels, window: [y.low, x.low, y.high, x.high], scale: this.scale * ratio };
  }
}
