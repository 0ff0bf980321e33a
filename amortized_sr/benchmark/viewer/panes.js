// The panes: a figure with a canvas for each picture that is shown, in as few columns as fit into the window.
import { clamp } from '../../web/view.js';

const GAP = 8, LEAST_WIDTH = 160;

// Returns the number of columns for `count` panes of a picture in a room, and their size; `caption` pixels go below each.
export function arrangement(count, picture, room, caption) {
  const size = (columns) => {
    const width = (room.width - GAP * (columns - 1)) / columns;
    const height = clamp((width * picture.height) / picture.width, 96, room.height - caption);
    const total = Math.ceil(count / columns) * (height + caption + GAP);
    return { columns, width, height: Math.floor(height), fits: total <= room.height };
  };
  const sizes = Array.from({ length: count }, (_, at) => size(at + 1)).filter(({ width, columns }) => columns === 1 || width >= LEAST_WIDTH);
  return sizes.find(({ fits }) => fits) ?? sizes.at(-1);
}

const made = (kind, values = {}) => Object.assign(document.createElement(kind), values);

// A picture with its label, which is its name in the table.
export class Pane {
  constructor(source, zooming) {
    const { name, measured } = source.facts;
    this.source = source;
    this.canvas = made('canvas', { width: 1, height: 1 });
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', measured ? `${name}, ${measured}` : name);
    const frame = made('div', { className: 'frame' });
    frame.append(this.canvas);
    const caption = made('figcaption');
    caption.append(made('span', { className: 'name', textContent: name }));
    if (measured) caption.append(` ${measured}`);
    if (zooming) caption.append(made('span', { className: 'unit', textContent: source.drawn ? ' drawn' : ' pixels' }));
    this.figure = made('figure', { className: 'pane' });
    this.figure.append(frame, caption);
  }

  // Draws a window on a canvas of as many device pixels.
  draw({ width, height, window }, ratio, paint) {
    const { canvas } = this;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    canvas.style.width = `${width / ratio}px`;
    canvas.style.height = `${height / ratio}px`;
    paint(this.source, canvas, window);
  }
}
