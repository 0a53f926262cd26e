/** A whole call over the scripted phone, as its user sees it. */
import { expect, test } from "@playwright/test";

import { open, watchForErrors } from "./window";

test.beforeEach(async ({ page }) => {
  // As the desktop program does.
  await page.addInitScript(() => Object.freeze(Object.prototype));
});

test("when calling, the user sees the call come up, grow a transcript and end", async ({
  page,
}) => {
  const errors = watchForErrors(page);
  await open(page, null);
  const state = page.getByTestId("state");
  const entries = page.getByTestId("entry");

  await expect(state).toHaveAttribute("data-state", "ready");
  await page.getByRole("button", { name: "Call Echo" }).click();
  await expect(state).toHaveAttribute("data-state", "dialling");
  await expect(page.getByText("Go ahead and speak.")).toBeVisible();

  await expect(state).toHaveAttribute("data-state", "live");
  await expect(page.getByTestId("line")).toContainText("Connected");
  await expect(page.getByTestId("headline")).toHaveText("Speaking");
  await expect(entries.first()).toHaveAttribute("data-speaker", "agent");
  await expect(entries.first()).toContainText("Hello, this is the Offhook test agent.");
  await expect(page.getByTestId("timer")).not.toHaveText("00:00");
  const level = page.getByRole("meter", { name: "Agent's voice level" });
  await expect(level).not.toHaveAttribute("aria-valuenow", "-60");

  // Interrupted: what was not heard is set apart, and said to be so.
  await page.getByTestId("interrupt").click();
  await expect(page.getByTestId("headline")).toHaveText("Listening");
  await expect(entries.first()).toContainText("You interrupted");
  await expect(entries.first().locator(".unheard")).toContainText("Not heard:");

  await expect(page.getByTestId("headline")).toHaveText("Hears you");
  await expect(page.getByText("You spoke for 2.3 s")).toBeVisible();

  await page.getByTestId("message").fill("Does typing work?");
  await page.getByTestId("message").press("Enter");
  await expect(page.getByTestId("message")).toHaveValue("");
  await expect(entries.filter({ hasText: "Does typing work?" })).toHaveAttribute(
    "data-speaker",
    "caller",
  );

  await page.getByTestId("end").click();
  await expect(state).toHaveAttribute("data-state", "ended");
  await expect(page.getByTestId("headline")).toHaveText("You hung up");
  await expect(entries.filter({ hasText: "Does typing work?" })).toBeVisible();
  await page.getByTestId("done").click();
  await expect(state).toHaveAttribute("data-state", "ready");
  expect(errors).toEqual([]);
});

test("a reloaded window shows the call that is still up, once", async ({ page }) => {
  await open(page, null);
  await page.getByTestId("call").first().click();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
  await page.getByTestId("message").fill("Still here?");
  await page.getByTestId("message").press("Enter");
  await expect(page.getByTestId("entry").filter({ hasText: "Still here?" })).toHaveCount(1);

  await page.reload();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
  await expect(page.getByTestId("entry").filter({ hasText: "Still here?" })).toHaveCount(1);
  await expect(page.getByTestId("headline")).toHaveText("Hears you");
});

test("a cancelled call says so", async ({ page }) => {
  await open(page, null);
  await page.getByTestId("call").first().click();
  await page.getByTestId("end").click();
  await expect(page.getByTestId("headline")).toHaveText("You cancelled the call");
  await expect(page.getByTestId("transcript")).toHaveCount(0);
  await page.getByRole("button", { name: "Call again" }).click();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "dialling");
});

test("devices are changed in the middle of a call", async ({ page }) => {
  await open(page, "live");
  await page.getByTestId("sound").click();
  const dialog = page.getByRole("dialog", { name: "Sound" });
  await dialog.getByLabel("Microphone").selectOption("Jabra Evolve2 65 Stereo");
  await expect(dialog.getByText("In use: Jabra Evolve2 65 Stereo")).toBeVisible();
  await dialog.getByLabel("Speaker").selectOption("HDMI / DisplayPort 3");
  await expect(dialog.getByText("In use: HDMI / DisplayPort 3")).toBeVisible();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
});

test("a device that is unplugged stays chosen and is named as such", async ({ page }) => {
  await open(page, "ready-unplugged");
  await expect(page.getByTestId("microphone").locator("option:checked")).toHaveText(
    "Chosen device (unplugged)",
  );
  await expect(page.getByTestId("speaker").locator("option:checked")).toHaveText("No device found");
});

test("a notice is dismissed", async ({ page }) => {
  await open(page, "live-notice");
  await expect(page.getByTestId("notice")).toContainText("Jabra Evolve2 65 Stereo");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByTestId("notice")).toHaveCount(0);
});

test("a long transcript follows its end until the user scrolls back", async ({ page }) => {
  await open(page, "live-long");
  const last = page.getByTestId("entry").last();
  await expect(last).toBeInViewport();
  await page.getByTestId("entry").first().scrollIntoViewIfNeeded();
  await page.getByRole("button", { name: "Jump to the latest" }).click();
  await expect(last).toBeInViewport();
});
