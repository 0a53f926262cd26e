/** Times and languages in words. */
import { afterEach, expect, it } from "vitest";

import { chooseLanguage } from "./text";
import { otherLanguage, when } from "./when";

const noon = new Date(2026, 4, 20, 12).getTime() / 1000;
const HOUR = 3600;

afterEach(() => {
  chooseLanguage(["en"]);
});

it("says when, the less exactly the longer ago", () => {
  const ago = [0, 59, 300, 3 * HOUR, 13 * HOUR, 40 * HOUR, 9 * 24 * HOUR];
  expect(ago.map((seconds) => when(noon - seconds, noon))).toEqual([
    "now",
    "now",
    "5 minutes ago",
    "3 hours ago",
    "yesterday",
    "2 days ago",
    "May 11, 2026",
  ]);
  chooseLanguage(["de"]);
  expect(when(noon - 13 * HOUR, noon)).toBe("gestern");
});

it("takes a clock that was put back for now", () => {
  expect(when(noon + HOUR, noon)).toBe("now");
});

it("names a language only where it is another one", () => {
  expect(otherLanguage("de-AT")).toBe("Austrian German");
  expect(["en", "en-GB", "no tag at all", null].map(otherLanguage)).toEqual(Array(4).fill(null));
  chooseLanguage(["de"]);
  expect(otherLanguage("en")).toBe("Englisch");
});
