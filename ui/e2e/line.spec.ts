/** The connection line, as its user meets it: gone, coming back, back, and what it cost. */
import { expect, test } from "@playwright/test";

import { expectAccessible, open, watchForErrors } from "./window";

const gone = [
  "live-reconnecting",
  "live-reconnecting-now",
  "live-reconnecting-muted",
  "live-reconnecting-offline",
  "live-reconnecting-pausing",
  "live-reconnecting-long",
];

test("a lost connection says why, counts down and keeps what is said", async ({ page }) => {
  await open(page, "live-reconnecting");
  const line = page.getByTestId("line");
  await expect(line).toContainText("The server is restarting · attempt 1");
  await expect(line).toContainText("Holding 4.2 s of your speech");
  await expect(line).toContainText("Reconnecting in 3 s");
  await expect(line).toContainText("Reconnecting in 1 s");
  await expect(line).toContainText("Reconnecting…");
  await expect(page.getByTestId("headline")).toHaveText("No connection");
});

test("Retry now brings it back by keyboard alone, and each step is announced", async ({ page }) => {
  const errors = watchForErrors(page);
  await open(page, "live-reconnecting-offline");
  const line = page.getByTestId("line");
  const status = page.getByRole("status");
  await page.keyboard.press("Tab");
  await expect(page.getByTestId("retry")).toBeFocused();
  await page.keyboard.press("Enter");

  // Whoever is on the button stays on it while the attempt runs, though it does nothing then.
  await expect(line).toContainText("Reconnecting…");
  await expect(page.getByTestId("retry")).toBeFocused();
  await expect(page.getByTestId("retry")).toHaveAttribute("aria-disabled", "true");
  await page.keyboard.press("Enter");

  await expect(line).toContainText("Back. Sending what you said (4.2 s)…");
  await expect(status).toHaveText("Back. Sending what you said.");
  const progress = page.getByRole("progressbar", { name: "Your speech sent" });
  await expect(progress).toHaveJSProperty("value", 2_800);
  // The button went with the state: the focus is not lost.
  await expect(page.getByRole("heading", { level: 1, name: "Echo" })).toBeFocused();

  await expect(line).toContainText("Back, nothing lost");
  await expect(status).toHaveText("Back, nothing lost.");
  await expect(line).toContainText("Connected");
  await expect(status).toHaveText("Back, nothing lost.");
  expect(errors).toEqual([]);
});

test("Retry now is out of the way of nobody: large enough, and pressed by mouse", async ({
  page,
}) => {
  await open(page, "live-reconnecting-pausing");
  const box = await page.getByTestId("retry").boundingBox();
  expect(box && box.height >= 24 && box.width >= 24).toBe(true);
  await page.getByTestId("retry").click();
  await expect(page.getByTestId("line")).toContainText("Back, nothing lost");
});

test("what was lost is said", async ({ page }) => {
  await open(page, "live-resumed-both");
  await expect(page.getByTestId("line")).toContainText(
    "Back: 41.0 s of you and 340 ms of the agent were lost",
  );
  await open(page, "live-resumed-answer");
  const answer = page.getByTestId("entry").last();
  await expect(answer).toContainText("Connection lost");
  await open(page, "live-reconnected");
  await expect(page.getByTestId("line")).toContainText("Connection lost twice.");
});

for (const name of gone) {
  test(`mute and end always work: ${name}`, async ({ page }) => {
    await open(page, name);
    const mute = page.getByTestId("mute");
    const before = await mute.getAttribute("aria-pressed");
    await mute.click();
    await expect(mute).toHaveAttribute("aria-pressed", before === "true" ? "false" : "true");
    await expectAccessible(page, name);
    await page.getByTestId("end").click();
    await expect(page.getByTestId("state")).toHaveAttribute("data-state", "ended");
    await expect(page.getByTestId("kept")).toContainText("Connection lost once.");
  });
}

test("nothing moves while the connection goes and comes back", async ({ page }) => {
  const top = async (name: string) => {
    await open(page, name);
    return (await page.getByTestId("headline").boundingBox())?.y;
  };
  const usual = await top("live");
  for (const name of ["live-unstable", ...gone.slice(0, 5), "live-catching-up", "live-resumed"]) {
    expect.soft(await top(name), name).toBe(usual);
  }
});

test("a call that was given up keeps its transcript and says what to do", async ({ page }) => {
  await open(page, "ended-gave-up");
  await expect(page.getByTestId("problem")).toContainText(
    "No network: the connection did not come back within 120 seconds",
  );
  await expect(page.getByTestId("entry").last()).toContainText("Connection lost");
});

test("a call that was interrupted and kept says so in its summary", async ({ page }) => {
  await open(page, "ended-reconnected");
  await expect(page.getByTestId("kept")).toHaveText(
    "Connection lost 5 times. 400 ms of your speech and 1.3 s of the agent's were lost. " +
      "An answer of the agent's broke off.",
  );
  await open(page, "ended-taken-over");
  await expect(page.getByTestId("headline")).toHaveText("The call goes on elsewhere");
  await expect(page.getByTestId("problem")).toHaveCount(0);
});
