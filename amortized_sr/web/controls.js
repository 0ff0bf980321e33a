// What the reader does: pointers, wheel, keys, buttons, files.
import { clamp, find } from './parts.js';

const stage = find('stage'), pointers = new Map();
let onLine = false;
const middle = (points) => ({ x: points.reduce((sum, p) => sum + p.x, 0) / points.length, y: points.reduce((sum, p) => sum + p.y, 0) / points.length });
const spread = (points) => (points.length < 2 ? 1 : Math.max(1, Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y)));

// Begins to listen; `page` holds what the page does.
export function listen(page) {
  const zoom = (factor, point) => page.look((view) => view.zoom(factor, point));
  const move = (x, y) => page.look((view) => view.move(x, y));
  const showWhole = () => page.look((view) => (view.scale = null));
  stage.addEventListener('pointerdown', (event) => {
    onLine = event.target.id === 'line' && !pointers.size;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
    stage.classList.add('moving');
  });
  stage.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return;
    const box = stage.getBoundingClientRect(), before = [...pointers.values()];
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = [...pointers.values()], [from, to] = [middle(before), middle(after)];
    if (onLine) return page.splitAt((event.clientX - box.left) / box.width);
    move(to.x - from.x, to.y - from.y);
    if (after.length > 1) zoom(spread(after) / spread(before), to);
  });
  for (const kind of ['pointerup', 'pointercancel'])
    stage.addEventListener(kind, (event) => {
      pointers.delete(event.pointerId);
      stage.classList.toggle('moving', pointers.size > 0);
    });
  stage.addEventListener('wheel', (event) => {
    event.preventDefault();
    const lines = event.deltaMode ? 30 : 1;
    zoom(Math.exp(-clamp(event.deltaY * lines, -300, 300) * (event.ctrlKey ? 0.01 : 0.002)), { x: event.clientX, y: event.clientY });
  }, { passive: false });
  stage.addEventListener('keydown', (event) => {
    const x = stage.clientWidth / 10, y = stage.clientHeight / 10;
    const action = {
      ArrowLeft: () => move(x, 0), ArrowRight: () => move(-x, 0), ArrowUp: () => move(0, y), ArrowDown: () => move(0, -y),
      '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: showWhole,
    }[event.key];
    if (!action || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  });
  find('in').onclick = () => zoom(1.5);
  find('out').onclick = () => zoom(1 / 1.5);
  find('whole').onclick = showWhole;
  find('split').oninput = () => page.splitAt(find('split').value / 100);
  find('save').onsubmit = page.save;
  find('file').onchange = (event) => page.openFile(event.target.files[0]);
  find('model').onchange = page.openSource;
  for (const button of document.querySelectorAll('.example')) button.onclick = () => page.openExample(button.firstChild);
  document.addEventListener('paste', (event) => page.openFile(event.clipboardData.files[0]));
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    stage.classList.add('over');
  });
  document.addEventListener('dragleave', () => stage.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    stage.classList.remove('over');
    // A digit's canvas takes its own pictures.
    if (event.defaultPrevented) return;
    event.preventDefault();
    page.openFile(event.dataTransfer.files[0]);
  });
  addEventListener('hashchange', () => page.look((view) => view.lookAtAddress()));
  new ResizeObserver(page.draw).observe(stage);
}
