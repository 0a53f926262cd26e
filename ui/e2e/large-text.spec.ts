/** With text twice the usual size nothing is lost and nothing has to be scrolled sideways. */
import { expect, test } from "@playwright/test";

import { scenes } from "../src/backend/scenes";
import { expectNoSidewaysOverflow, open, picture, show } from "./window";

test("every state with text of 200 %", async ({ page }) => {
  for (const name of Object.keys(scenes)) {
    await show(page, name, { lang: "de" });
    await expectNoSidewaysOverflow(page, name);
  }
  const size = await page.evaluate(() => getComputedStyle(document.documentElement).fontSize);
  expect(size).toBe("32px");
});

test("the controls of a call can be reached and read", async ({ page }) => {
  await open(page, "live-speaking", { lang: "de" });
  await page.screenshot({ path: picture("large-text-live"), fullPage: true });
  for (const id of ["mute", "interrupt", "sound", "end", "message"]) {
    const control = page.getByTestId(id);
    await control.scrollIntoViewIfNeeded();
    await expect(control).toBeInViewport({ ratio: 1 });
    await control.click({ trial: true });
  }
});

test("the code for another device can be read and copied", async ({ page }) => {
  await open(page, "ready-sign-in-device", { lang: "de" });
  await page.screenshot({ path: picture("large-text-device"), fullPage: true });
  const code = page.getByTestId("device-code");
  const room = await page.evaluate(() => document.documentElement.clientWidth);
  for (const group of await code.locator(".group").all()) {
    const box = await group.boundingBox();
    expect(box && box.x >= 0 && box.x + box.width <= room).toBe(true);
    // In one line: a code that breaks anywhere is typed wrong.
    expect(box?.height).toBeLessThan(2 * 48 * 1.25);
  }
  for (const id of ["copy-code", "qr", "cancel-sign-in"]) {
    await page.getByTestId(id).scrollIntoViewIfNeeded();
    await expect(page.getByTestId(id)).toBeInViewport({ ratio: 1 });
  }
});
