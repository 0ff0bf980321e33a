// How strongly noise and JPEG compression are to be removed -> the numbers that an encoder reads; see strength.py and
// jpeg_strength.py.

// Steps of the standard's table for brightness at the 15 lowest frequencies (ITU-T T.81, Annex K).
const STANDARD = [16, 11, 10, 16, 24, 12, 12, 14, 19, 14, 13, 16, 14, 17, 18];

// The step of a JPEG quality from 1 to 100.
function stepOfQuality(quality) {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const steps = STANDARD.map((step) => Math.min(Math.max(Math.floor((scale * step + 50) / 100), 1), 255));
  return steps.reduce((a, b) => a + b) / steps.length;
}

// Returns what a model that reads `names` is told: `noise` is a standard deviation of 255, `jpeg` a quality, 0 for none.
export function conditionsOf(names, { noise = 0, jpeg = 0 }) {
  const all = { noise: noise / 255, jpeg: jpeg ? Math.log2(1 + stepOfQuality(jpeg)) / 8 : 0 };
  return names.map((name) => all[name]);
}
