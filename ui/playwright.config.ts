/** Tests of the built window in Chromium, over the scripted phone. */
import { existsSync } from "node:fs";

import { defineConfig } from "@playwright/test";

const asRoot = process.getuid?.() === 0;

const flags = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-gpu",
  ...(asRoot ? ["--no-sandbox"] : []),
];

/** The system's Chromium; Playwright's own where there is none. */
const SYSTEM_CHROMIUM = "/usr/bin/chromium";
const executablePath =
  process.env["OFFHOOK_CHROMIUM"] ?? (existsSync(SYSTEM_CHROMIUM) ? SYSTEM_CHROMIUM : undefined);

function chromium(...more: string[]) {
  return { ...(executablePath && { executablePath }), args: [...flags, ...more] };
}

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  fullyParallel: true,
  forbidOnly: true,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    // The preview server takes a free port and says which: see `wait` below.
    baseURL: `http://127.0.0.1:${process.env["OFFHOOK_PREVIEW_PORT"] ?? "0"}`,
    viewport: { width: 380, height: 640 },
    locale: "en-GB",
    // A trace of every test takes as long as the tests: `npx playwright test --trace on` has one.
    screenshot: "only-on-failure",
  },
  projects: [
    { name: "window", testIgnore: "**/large-text.spec.ts", use: { launchOptions: chromium() } },
    {
      // Chromium's own text size, twice the usual: what a user sets, not a zoomed page.
      name: "large text",
      testMatch: "**/large-text.spec.ts",
      use: { launchOptions: chromium("--blink-settings=defaultFontSize=32") },
    },
  ],
  webServer: {
    command: "vite preview --host 127.0.0.1 --port 0",
    env: { FORCE_COLOR: "0" },
    wait: { stdout: /127\.0\.0\.1:(?<offhook_preview_port>\d+)/ },
    stdout: "ignore",
    gracefulShutdown: { signal: "SIGTERM", timeout: 2_000 },
  },
});
