/** With text twice the usual size nothing is lost and nothing has to be scrolled sideways. */
import { expect, test } from "@playwright/test";

import { scenes } from "../src/backend/scenes";
import { expectNoSidewaysOverflow, open, picture } from "./window";

test("every state with text of 200 %", async ({ page }) => {
  for (const name of Object.keys(scenes)) {
    await open(page, name, { lang: "de" });
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
