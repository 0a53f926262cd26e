/** The scripted phone can show every state that the real one can be in. */
import { readFileSync } from "node:fs";

import { expect, it } from "vitest";

import { scenes } from "./scenes";

const shown = JSON.stringify(scenes);
const bindings = readFileSync("src/bindings.ts", "utf8");

function values(type: string): string[] {
  const declared = new RegExp(`export type ${type} =([^;]*);`).exec(bindings)?.[1] ?? "";
  const tagged = [...declared.matchAll(/\{ ("\w+": "\w+")/g)].map(([, pair]) => pair ?? "");
  const plain = [...declared.matchAll(/(?:^|\|) ("\w+")/g)].map(([, value]) => value ?? "");
  return tagged.length > 0 ? tagged.map((pair) => pair.replace(" ", "")) : plain;
}

it.each([
  "Call",
  "DialStep",
  "Line",
  "Activity",
  "EndReason",
  "DeviceChoice",
  "EntryStatus",
  "Party",
])("shows every %s", (type) => {
  const all = values(type);
  expect(all.length).toBeGreaterThan(1);
  for (const value of all) expect(shown).toContain(value);
});

it("sends snapshots that fit the window's fast path", () => {
  for (const { snapshot } of Object.values(scenes)) {
    expect(new TextEncoder().encode(JSON.stringify(snapshot)).length).toBeLessThan(8192);
  }
});
