/** What the tests share: opening a state and what must hold in every one. */
import { expect, type Page } from "@playwright/test";
import axe, { type AxeResults, type RunOptions } from "axe-core";

/** How a state is looked at. */
export interface Look {
  lang?: "en" | "de";
  dir?: "rtl";
}

/** Opens the window in one of the scripted states, or with a phone that can be used. */
export async function open(page: Page, state: string | null, look: Look = {}): Promise<void> {
  await page.goto(`/?${asking(state, look)}`);
  await expect(page.getByTestId("state")).toBeVisible();
}

/** Shows a scripted state in the page that is open, which is quicker than to load it anew. */
export async function show(page: Page, state: string, look: Look = {}): Promise<void> {
  if (page.url() === "about:blank") {
    await open(page, state, look);
    return;
  }
  await page.evaluate(
    async (asked) => {
      const changed = new Promise((resolve) => {
        addEventListener("hashchange", resolve, { once: true });
      });
      location.hash = asked;
      await changed;
    },
    asking(state, look),
  );
  await expect(page.getByTestId("state")).toBeVisible();
}

function asking(state: string | null, look: Look): string {
  const asked = new URLSearchParams({ lang: look.lang ?? "en" });
  if (state !== null) asked.set("state", state);
  if (look.dir) asked.set("dir", look.dir);
  return asked.toString();
}

/** Fails the test on whatever the page reports: errors, and breaches of the security policy. */
export function watchForErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  return errors;
}

/** No rule of WCAG 2.2 A and AA that a program can check is broken. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  await bringAxe(page);
  const options: RunOptions = {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  };
  const { violations, passes } = await page.evaluate<AxeResults, RunOptions>(
    (given) => (window as unknown as { axe: typeof axe }).axe.run(given),
    options,
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`);
  expect.soft(found, name).toEqual([]);
  expect.soft(passes.length, `${name}: rules that were looked at`).toBeGreaterThan(15);
}

/**
 * Has axe in the page, and in all that it loads from here on. Sending its half megabyte anew for
 * every check takes longer than the checks: the browser keeps a script of this kind.
 */
async function bringAxe(page: Page): Promise<void> {
  if (await page.evaluate(() => "axe" in window)) return;
  await page.addInitScript({ content: axe.source });
  await page.evaluate(axe.source);
}

/** Nothing is cut off at the side, and the page does not scroll sideways. */
export async function expectNoSidewaysOverflow(page: Page, name: string): Promise<void> {
  const outside = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    const sticksOut = (element: Element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 1 && (left < -1 || right > room + 1);
    };
    // What is drawn beyond its own box on purpose: the ring and the meters' bars.
    const drawn = ".ring, .bar";
    return [...document.querySelectorAll("main *")]
      .filter((element) => !element.matches(drawn) && sticksOut(element))
      .map((element) => element.outerHTML.slice(0, 120));
  });
  expect.soft(outside, name).toEqual([]);
  const scroll = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect.soft(scroll, name).toBeLessThanOrEqual(0);
}

/** Where the pictures go, for people to look at. */
export function picture(name: string): string {
  return new URL(`../../target/screenshots/${name}.png`, import.meta.url).pathname;
}
