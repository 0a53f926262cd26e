/** Accounts are announced when they change, once, and only those that are looked at. */
import { expect, it } from "vitest";

import { directoryAnnouncement } from "./announce-directory";
import { accountScenes, type AccountSceneName } from "./backend/account-scenes";
import type { Directory } from "./bindings";

function heard(before: AccountSceneName, now: AccountSceneName | Directory): string | null {
  const next = typeof now === "string" ? accountScenes[now] : now;
  return directoryAnnouncement(accountScenes[before], next);
}

it("says nothing of the first directory, nor of one that says the same", () => {
  expect(directoryAnnouncement(null, accountScenes["ready-signed-in"])).toBeNull();
  expect(heard("ready-signed-in", "ready-signed-in")).toBeNull();
});

it("tells each step of signing in", () => {
  expect(heard("ready-signed-out", "ready-sign-in-starting")).toBeNull();
  expect(heard("ready-sign-in-starting", "ready-sign-in-browser")).toBe(
    "Continue in your browser.",
  );
  expect(heard("ready-sign-in-starting", "ready-sign-in-browser-closed")).toBe(
    "Your browser did not open. Open or copy the sign-in page's address yourself.",
  );
  expect(heard("ready-sign-in-starting", "ready-sign-in-device")).toBe(
    "On another device, open login.example.org and type W D J B, M J H T.",
  );
  expect(heard("ready-sign-in-browser", "ready-signed-in")).toBe("Signed in as Ada Lovelace.");
  expect(heard("ready-sign-in-browser", "ready-sign-in-denied")).toContain("denied");
  expect(heard("ready-sign-in-browser", "ready-signed-out")).toBeNull();
  expect(heard("ready-signed-in", "ready-signed-out")).toBe("Signed out.");
  expect(heard("ready-signed-in", "ready-sign-in-ended")).toBe(
    "Your sign-in as Ada Lovelace has ended. Sign in again to call.",
  );
});

it("names the place when another is looked at, and nothing that happens elsewhere", () => {
  expect(heard("ready", "ready-signed-in")).toBe("Calls go to Acme Voice.");
  const elsewhere = { ...accountScenes["ready-signed-in"], chosen: "built-in" };
  expect(
    directoryAnnouncement({ ...accountScenes["ready-signed-out"], chosen: "built-in" }, elsewhere),
  ).toBeNull();
});

it("tells a place that is new from one whose key was changed", () => {
  const { profiles, ...rest } = accountScenes["ready-key"];
  const done: Directory = { ...rest, profiles, adding: { state: "done", profile: "openai" } };
  expect(heard("ready-key", done)).toBe("The key of OpenAI was changed.");
  const without = profiles.filter(({ id }) => id !== "openai");
  const before: Directory = { ...rest, profiles: without, chosen: "built-in" };
  expect(directoryAnnouncement(before, done)).toBe("OpenAI was added. Calls go to OpenAI.");
});

it("tells what stands in the way of secrets and lists, once", () => {
  expect(heard("ready-signed-in", "ready-secrets-locked")).toContain("keyring is locked");
  expect(heard("ready-secrets-locked", "ready-secrets-locked")).toBeNull();
  expect(heard("ready-signed-in", "ready-list-failed")).toContain("voice.example.org");
});
