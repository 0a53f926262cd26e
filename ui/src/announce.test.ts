/** A screen reader hears what changed, once, and never the agent's own words. */
import { expect, it } from "vitest";

import { announcement } from "./announce";
import { scenes, type SceneName } from "./backend/scenes";

function between(before: SceneName, now: SceneName): string | null {
  return announcement(scenes[before].snapshot, scenes[now].snapshot);
}

it("says nothing about the first picture", () => {
  expect(announcement(null, scenes.live.snapshot)).toBeNull();
});

it("names each state that a call comes to", () => {
  expect(between("ready", "dialling")).toBe(
    "Calling Echo. Go ahead, we are recording what you say.",
  );
  expect(between("dialling", "live")).toBe("Connected to Echo.");
  expect(between("live", "ended")).toBe("You hung up. Duration 02:34.");
  expect(between("ended", "ready")).toBe("Ready to call.");
});

it("says why a call failed", () => {
  expect(between("dialling", "ended-failed")).toContain("voice.example.org:443 does not answer");
});

it("follows the line's health and the microphone", () => {
  expect(between("live", "live-unstable")).toBe("Weak connection. Your call is still up.");
  expect(between("live-unstable", "live")).toBe("The connection is good again.");
  expect(between("live", "live-muted")).toBe("Microphone muted.");
  expect(between("live-muted", "live")).toBe("Microphone on.");
});

it("says that the connection is gone, why, and that it is back", () => {
  expect(between("live", "live-reconnecting")).toBe(
    "The server is restarting. Reconnecting; your call is kept.",
  );
  expect(between("live-reconnecting-now", "live-catching-up")).toBe("Back. Sending what you said.");
  expect(between("live-catching-up", "live-resumed-lost")).toBe(
    "Back: 1.3 s of the agent was lost.",
  );
});

it("does not say again what only goes on, nor that all is well after that it is back", () => {
  const { call } = scenes["live-reconnecting"].snapshot;
  if (call.state !== "live" || call.line.health !== "reconnecting") throw new Error("gone");
  const next = { ...call.line, attempt: 2, step: { doing: "connecting" } } as const;
  const later = { ...scenes["live-reconnecting"].snapshot, call: { ...call, line: next } };
  expect(announcement(scenes["live-reconnecting"].snapshot, later)).toBeNull();
  expect(between("live-resumed", "live-reconnected")).toBeNull();
});

it("says another cause, which may be another thing to do", () => {
  expect(between("live-reconnecting", "live-reconnecting-offline")).toBe(
    "No network. Reconnecting; your call is kept.",
  );
});

it("reads a notice once", () => {
  expect(between("live-speaking", "live-notice")).toContain("was unplugged");
  expect(between("live-notice", "live-notice")).toBeNull();
});

it("keeps quiet about what the agent does", () => {
  expect(between("live", "live-speaking")).toBeNull();
  expect(between("dialling-authorising", "dialling-opening")).toBeNull();
});
