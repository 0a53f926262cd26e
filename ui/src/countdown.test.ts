/** A countdown shows each second once, and is not disturbed by hearing the same again. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Countdown } from "./countdown.svelte";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** What is shown at the end of each of the next steps. */
function shown(countdown: Countdown, stepMs: number, steps: number): (number | null)[] {
  return Array.from({ length: steps }, () => {
    vi.advanceTimersByTime(stepMs);
    return countdown.seconds;
  });
}

it("counts down to nothing and stays there", () => {
  const countdown = new Countdown();
  expect(countdown.seconds).toBeNull();
  countdown.set(3_200);
  expect(countdown.seconds).toBe(4);
  expect(shown(countdown, 250, 16)).toEqual([3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

it("wakes once a second, not more", () => {
  const countdown = new Countdown();
  countdown.set(4_000);
  let wakes = 0;
  while (vi.getTimerCount() > 0) {
    vi.advanceTimersToNextTimer();
    wakes += 1;
  }
  expect(countdown.seconds).toBe(0);
  expect(wakes).toBeLessThanOrEqual(5);
});

it("does not jump when it is told again what it knows", () => {
  const countdown = new Countdown();
  countdown.set(4_000);
  vi.advanceTimersByTime(1_010);
  expect(countdown.seconds).toBe(3);
  // The snapshot was made a little before it arrived.
  countdown.set(3_120);
  expect(countdown.seconds).toBe(3);
  vi.advanceTimersByTime(1_000);
  expect(countdown.seconds).toBe(2);
});

it("follows another time, and stops", () => {
  const countdown = new Countdown();
  countdown.set(1_000);
  countdown.set(30_000);
  expect(countdown.seconds).toBe(30);
  countdown.set(null);
  expect(countdown.seconds).toBeNull();
  expect(vi.getTimerCount()).toBe(0);
});
