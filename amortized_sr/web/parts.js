// Parts of the page: elements, the status line, files of the site or inside of the page, workers.

export const find = (id) => document.getElementById(id);

// Says something in the status line, or in another one.
export function say(text, bad = false, line = 'status') {
  find(line).textContent = text;
  find(line).classList.toggle('bad', bad);
}

// Returns the bytes of a part of the page, which may be inside of it.
export async function load(path) {
  const inside = find(path);
  if (inside) return Uint8Array.from(atob(inside.textContent.trim()), (letter) => letter.charCodeAt(0)).buffer;
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded (${response.status}); load the page again.`);
  return response.arrayBuffer();
}

// Starts a worker and returns the function that sends it messages; `answers` are functions by the kind of its messages.
export function startWorker(answers) {
  const inside = find('worker.js');
  const worker = new Worker(inside ? URL.createObjectURL(new Blob([inside.textContent])) : 'worker.js');
  worker.onmessage = ({ data }) => (answers[data.kind] ?? (() => {}))(data);
  worker.onerror = () => say('A worker of this page did not start; load the page again.', true);
  return (kind, values) => worker.postMessage({ kind, ...values });
}

// Shows bytes (row, column, RGBA) on a canvas.
export function show(canvas, pixels, width, height) {
  Object.assign(canvas, { width, height });
  canvas.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0);
}
