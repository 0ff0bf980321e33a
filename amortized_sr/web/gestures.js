// Pointers, wheel and keys on panes, which have the class `frame`; the stage may be one itself. Calls `move(x, y)`,
// `zoom(factor, x, y)` about a point from the middle of a pane, `whole()` and `split(share)`, for the element of class
// `line`. Where `zoomed()` is false there is nothing to move, and the wheel and arrow keys scroll the page.

import { clamp } from './view.js';

const pointers = new Map();
const mean = (points, axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
const spread = (points) => (points.length < 2 ? 1 : Math.max(1, Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y)));

export function listenToGestures(stage, { move, zoom, whole, split, zoomed = () => true }) {
  let frame, splitting;
  const below = (event, elsewhere) => event.target.closest('.frame') ?? (elsewhere && stage.querySelector('.frame'));
  const fromMiddle = (x, y) => {
    const box = frame.getBoundingClientRect();
    return [x - box.left - box.width / 2, y - box.top - box.height / 2];
  };

  stage.addEventListener('pointerdown', (event) => {
    if (!pointers.size) {
      splitting = event.target.classList.contains('line');
      frame = below(event, splitting);
    }
    if (!frame) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = [...pointers.values()], x = mean(after, 'x'), y = mean(after, 'y');
    if (splitting) {
      const box = frame.getBoundingClientRect();
      return split((event.clientX - box.left) / box.width);
    }
    move(x - mean(before, 'x'), y - mean(before, 'y'));
    if (after.length > 1) zoom(spread(after) / spread(before), ...fromMiddle(x, y));
  });
  stage.onpointerup = stage.onpointercancel = (event) => pointers.delete(event.pointerId);

  stage.addEventListener('wheel', (event) => {
    const target = below(event, true);
    // Where nothing can get smaller, the wheel scrolls the page.
    if (!target || (event.deltaY > 0 && !zoomed())) return;
    event.preventDefault();
    frame = target;
    const lines = event.deltaMode ? 30 : 1, speed = event.ctrlKey ? 0.01 : 0.002;
    zoom(Math.exp(-clamp(event.deltaY * lines, -300, 300) * speed), ...fromMiddle(event.clientX, event.clientY));
  }, { passive: false });

  stage.addEventListener('keydown', (event) => {
    const x = stage.clientWidth / 10, y = stage.clientHeight / 10;
    const action = {
      ArrowLeft: () => move(x, 0), ArrowRight: () => move(-x, 0), ArrowUp: () => move(0, y), ArrowDown: () => move(0, -y),
      '+': () => zoom(1.5), '=': () => zoom(1.5), '-': () => zoom(1 / 1.5), 0: whole,
    }[event.key];
    // Arrow keys scroll the page while there is nothing to move.
    if (!action || event.ctrlKey || event.metaKey || (event.key.startsWith('Arrow') && !zoomed())) return;
    event.preventDefault();
    action();
  });
}
