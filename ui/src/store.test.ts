/** The store keeps one picture and one conversation, however the messages come. */
import { afterEach, expect, it, vi } from "vitest";

import { scenes, type SceneName } from "./backend/scenes";
import type { Message, TranscriptEntry } from "./bindings";
import { Store } from "./store.svelte";

afterEach(() => {
  vi.useRealTimers();
});

function line(id: string, after: string | null, text = ""): Message {
  const value: TranscriptEntry = {
    id,
    after,
    speaker: "agent",
    text,
    unheard: "",
    status: "growing",
    spoken_ms: null,
  };
  return { type: "transcript", value };
}

function fed(...messages: Message[]): Store {
  const store = new Store();
  for (const message of messages) store.receive(message);
  return store;
}

function texts(store: Store): string[] {
  return store.transcript.map((entry) => entry.text);
}

const live: Message = { type: "snapshot", value: scenes.live.snapshot };
const ended: Message = { type: "snapshot", value: scenes.ended.snapshot };
const meters: Message = {
  type: "meters",
  value: { elapsed_ms: 1_000, microphone_db: -10, speaker_db: -90 },
};

it("appends to a line, replaces it, and ignores a line it does not know", () => {
  const delta = (id: string, delta: string): Message => ({
    type: "transcript_delta",
    value: { id, delta },
  });
  const store = fed(line("a", null), delta("a", "Hel"), delta("a", "lo"), delta("x", "lost"));
  expect(texts(store)).toEqual(["Hello"]);
  store.receive(line("a", null, "Hello."));
  expect(texts(store)).toEqual(["Hello."]);
});

it("shows a conversation in its own order", () => {
  expect(texts(fed(line("b", "a", "two"), line("a", null, "one")))).toEqual(["one", "two"]);
});

it("holds everything once after a second subscription", () => {
  const subscription: Message[] = [
    live,
    { type: "transcript_cleared" },
    line("a", null, "one"),
    line("b", "a", "two"),
  ];
  const store = fed(...subscription, ...subscription);
  expect(texts(store)).toEqual(["one", "two"]);
  expect(store.announced).toBe("");
});

it("keeps the directory, and counts down a code from when it was first said", () => {
  vi.useFakeTimers();
  const said = (name: SceneName): Message => ({ type: "directory", value: scenes[name].directory });
  const store = new Store();
  expect([store.directory, store.codeExpires.seconds]).toEqual([null, null]);
  store.receive(said("ready-sign-in-device"));
  expect(store.directory?.chosen).toBe("acme");
  vi.advanceTimersByTime(31_500);
  store.receive(said("ready-sign-in-device"));
  expect(store.codeExpires.seconds).toBe(550);
  store.receive(said("ready-signed-in"));
  expect(store.codeExpires.seconds).toBeNull();
  expect(store.announced).toBe("Signed in as Ada Lovelace.");
  expect(vi.getTimerCount()).toBe(0);
});

it("forgets levels that belong to a state that is over", () => {
  const store = fed(live, meters);
  expect(store.meters?.elapsed_ms).toBe(1_000);
  store.receive(ended);
  expect(store.meters).toBeNull();
});

it("notices speech while muted, says so once, and forgets it with the mute", () => {
  const muted: Message = { type: "snapshot", value: scenes["live-muted"].snapshot };
  const store = fed(muted, ...Array<Message>(5).fill(meters));
  expect(store.speakingWhileMuted).toBe(true);
  expect(store.announced).toBe("You are speaking, but muted.");
  store.receive(live);
  expect(store.speakingWhileMuted).toBe(false);
});

it("counts down to the next attempt only while there is one to wait for", () => {
  vi.useFakeTimers();
  const snapshot = (name: SceneName): Message => ({
    type: "snapshot",
    value: scenes[name].snapshot,
  });
  const store = fed(live, snapshot("live-reconnecting"));
  expect([store.retry.seconds, store.givesUp.seconds]).toEqual([4, 114]);
  vi.advanceTimersByTime(1_500);
  expect([store.retry.seconds, store.givesUp.seconds]).toEqual([2, 113]);
  store.receive(snapshot("live-reconnecting-offline"));
  expect([store.retry.seconds, store.givesUp.seconds]).toEqual([null, 114]);
  store.receive(snapshot("live-resumed"));
  expect([store.retry.seconds, store.givesUp.seconds]).toEqual([null, null]);
  expect(vi.getTimerCount()).toBe(0);
});
