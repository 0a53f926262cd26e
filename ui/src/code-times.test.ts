/** A code's time runs on, whatever else is said meanwhile. */
import { expect, it } from "vitest";

import { accountScenes } from "./backend/account-scenes";
import { CodeTimes } from "./code-times";

const waiting = accountScenes["ready-sign-in-device"];
const elsewhere = { ...waiting, chosen: "built-in" };

it("counts from when a code was first heard of", () => {
  const times = new CodeTimes();
  expect(times.left(waiting, 1_000)).toBe(581_000);
  expect(times.left({ ...waiting }, 31_000)).toBe(551_000);
  expect(times.left(elsewhere, 61_000)).toBeNull();
  expect(times.left(waiting, 91_000)).toBe(491_000);
  expect(times.left(waiting, 900_000)).toBe(0);
});

it("begins again with the next code", () => {
  const times = new CodeTimes();
  times.left(waiting, 0);
  times.left(accountScenes["ready-signed-out"], 100);
  expect(times.left(waiting, 200)).toBe(581_000);
});
