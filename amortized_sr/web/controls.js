// What the reader does: gestures, buttons, files.
import { listenToGestures } from './gestures.js';
import { find } from './parts.js';

const stage = find('stage');

// Begins to listen; `page` holds what the page does.
export function listen(page) {
  const zoom = (factor, x, y) => page.look((view) => view.zoom(factor, x, y));
  const move = (x, y) => page.look((view) => view.move(x, y));
  const whole = () => page.look((view) => view.whole());
  listenToGestures(stage, { zoom, move, whole, split: page.splitAt, zoomed: () => stage.classList.contains('zoomed') });
  find('in').onclick = () => zoom(1.5);
  find('out').onclick = () => zoom(1 / 1.5);
  find('whole').onclick = whole;
  find('split').oninput = () => page.splitAt(find('split').value / 100);
  find('save').onsubmit = page.save;
  find('file').onchange = (event) => {
    page.openFile(event.target.files[0]);
    // The same file again is a change, too.
    event.target.value = '';
  };
  find('model').onchange = page.openSource;
  for (const button of document.querySelectorAll('.example')) button.onclick = () => page.openExample(button.firstChild);
  document.addEventListener('paste', ({ clipboardData: { files } }) => files.length && page.openFile(files[0]));
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
  addEventListener('hashchange', () => page.look(page.lookAtAddress));
  new ResizeObserver(page.draw).observe(stage);
}
