// The dials of models that read how strong noise and compression are.
import { find } from './parts.js';

const noise = find('noise'), jpeg = find('jpeg');
// The further the dial, the stronger the compression: from quality 100 down to 1.
const strengths = () => ({ noise: +noise.value, jpeg: +jpeg.value && 101 - jpeg.value });

// `encode` encodes the picture with other strengths; the next ones wait until it is done.
export function startDials(encode) {
  let running = true, waiting = false;
  const turn = () => {
    const { noise: deviation, jpeg: quality } = strengths();
    const texts = [deviation ? `${deviation} of 255` : 'off', quality ? `quality ${quality}` : 'off'];
    for (const [number, dial] of [noise, jpeg].entries()) {
      const text = texts[number];
      dial.nextElementSibling.textContent = text;
      dial.setAttribute('aria-valuetext', text);
    }
    waiting = running;
    if (waiting) return;
    running = true;
    encode(strengths());
  };
  noise.oninput = jpeg.oninput = turn;
  return {
    strengths,
    // Shows the dials that a model reads, which is about to encode.
    offer(names) {
      running = true;
      find('dials').hidden = !names.length;
      noise.parentElement.hidden = !names.includes('noise');
      jpeg.parentElement.hidden = !names.includes('jpeg');
    },
    // The picture is encoded.
    done() {
      running = false;
      if (waiting) turn();
    },
  };
}
