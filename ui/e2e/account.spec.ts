/** Places to call and who the user is there, as people meet them; most of it by keyboard alone. */
import { expect, test, type Page } from "@playwright/test";

import { expectAccessible, open, watchForErrors } from "./window";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

function clipboard(page: Page): Promise<string> {
  return page.evaluate(() => navigator.clipboard.readText());
}

/** Presses the tab key until something with this test id has the focus. */
async function tabTo(page: Page, id: string, most = 15): Promise<void> {
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
    if (at === id) return;
  }
  throw new Error(`the tab key did not reach ${id}`);
}

test("another place is chosen by keyboard, and the focus comes back", async ({ page }) => {
  await open(page, "ready");
  await tabTo(page, "switcher");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Where to call" });
  await expect(dialog.getByRole("heading")).toBeFocused();
  await expectAccessible(page, "the list of places");
  await tabTo(page, "place");
  await expect(page.locator(":focus")).toHaveAttribute("aria-current", "true");
  await tabTo(page, "place");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("switcher")).toBeFocused();
  await expect(page.getByTestId("switcher")).toContainText("Acme Voice");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to Acme Voice");
  await expect(page.getByRole("status")).toHaveText("Calls go to Acme Voice.");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("switcher")).toBeFocused();
});

test("signing in with the browser: each step has the focus and is announced", async ({ page }) => {
  const errors = watchForErrors(page);
  await open(page, "ready-signed-out");
  const status = page.getByRole("status");
  const heading = page.getByRole("heading", { level: 1 });
  await tabTo(page, "sign-in");
  await page.keyboard.press("Enter");
  await expect(heading).toHaveText("Continue in your browser");
  await expect(heading).toBeFocused();
  await expect(status).toHaveText("Continue in your browser.");
  await tabTo(page, "copy-url");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("copy-url")).toHaveText("Copied");
  expect(await clipboard(page)).toMatch(/^https:\/\/login\.example\.org\//);
  await expect(heading).toHaveText("Ready to call");
  await expect(heading).toBeFocused();
  await expect(status).toHaveText("Signed in as Ada Lovelace.");
  await expect(page.getByTestId("switcher")).toContainText("Signed in as Ada Lovelace");
  await expect(page.getByRole("button", { name: "Call Front desk" })).toBeVisible();
  expect(errors).toEqual([]);
});

test("signing in on another device: the code is read letter by letter and copied", async ({
  page,
}) => {
  await open(page, "ready-signed-out");
  await tabTo(page, "sign-in-device");
  await page.keyboard.press("Enter");
  const code = page.getByTestId("device-code");
  await expect(code).toBeVisible();
  await expect(code.locator(".visually-hidden")).toHaveText("W D J B, M J H T");
  await expect(page.getByRole("status")).toHaveText(
    "On another device, open login.example.org and type W D J B, M J H T.",
  );
  await expect(page.getByTestId("device-url")).toHaveText("login.example.org/device");
  await expect(page.getByRole("img", { name: "QR code of the sign-in page" })).toBeVisible();
  await expect(page.getByTestId("expires")).toHaveText("The code is good for 09:40.");
  await tabTo(page, "copy-code");
  await page.keyboard.press("Enter");
  await expect(page.locator("[aria-live=polite]", { hasText: "Copied" })).toHaveCount(1);
  expect(await clipboard(page)).toBe("WDJB-MJHT");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ready to call");
  await expect(page.getByRole("status")).toHaveText("Signed in as Ada Lovelace.");
});

test("a sign-in is cancelled, and the focus is not lost", async ({ page }) => {
  await open(page, "ready-sign-in-browser");
  await tabTo(page, "cancel-sign-in");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to Acme Voice");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
});

test("a code that is over says so", async ({ page }) => {
  await open(page, "ready-sign-in-device-plain");
  await expect(page.getByTestId("expires")).toHaveText("The code is no longer good.");
});

