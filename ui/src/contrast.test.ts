/** What is written on a colour can be read, whatever the colour. */
import { expect, it } from "vitest";

import { contrast, inkOn, luminance } from "./contrast";

it("computes contrast as the standard does", () => {
  const ratio = (one: string, other: string) =>
    contrast(luminance(one) ?? NaN, luminance(other) ?? NaN);
  expect(ratio("#000000", "#ffffff")).toBeCloseTo(21);
  expect(ratio("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
});

it("chooses the ink that can be read", () => {
  expect([inkOn("#0b6b58"), inkOn("#FFD54F"), inkOn("#000000"), inkOn("#ffffff")]).toEqual([
    "light",
    "dark",
    "light",
    "dark",
  ]);
});

it("is readable on every grey", () => {
  for (let part = 0; part < 256; part += 1) {
    const grey = `#${part.toString(16).padStart(2, "0").repeat(3)}`;
    const ink = inkOn(grey) === "dark" ? 0 : 1;
    expect(contrast(luminance(grey) ?? NaN, ink), grey).toBeGreaterThanOrEqual(4.5);
  }
});

it("takes nothing that is not a colour", () => {
  expect(["", "red", "#fff", "#12345g", "url(x)", null].map(inkOn)).toEqual(Array(6).fill(null));
});
