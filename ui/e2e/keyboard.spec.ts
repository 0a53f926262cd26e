/** Everything by keyboard and by ear alone. */
import { expect, test, type Page } from "@playwright/test";

import { open } from "./window";

/** The test id or accessible name of what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    return (
      element?.getAttribute("data-testid") ??
      element?.getAttribute("aria-label") ??
      element?.getAttribute("role") ??
      element?.tagName.toLowerCase() ??
      ""
    );
  });
}

async function tabOrder(page: Page, stops: number): Promise<string[]> {
  const order: string[] = [];
  for (let n = 0; n < stops; n += 1) {
    await page.keyboard.press("Tab");
    order.push(await focused(page));
    const outline = await page.evaluate(() => {
      const element = document.activeElement;
      return element ? parseFloat(getComputedStyle(element).outlineWidth) : 0;
    });
    expect.soft(outline, `focus is visible on ${order.at(-1)}`).toBeGreaterThanOrEqual(2);
  }
  return order;
}

test("the tab key goes through each screen in reading order, visibly", async ({ page }) => {
  await open(page, "ready");
  const sound = ["microphone", "mute", "speaker"];
  expect(await tabOrder(page, 5)).toEqual(["switcher", "call", ...sound]);
  await open(page, "ready-list-failed");
  const agents = Array<string[]>(3).fill(["favourite", "call"]).flat();
  expect(await tabOrder(page, 10)).toEqual([
    "switcher",
    "try-again",
    ...agents,
    "recent",
    "recent",
  ]);
  await open(page, "live-notice");
  expect(await tabOrder(page, 8)).toEqual([
    "Dismiss",
    "group",
    "message",
    "send",
    "mute",
    "interrupt",
    "sound",
    "end",
  ]);
  await open(page, "live-reconnecting-offline");
  expect((await tabOrder(page, 2))[0]).toBe("retry");
  await open(page, "ended");
  expect(await tabOrder(page, 3)).toEqual(["group", "done", "call"]);
});

test("a call from start to end without a mouse", async ({ page }) => {
  await open(page, null);
  const state = page.getByTestId("state");
  const mute = page.getByTestId("mute");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(state).toHaveAttribute("data-state", "dialling");
  // The button that had the focus is gone: the new screen's heading takes it over.
  await expect(page.getByRole("heading", { level: 1, name: "Echo" })).toBeFocused();

  await page.keyboard.press("m");
  await expect(mute).toHaveAttribute("aria-pressed", "true");
  await expect(state).toHaveAttribute("data-state", "live");
  await page.keyboard.press("Shift+M");
  await expect(mute).toHaveAttribute("aria-pressed", "false");

  await page.keyboard.press("Escape");
  await expect(state).toHaveAttribute("data-state", "live");

  await page.getByTestId("message").focus();
  await page.keyboard.type("mmm");
  await expect(page.getByTestId("message")).toHaveValue("mmm");
  await expect(mute).toHaveAttribute("aria-pressed", "false");
  await page.keyboard.press("Escape");
  await expect(state).toHaveAttribute("data-state", "live");

  await page.getByTestId("end").focus();
  await page.keyboard.press("Enter");
  await expect(state).toHaveAttribute("data-state", "ended");
});

test("the focus on mute survives the call coming up", async ({ page }) => {
  await open(page, null);
  await page.getByTestId("call").first().click();
  await page.getByTestId("mute").focus();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
  await expect(page.getByTestId("mute")).toBeFocused();
});

test("Escape closes the dialog on top and never ends the call", async ({ page }) => {
  await open(page, "live");
  await page.getByTestId("sound").focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByTestId("sound-dialog");
  await expect(dialog).toBeVisible();
  await page.keyboard.press("m");
  await expect(page.getByTestId("mute")).toHaveAttribute("aria-pressed", "false");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("sound")).toBeFocused();
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
});

test("the mute key can be switched off and stays off", async ({ page }) => {
  await open(page, "live");
  await page.getByTestId("sound").click();
  await page.getByLabel("The M key mutes and unmutes").uncheck();
  await page.keyboard.press("Escape");
  await page.reload();
  await page.keyboard.press("m");
  await expect(page.getByTestId("mute")).toHaveAttribute("aria-pressed", "false");
  await expect(page.getByTestId("mute")).not.toHaveAttribute("aria-keyshortcuts");
});

test("states are announced politely, the transcript is not", async ({ page }) => {
  await open(page, null);
  const status = page.getByRole("status");
  await expect(status).toHaveText("");
  await page.getByTestId("call").first().click();
  await expect(status).toHaveText("Calling Echo. Go ahead, we are recording what you say.");
  await expect(status).toHaveText("Connected to Echo.");
  await page.getByTestId("mute").click();
  await expect(status).toHaveText("Microphone muted.");
  const live = await page
    .getByTestId("transcript")
    .evaluate((list) =>
      Boolean(list.closest("[aria-live], [role=log], [role=status], [role=alert]")),
    );
  expect(live).toBe(false);
});

test("a dialog that is open when the call ends goes with it", async ({ page }) => {
  await open(page, null);
  await page.getByTestId("call").first().click();
  await page.getByTestId("sound").click();
  await expect(page.getByTestId("sound-dialog")).toBeVisible();
  // The far end hangs up: here, the button under the dialog is pressed by the script.
  await page.getByTestId("end").dispatchEvent("click");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "ended");
  await expect(page.getByTestId("sound-dialog")).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await page.getByRole("button", { name: "Call again" }).click();
  await expect(page.getByTestId("sound-dialog")).toBeHidden();
});
