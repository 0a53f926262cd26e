/** Notices, in this window alone, that someone speaks while muted. */
import type { Meters } from "./bindings";

/** Louder than this, in dBFS, counts as speech. */
const SPEECH_DB = -42;
/** Readings (about 15 a second) of speech after which it is shown. */
const SHOWN_AFTER = 5;
/** Readings of silence after which it is no longer shown. */
const HIDDEN_AFTER = 15;

/** How much speech was heard lately while muted. */
export interface MutedSpeech {
  readonly readings: number;
  readonly shown: boolean;
}

export const noMutedSpeech: MutedSpeech = { readings: 0, shown: false };

/** The state after one more reading of the meters. */
export function hearWhileMuted(before: MutedSpeech, muted: boolean, meters: Meters): MutedSpeech {
  if (!muted) return noMutedSpeech;
  const limit = before.shown ? HIDDEN_AFTER : SHOWN_AFTER;
  const loud = meters.microphone_db > SPEECH_DB;
  if (loud === before.shown) return { ...before, readings: 0 };
  const readings = before.readings + 1;
  return readings < limit ? { ...before, readings } : { readings: 0, shown: loud };
}
