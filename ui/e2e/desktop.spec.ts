/** The page as the desktop program meets it: two commands and one ordered channel. */
import { expect, test, type Page } from "@playwright/test";

import { scenes } from "../src/backend/scenes";
import type { Intent, Message } from "../src/bindings";

/** What the page asked the native side for. */
interface Invocation {
  command: string;
  args: { channel?: string; intent?: Intent };
}

interface Native {
  asked: Invocation[];
  refuse: string | null;
  say: (messages: Message[]) => void;
}

declare global {
  interface Window {
    native: Native;
  }
}

/** Stands in for Tauri's side of the page: records commands and answers on the channel. */
async function openInDesktop(page: Page, refuse: string | null = null): Promise<void> {
  await page.addInitScript((refusal) => {
    let receive: (message: unknown) => void = () => undefined;
    let index = 0;
    const native: Native = {
      asked: [],
      refuse: refusal,
      say: (messages) => {
        for (const message of messages) receive({ index: index++, message });
      },
    };
    const internals = {
      transformCallback: (callback: typeof receive) => {
        receive = callback;
        return 7;
      },
      unregisterCallback: () => undefined,
      invoke: (command: string, args: unknown) => {
        // As it crosses to the native side.
        native.asked.push({ command, args: JSON.parse(JSON.stringify(args)) });
        return native.refuse === null ? Promise.resolve() : Promise.reject(native.refuse);
      },
    };
    Object.assign(window, { native, __TAURI_INTERNALS__: internals });
    Object.freeze(Object.prototype);
  }, refuse);
  await page.goto("/?lang=en");
  // What is said before there is a channel is not heard.
  await page.waitForFunction(() => window.native.asked.length > 0);
}

function say(page: Page, ...messages: Message[]): Promise<void> {
  return page.evaluate((said) => {
    window.native.say(said);
  }, messages);
}

function intents(page: Page): Promise<(Intent | undefined)[]> {
  return page.evaluate(() =>
    window.native.asked.filter((it) => it.command === "dispatch").map((it) => it.args.intent),
  );
}

/** What the phone says of a state, in its order. */
function state(name: keyof typeof scenes): Message[] {
  const { directory, snapshot } = scenes[name];
  return [
    { type: "directory", value: directory },
    { type: "snapshot", value: snapshot },
  ];
}

test("subscribes once, with a channel, and shows what comes", async ({ page }) => {
  await openInDesktop(page);
  await expect(page.getByText("Starting Offhook…")).toBeVisible();
  const asked = await page.evaluate(() => window.native.asked);
  expect(asked).toEqual([{ command: "subscribe", args: { channel: "__CHANNEL__:7" } }]);
  await say(page, ...state("ready"), { type: "transcript_cleared" });
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "ready");
});

test("dispatches what the user wants, as states and not as toggles", async ({ page }) => {
  await openInDesktop(page);
  await say(page, ...state("ready"));
  await page.getByTestId("call").first().click();
  await say(page, ...state("live"));
  await page.getByTestId("mute").click();
  await page.getByTestId("interrupt").click();
  await page.getByTestId("message").fill("  Hello  ");
  await page.getByTestId("message").press("Enter");
  await page.getByTestId("message").press("Enter");
  await page.getByTestId("end").click();
  await say(page, ...state("ended"));
  await page.getByTestId("done").click();

  const id: unknown = expect.stringMatching(/^[0-9a-f]{32}$/);
  await expect
    .poll(() => intents(page))
    .toEqual([
      { do: "call", agent: "test" },
      { do: "set_muted", muted: true },
      { do: "interrupt" },
      { do: "send_text", id, text: "Hello" },
      { do: "hang_up" },
      { do: "dismiss_summary" },
    ]);
});

test("says so when the phone cannot be reached", async ({ page }) => {
  await openInDesktop(page, "the phone is gone");
  await expect(page.getByRole("alert")).toContainText("the phone is gone");
});

test("keeps the screen when one command fails, and says so until the next works", async ({
  page,
}) => {
  await openInDesktop(page);
  await say(page, ...state("live"));
  await page.evaluate(() => {
    window.native.refuse = "queue full";
  });
  await page.getByTestId("mute").click();
  await expect(page.getByTestId("notice")).toContainText("queue full");
  await expect(page.getByTestId("state")).toHaveAttribute("data-state", "live");
  await page.evaluate(() => {
    window.native.refuse = null;
  });
  await page.getByTestId("mute").click();
  await expect(page.getByTestId("notice")).toHaveCount(0);
});

test("shows someone who speaks while muted that nobody hears it", async ({ page }) => {
  await openInDesktop(page);
  await say(page, ...state("live-muted"));
  await expect(page.getByTestId("muted")).toHaveText("Muted");
  const loud: Message = {
    type: "meters",
    value: { elapsed_ms: 61_000, microphone_db: -12, speaker_db: -90 },
  };
  await say(page, ...Array<Message>(8).fill(loud));
  await expect(page.getByTestId("muted")).toHaveText("You are speaking, but muted.");
  await expect(page.getByRole("status")).toHaveText("You are speaking, but muted.");
  await expect(page.getByTestId("timer")).toHaveText("01:01");
});

test("markup in what others say stays text", async ({ page }) => {
  await openInDesktop(page);
  const text = "<img src=x onerror=\"document.title='broken'\"><b>bold</b>";
  await say(page, ...state("live"), {
    type: "transcript",
    value: {
      id: "item_1",
      after: null,
      speaker: "agent",
      text,
      unheard: "",
      status: "complete",
      spoken_ms: null,
    },
  });
  await expect(page.getByTestId("entry")).toContainText(text);
  await expect(page.locator("img, b")).toHaveCount(0);
  await expect(page).toHaveTitle("Offhook");
});
