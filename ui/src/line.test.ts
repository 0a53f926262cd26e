/** The connection line says what happened, what is done about it and what it means, in words. */
import { afterEach, describe, expect, it } from "vitest";

import { scenes, type SceneName } from "./backend/scenes";
import { lineWords, type Circumstances, type LineWords } from "./line";
import { chooseLanguage } from "./text";

afterEach(() => {
  chooseLanguage(["en"]);
});

/** What the line of a scene says, with the phone's waits as the scene has them. */
function says(name: SceneName, now: Partial<Circumstances> = {}): LineWords {
  const { call, muted } = scenes[name].snapshot;
  return lineWords(call, { muted, retryIn: null, givesUpIn: null, ...now });
}

describe("a connection that is gone", () => {
  it("names the cause, the attempt, the countdown and what is held", () => {
    expect(says("live-reconnecting", { retryIn: 4, givesUpIn: 114 })).toEqual({
      tone: "weak",
      shape: "waiting",
      word: "Reconnecting in 4 s",
      rows: ["The server is restarting · attempt 1", "Holding 4.2 s of your speech"],
      retry: "possible",
    });
  });

  it("has nothing to hurry while an attempt is under way", () => {
    const { word, shape, retry } = says("live-reconnecting-now");
    expect([word, shape, retry]).toEqual(["Reconnecting…", "connecting", "busy"]);
  });

  it("takes a wait that is over for an attempt, before the phone says so", () => {
    expect(says("live-reconnecting", { retryIn: 0 }).word).toBe("Reconnecting…");
  });

  it("waits for a network, which the user may know better", () => {
    const { word, shape, rows, retry } = says("live-reconnecting-offline");
    expect([word, shape, retry]).toEqual(["Waiting for a network", "offline", "possible"]);
    expect(rows[0]).toBe("No network · attempt 2");
  });

  it("says that it pauses, and for how long", () => {
    const { word, shape } = says("live-reconnecting-pausing", { retryIn: 30 });
    expect([word, shape]).toEqual(["Pausing, back in 30 s", "pausing"]);
  });

  it("does not claim to hold what is muted", () => {
    expect(says("live-reconnecting-muted").rows[1]).toBe("You are muted, nothing is held");
  });

  it("says what is lost already, and when the call ends", () => {
    const { rows } = says("live-reconnecting-long", { retryIn: 5, givesUpIn: 49 });
    expect(rows.slice(1)).toEqual(["Holding your last 30.0 s, 41.0 s is lost", "Ends in 49 s"]);
  });
});

describe("a connection that is back", () => {
  it("shows how much of what was held is sent", () => {
    const { word, rows, progress } = says("live-catching-up");
    expect(word).toBe("Back. Sending what you said (4.2 s)…");
    expect(rows).toEqual(["1.6 s to go"]);
    expect(progress).toEqual({ sent_ms: 2_600, total_ms: 4_200 });
  });

  it("says what was lost, and that nothing was, in different shapes", () => {
    const of = (name: SceneName) => {
      const { word, shape } = says(name);
      return [word, shape];
    };
    expect(of("live-resumed")).toEqual(["Back, nothing lost", "healthy"]);
    expect(of("live-resumed-lost")).toEqual(["Back: 1.3 s of the agent was lost", "warning"]);
    expect(of("live-resumed-both")).toEqual([
      "Back: 41.0 s of you and 340 ms of the agent were lost",
      "warning",
    ]);
    expect(of("live-resumed-answer")).toEqual([
      "Back: 340 ms of you was lost, the agent's answer broke off",
      "warning",
    ]);
  });

  it("remembers for the rest of the call what the losses cost", () => {
    expect(says("live").rows).toEqual(["No speech was lost."]);
    expect(says("live-reconnected").rows).toEqual([
      "Connection lost twice. 340 ms of your speech was lost.",
    ]);
  });
});

it("looks like no other state that a user has to tell apart", () => {
  const names: SceneName[] = [
    "ready",
    "dialling",
    "live",
    "live-unstable",
    "live-reconnecting-now",
    "live-reconnecting-offline",
    "live-catching-up",
    "ended",
    "ended-failed",
  ];
  const looks = [
    ...names.map((name) => says(name).shape),
    says("live-reconnecting", { retryIn: 4 }).shape,
    says("live-reconnecting-pausing", { retryIn: 30 }).shape,
  ];
  expect(new Set(looks).size).toBe(looks.length);
});

it("speaks German", () => {
  chooseLanguage(["de"]);
  expect(says("live-reconnecting", { retryIn: 4 }).word).toBe("Versuch in 4 s");
  expect(says("live-resumed-lost").word).toBe("Wieder da: 1,3 s vom Agenten verloren");
});
