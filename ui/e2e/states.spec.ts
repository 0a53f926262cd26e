/** Every state, in both themes and both languages: complete, accessible and inside the window. */
import { expect, test } from "@playwright/test";

import { scenes } from "../src/backend/scenes";
import {
  expectAccessible,
  expectNoSidewaysOverflow,
  open,
  picture,
  show,
  watchForErrors,
} from "./window";

const names = Object.keys(scenes);
/** So many states a test, which has a limit in time. */
const SHARE = 12;
const shares = Array.from({ length: Math.ceil(names.length / SHARE) }, (_, n) =>
  names.slice(n * SHARE, (n + 1) * SHARE),
);

for (const colorScheme of ["light", "dark"] as const) {
  for (const lang of ["en", "de"] as const) {
    for (const [n, share] of shares.entries()) {
      test(`states in ${lang}, ${colorScheme}, part ${n + 1}`, async ({ page }) => {
        const errors = watchForErrors(page);
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        for (const name of share) {
          await show(page, name, { lang });
          const state = name.split("-")[0] ?? "";
          await expect.soft(page.getByTestId("state")).toHaveAttribute("data-state", state);
          await expect.soft(page.locator("html")).toHaveAttribute("lang", lang);
          await page.screenshot({ path: picture(`${name}-${lang}-${colorScheme}`) });
          await expectNoSidewaysOverflow(page, name);
          await expectAccessible(page, name);
        }
        expect(errors).toEqual([]);
      });
    }
  }
}

test("two panes in a wide window", async ({ page }) => {
  await page.setViewportSize({ width: 900, height: 640 });
  for (const name of [
    "ready",
    "ready-signed-in",
    "ready-sign-in-device",
    "dialling",
    "live-notice",
    "live-sign-in-ended",
    "live-muted",
    "live-reconnecting-long",
    "live-catching-up",
    "ended",
    "ended-reconnected",
  ]) {
    await show(page, name, { lang: "de" });
    await page.screenshot({ path: picture(`wide-${name}`) });
    await expectNoSidewaysOverflow(page, name);
    const tall = await page.evaluate(() => document.documentElement.scrollHeight);
    expect.soft(tall, name).toBeLessThanOrEqual(640);
  }
  await open(page, "live");
  const call = await page.getByTestId("end").boundingBox();
  const transcript = await page.getByTestId("transcript").boundingBox();
  expect(call && transcript && call.x + call.width < transcript.x).toBe(true);
});

test("the compact window fits without scrolling", async ({ page }) => {
  for (const lang of ["en", "de"] as const) {
    for (const name of [
      "ready-muted",
      "ready-signed-out",
      "dialling",
      "live-notice",
      "live-sign-in-ended",
      "live-long",
      "live-reconnecting-long",
      "live-catching-up",
      "live-resumed-both",
      "ended-far-end",
    ]) {
      await show(page, name, { lang });
      const tall = await page.evaluate(() => document.documentElement.scrollHeight);
      expect.soft(tall, `${name} in ${lang}`).toBeLessThanOrEqual(640);
    }
  }
});

test("nothing sticks out of the smallest window", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 480 });
  for (const name of names) {
    await show(page, name, { lang: "de" });
    await expectNoSidewaysOverflow(page, name);
  }
  await open(page, "live-speaking", { lang: "de" });
  await page.screenshot({ path: picture("smallest-live-speaking") });
  await expect(page.getByTestId("end")).toBeInViewport({ ratio: 1 });
});

test("right to left, everything is mirrored and nothing sticks out", async ({ page }) => {
  for (const name of [
    "ready",
    "ready-signed-in",
    "ready-sign-in-device",
    "ready-no-key-refused",
    "dialling",
    "live-interrupted",
    "live-reconnecting",
    "live-sign-in-ended",
    "ended",
  ]) {
    await show(page, name, { dir: "rtl" });
    await page.screenshot({ path: picture(`rtl-${name}`) });
    await expectNoSidewaysOverflow(page, name);
  }
  await open(page, "live-hearing", { dir: "rtl" });
  const meter = await page.getByRole("meter", { name: "Microphone level" }).boundingBox();
  const bar = await page.locator(".bar").first().boundingBox();
  expect(meter && bar && bar.x > meter.x).toBe(true);
});

test("forced colours keep every state visible", async ({ page }) => {
  await page.emulateMedia({ forcedColors: "active" });
  for (const name of [
    "ready-signed-in",
    "ready-sign-in-device",
    "ready-secrets-locked",
    "live-muted",
    "live-unstable",
    "live-reconnecting",
    "live-catching-up",
    "ended-failed",
  ]) {
    await show(page, name);
    await page.screenshot({ path: picture(`forced-${name}`) });
    await expectAccessible(page, name);
  }
});
