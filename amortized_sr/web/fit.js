// The other way, beside the picture: a network that is trained on it while one looks.
import { find, say, show, startWorker } from './parts.js';

const button = find('train'), canvas = find('fitted'), text = find('progress');

export function startFit() {
  let post, picture, running = false, number = 0;
  const run = (begins) => {
    running = begins;
    button.textContent = begins ? 'Stop' : 'Train';
    if (begins) post('fit', { ...picture, training: ++number });
    else post('stop');
  };
  button.onclick = () => run(!running);
  return {
    start(wasm) {
      post = startWorker({
        fitted({ training, pixels, size, seconds, steps, psnr, done }) {
          // The last answer before a stop comes after it.
          if (!running || training !== number) return;
          show(canvas, pixels, ...size);
          text.textContent = `${seconds.toFixed(1)} s, ${steps} steps: ${psnr.toFixed(1)} dB`;
          if (done) run(false);
        },
        failed: (answer) => say(answer.text, true),
      });
      post('start', { wasm });
      button.disabled = !picture;
    },
    // Takes the picture of the page, and trains on it if the last one was being trained on.
    take({ pixels, width, height }) {
      picture = { pixels, width, height };
      button.disabled = !post;
      canvas.width = canvas.height = 1;
      text.textContent = '';
      if (running) run(true);
    },
  };
}
