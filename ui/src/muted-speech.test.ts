/** The hint for someone who speaks while muted comes late enough and goes late enough. */
import { expect, it } from "vitest";

import { hearWhileMuted, noMutedSpeech, type MutedSpeech } from "./muted-speech";

function hear(levels: number[], muted = true): MutedSpeech {
  return levels.reduce(
    (state, microphone_db) =>
      hearWhileMuted(state, muted, { elapsed_ms: 0, microphone_db, speaker_db: -90 }),
    noMutedSpeech,
  );
}

it("ignores a cough and shows speech", () => {
  expect(hear([-20, -20]).shown).toBe(false);
  expect(hear([-20, -20, -20, -90, -20, -20]).shown).toBe(false);
  expect(hear([-20, -20, -20, -20, -20]).shown).toBe(true);
});

it("stays over a pause between words and goes after a second of silence", () => {
  const speech = Array<number>(5).fill(-20);
  expect(hear([...speech, ...Array<number>(14).fill(-90)]).shown).toBe(true);
  expect(hear([...speech, ...Array<number>(15).fill(-90)]).shown).toBe(false);
});

it("says nothing when not muted", () => {
  expect(hear(Array<number>(20).fill(-10), false).shown).toBe(false);
});