test("a key is added by keyboard alone, tested, and kept nowhere in the page", async ({ page }) => {
  await open(page, null);
  await tabTo(page, "switcher");
  await page.keyboard.press("Enter");
  await tabTo(page, "add-place");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Add a place to call" });
  await expect(dialog.getByRole("heading")).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowRight");
  await expect(dialog.getByLabel("API key", { exact: true }).first()).toBeChecked();
  await tabTo(page, "preset");
  await page.keyboard.type("xA");
  await expect(page.getByTestId("url")).toHaveValue("wss://api.x.ai/v1/realtime");
  await expectAccessible(page, "adding a key");

  await tabTo(page, "key");
  await expect(page.getByTestId("key")).toHaveAttribute("type", "password");
  await page.keyboard.type("bad-secret");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("stop")).toBeFocused();
  await expect(dialog).toContainText("Testing the key with api.x.ai…");
  await expect(page.getByTestId("add-problem")).toBeFocused();
  await expect(page.getByTestId("key")).toHaveValue("");

  await page.getByTestId("key").focus();
  await page.keyboard.type("good-secret");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("switcher")).toBeFocused();
  await expect(page.getByTestId("switcher")).toContainText("xAI");
  await expect(page.getByRole("status")).toContainText("xAI was added.");
  const left = await page.evaluate(
    () =>
      JSON.stringify({ ...localStorage, ...sessionStorage }) + document.documentElement.outerHTML,
  );
  expect(left).not.toContain("good-secret");
  expect(left).not.toContain("bad-secret");
});

test("the kind of key follows the service and can be changed", async ({ page }) => {
  await open(page, "ready");
  await page.getByTestId("switcher").click();
  await page.getByTestId("add-place").click();
  await page.getByText("API key", { exact: true }).click();
  await page.getByText("Name and kind of key").click();
  await page.getByTestId("preset").selectOption("Azure OpenAI");
  await expect(page.getByTestId("header")).toHaveValue("api_key");
  await expect(page.getByLabel("Deployment")).toHaveValue("");
  await expect(page.getByTestId("name")).toHaveValue("Azure OpenAI");
  await page.getByTestId("header").selectOption("Authorization: Bearer");
  await expect(page.getByTestId("header")).toHaveValue("authorization");
  await page.getByTestId("preset").selectOption("A server of your own");
  await expect(page.getByTestId("url")).toHaveValue("http://localhost:8080/v1/realtime");
});

test("an organisation is added; checking can be stopped", async ({ page }) => {
  await open(page, "ready");
  await page.getByTestId("switcher").click();
  await page.getByTestId("add-place").click();
  await page.getByTestId("url").fill("bridge.example.com");
  await page.keyboard.press("Enter");
  await page.getByTestId("stop").click();
  await expect(page.getByTestId("submit")).toBeVisible();
  await expect(page.getByTestId("url")).toHaveValue("bridge.example.com");
  await page.getByTestId("submit").click();
  await expect(page.getByTestId("add-dialog")).toBeHidden();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to bridge.example.com");
});

test("a key is changed, and a place is removed only after a question", async ({ page }) => {
  await open(page, "ready-key");
  await page.getByTestId("switcher").click();
  await page.getByRole("button", { name: "Options for OpenAI" }).click();
  await page.getByTestId("change-key").click();
  const dialog = page.getByRole("dialog", { name: "API key of OpenAI" });
  await dialog.getByTestId("key").fill("another");
  await dialog.getByTestId("submit").click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("status")).toHaveText("The key of OpenAI was changed.");

  await page.getByTestId("switcher").click();
  await page.getByRole("button", { name: "Options for OpenAI" }).click();
  await page.getByTestId("remove").press("Enter");
  await expect(page.getByText("Remove OpenAI?")).toBeFocused();
  await page.getByTestId("remove-really").press("Enter");
  await expect(page.getByTestId("place").filter({ hasText: "OpenAI" })).toHaveCount(0);
  await expect(page.getByRole("heading", { name: "Where to call" })).toBeFocused();
});

