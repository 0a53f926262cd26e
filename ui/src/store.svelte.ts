/** The one store: what the phone last said, from which every screen is drawn. */
import { announcement } from "./announce";
import { directoryAnnouncement } from "./announce-directory";
import type { Call, Directory, Message, Meters, Snapshot, TranscriptEntry } from "./bindings";
import { CodeTimes } from "./code-times";
import { Countdown } from "./countdown.svelte";
import { hearWhileMuted, noMutedSpeech } from "./muted-speech";
import { t } from "./text";
import { inConversationOrder } from "./transcript";

export class Store {
  /** The latest picture; `null` until the first one came. */
  snapshot = $state.raw<Snapshot | null>(null);
  /** Who can be called, where, and as whom; `null` until it came. */
  directory = $state.raw<Directory | null>(null);
  /** The latest levels; `null` while no audio runs. */
  meters = $state.raw<Meters | null>(null);
  /** The latest words for screen readers. */
  announced = $state.raw("");
  /** Until the next attempt to connect again, where one has its time. */
  readonly retry = new Countdown();
  /** Until the call is given up, while its connection is gone. */
  readonly givesUp = new Countdown();
  /** Until the code for another device is worth nothing any more, where there is one. */
  readonly codeExpires = new Countdown();

  #arrived = $state<TranscriptEntry[]>([]);
  #mutedSpeech = $state.raw(noMutedSpeech);
  readonly #codeTimes = new CodeTimes();

  /** The conversation, in its own order. */
  readonly transcript = $derived(inConversationOrder(this.#arrived));

  /** Whether the user is speaking and, being muted, is not heard. */
  readonly speakingWhileMuted = $derived(this.#mutedSpeech.shown);

  /** Takes in the next message of the subscription. */
  receive(message: Message): void {
    switch (message.type) {
      case "snapshot":
        this.#see(message.value);
        break;
      case "directory":
        this.#lookUp(message.value);
        break;
      case "meters":
        this.#hear(message.value);
        break;
      case "transcript_cleared":
        this.#arrived = [];
        break;
      case "transcript":
        this.#put(message.value);
        break;
      case "transcript_delta": {
        const { id, delta } = message.value;
        const entry = this.#arrived.find((known) => known.id === id);
        if (entry) entry.text += delta;
        break;
      }
    }
  }

  #see(next: Snapshot): void {
    const before = this.snapshot;
    const words = announcement(before, next);
    if (words !== null) this.announced = words;
    if (before?.call.state !== next.call.state) this.meters = null;
    const left = timeLeft(next.call);
    this.retry.set(left.retry);
    this.givesUp.set(left.givesUp);
    if (!next.muted) this.#mutedSpeech = noMutedSpeech;
    this.snapshot = next;
  }

  #lookUp(next: Directory): void {
    const words = directoryAnnouncement(this.directory, next);
    if (words !== null) this.announced = words;
    this.codeExpires.set(this.#codeTimes.left(next, performance.now()));
    this.directory = next;
  }

  #hear(meters: Meters): void {
    this.meters = meters;
    const before = this.#mutedSpeech;
    this.#mutedSpeech = hearWhileMuted(before, this.snapshot?.muted ?? false, meters);
    if (this.#mutedSpeech.shown && !before.shown) this.announced = t("meter.speaking_while_muted");
  }

  #put(entry: TranscriptEntry): void {
    const at = this.#arrived.findIndex((known) => known.id === entry.id);
    if (at < 0) this.#arrived.push(entry);
    else this.#arrived[at] = entry;
  }
}

/** What a connection that is gone leaves, in ms. */
function timeLeft(call: Call): { retry: number | null; givesUp: number | null } {
  if (call.state !== "live" || call.line.health !== "reconnecting") {
    return { retry: null, givesUp: null };
  }
  const { step, gives_up_in_ms } = call.line;
  return { retry: "retry_in_ms" in step ? step.retry_in_ms : null, givesUp: gives_up_in_ms };
}
