/** The scripted phone can show every state that the real one can be in. */
import { expect, it } from "vitest";

import { names, variants } from "../declared";
import { scenes } from "./scenes";

const shown = JSON.stringify(scenes);

it.each([
  ["Call", "state"],
  ["Line", "health"],
  ["ReconnectStep", "doing"],
  ["EndReason", "why"],
  ["DeviceChoice", "kind"],
  ["ProfileKind", "kind"],
  ["Account", "state"],
  ["Listing", "state"],
  ["Secrets", "state"],
  ["Adding", "state"],
])("shows every %s", (type, tag) => {
  const all = [...variants(type, tag).keys()];
  expect(all.length).toBeGreaterThan(1);
  for (const name of all) expect(shown).toContain(`"${tag}":"${name}"`);
});

it.each(["DialStep", "Activity", "EntryStatus", "Party", "KeyHeader", "SecretPlace"])(
  "shows every %s",
  (type) => {
    const all = names(type);
    expect(all.length).toBeGreaterThan(1);
    for (const name of all) expect(shown).toContain(`"${name}"`);
  },
);

it("sends snapshots that fit the window's fast path", () => {
  for (const { snapshot } of Object.values(scenes)) {
    expect(new TextEncoder().encode(JSON.stringify(snapshot)).length).toBeLessThan(8192);
  }
});