test("signing out from the list of places", async ({ page }) => {
  await open(page, "ready-signed-in");
  await page.getByTestId("switcher").click();
  await page.getByRole("button", { name: "Options for Acme Voice" }).click();
  await expectAccessible(page, "a place's options");
  await page.getByTestId("sign-out").click();
  await expect(page.getByRole("status")).toHaveText("Signed out.");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to Acme Voice");
});

test("a favourite goes to the top; the star is not part of the card's target", async ({ page }) => {
  await open(page, "ready-signed-in");
  const names = page.getByRole("list", { name: "Agents" }).getByRole("heading");
  await page.getByRole("button", { name: "Favourite: Front desk" }).click();
  await page.getByRole("button", { name: "Favourite: IT help" }).click();
  await expect(names.first()).toHaveText("IT help");
  await expect(page.getByTestId("favourite").first()).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "ready");
});

test("a recent call is made again where it was made", async ({ page }) => {
  await open(page, "ready-signed-in");
  await expect(page.getByTestId("recent")).toHaveCount(5);
  await page.getByTestId("recent").filter({ hasText: "Echo" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Echo" })).toBeVisible();
  await page.getByTestId("end").click();
  await page.getByTestId("done").click();
  await expect(page.getByTestId("switcher")).toContainText("On this computer");
});

test("nobody is called with a sign-in that has ended", async ({ page }) => {
  await open(page, "ready-sign-in-ended");
  const call = page.getByRole("button", { name: "Call Front desk" });
  await expect(call).toHaveAttribute("aria-disabled", "true");
  await call.press("Enter");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "ready");
});

test("a call goes on while its user signs in again", async ({ page }) => {
  await open(page, "live-sign-in-ended");
  await expect(page.getByTestId("notice")).toHaveCount(0);
  await page.getByTestId("sign-in").press("Enter");
  const dialog = page.getByRole("dialog", { name: "Continue in your browser" });
  await expect(dialog).toBeVisible();
  await expectAccessible(page, "signing in beside a call");
  await page.keyboard.press("m");
  await expect(page.getByTestId("mute")).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("sign-in")).toBeFocused();
  await expect(page.getByTestId("sign-in")).toHaveText("Show");
  await expect(page.getByTestId("call-sign-in")).toHaveCount(0);
  await expect(page.getByRole("status")).toHaveText("Signed in as Ada Lovelace.");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
});

test("without a keyring: a file with a passphrase, or nothing remembered", async ({ page }) => {
  await open(page, "ready-secrets-locked");
  await page.getByTestId("keep-file").press("Enter");
  await expect(page.getByTestId("passphrase")).toBeFocused();
  await page.getByTestId("passphrase").fill("wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Waiting for the keyring…")).toBeVisible();
  await expect(page.getByTestId("secrets-problem")).toContainText("does not open the file");
  await expect(page.getByTestId("passphrase")).toHaveValue("");
  await page.getByTestId("passphrase").fill("correct horse");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("secrets")).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to Acme Voice");

  await open(page, "ready-secrets-none");
  await expect(page.getByTestId("keep-memory")).toHaveAccessibleDescription(
    "Without remembering, you have to sign in again each time Offhook starts.",
  );
  await page.getByTestId("keep-memory").click();
  await expect(page.getByTestId("secrets")).toHaveCount(0);
  await page.getByTestId("switcher").click();
  await expect(page.getByTestId("kept-where")).toContainText("Nothing is remembered");
});

test("a keyring that answers at once is not worth a word", async ({ page }) => {
  await open(page, "ready-secrets-opening");
  expect(await page.getByText("Waiting for the keyring…").count()).toBe(0);
  await expect(page.getByText("Waiting for the keyring…")).toBeVisible();
});
