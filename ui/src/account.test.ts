/** Profiles and accounts in words. */
import { expect, it } from "vitest";

import { accountText, codeGroups, codeSpelled, host, profileName } from "./account";
import type { Account } from "./bindings";
import { variants } from "./declared";
import { flatten } from "./text";
import en from "./locales/en.json";

it("names the place inside Offhook and everything else as it is called", () => {
  const account: Account = { state: "not_needed" };
  expect(profileName({ id: "a", name: "", kind: { kind: "built_in" }, account })).toBe(
    "On this computer",
  );
  const kind = { kind: "organisation", url: "https://voice.example.org" } as const;
  expect(profileName({ id: "b", name: "Acme", kind, account })).toBe("Acme");
});

it("says where, without what nobody reads", () => {
  expect(host("wss://api.openai.com/v1/realtime")).toBe("api.openai.com");
  expect(host("http://localhost:8080/v1")).toBe("localhost");
  expect(host("voice.example.org")).toBe("voice.example.org");
});

it("has words for every state of an account", () => {
  const texts = flatten(en);
  for (const state of variants("Account", "state").keys()) {
    const account = { state, name: "Ada" } as unknown as Account;
    expect(accountText(account), state).not.toContain("account.");
  }
  expect(texts.get("account.signed_in")).toContain("{name}");
});

it("groups a code as it is given, or so that it can be kept in mind", () => {
  expect(codeGroups("WDJB-MJHT")).toEqual(["WDJB", "MJHT"]);
  expect(codeGroups("WDJBMJHT")).toEqual(["WDJB", "MJHT"]);
  expect(codeGroups("123456")).toEqual(["123", "456"]);
  expect(codeGroups("1234567890")).toEqual(["1234", "5678", "90"]);
  expect(codeGroups("ABCD")).toEqual(["ABCD"]);
});

it("spells a code", () => {
  expect(codeSpelled("WDJB-MJHT")).toBe("W D J B, M J H T");
});
