/** Numbered frames in place of speech, the same ones as bench/src/numbered.rs makes. */

export const FRAME_MS = 20;

const SAMPLES = 480;
const DIGITS = 4;
const BASE = 64;

/** A frame as base64 of PCM16, little-endian. */
export function frame(number) {
  const bytes = Buffer.alloc(2 * SAMPLES);
  let rest = number;
  for (let place = 0; place < SAMPLES; place++) {
    let sample = ((number * 7 + place * 13) % 61) - 30;
    if (place < DIGITS) {
      sample = (rest % BASE) + 1;
      rest = Math.floor(rest / BASE);
    }
    bytes.writeInt16LE(sample, 2 * place);
  }
  return bytes.toString("base64");
}
