/** Both locales say everything that can be shown, and nothing else. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { parse, type AST } from "svelte/compiler";
import { afterEach, describe, expect, it } from "vitest";

import type { Problem } from "./bindings";
import { names, variants } from "./declared";
import { scenes } from "./backend/scenes";
import { clock, isoDuration, seconds, shortTime } from "./format";
import de from "./locales/de.json";
import en from "./locales/en.json";
import { chooseLanguage, flatten, problemText, reasonText, t } from "./text";

const english = flatten(en);
const german = flatten(de);
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter(
    (name) => /\.(ts|svelte)$/.test(name) && !/\.test\.ts$|bindings\.ts$|declared\.ts$/.test(name),
  )
  .map((name) => ({ name, source: readFileSync(join("src", name), "utf8") }));

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "").sort();
}

afterEach(() => {
  chooseLanguage(["en"]);
});

describe("the locale files", () => {
  it("have the same keys", () => {
    expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it("have the same placeholders in every text", () => {
    for (const [key, text] of english) {
      expect(placeholders(german.get(key) ?? ""), key).toEqual(placeholders(text));
    }
  });

  it("have a text for every key used in the code, and use every key", () => {
    const literals = new Set<string>();
    const patterns: RegExp[] = [];
    for (const { source } of sources) {
      for (const [, key] of source.matchAll(/"([a-z_]+(?:\.[a-z_]+)+)"/g)) literals.add(key ?? "");
      for (const [, template] of source.matchAll(/\bt\(\s*`([^`]+)`/g)) {
        const fixed = (template ?? "").split(/\$\{[^}]*\}/).map((part) => part.replace(".", "\\."));
        patterns.push(new RegExp(`^${fixed.join("[a-z_]+")}$`));
      }
    }
    const keys = [...english.keys()];
    for (const pattern of patterns) expect(keys.some((key) => pattern.test(key))).toBe(true);
    for (const { source } of sources) {
      for (const [, key] of source.matchAll(/\bt\(\s*"([^"]+)"/g)) expect(keys).toContain(key);
    }
    // The page that the browser ends on is not the window's: crates/phone/src/text.rs.
    const used = (key: string) =>
      key.startsWith("landing.") || literals.has(key) || patterns.some((it) => it.test(key));
    expect(keys.filter((key) => !used(key))).toEqual([]);
  });

  it("have a text for every code of the phone", () => {
    const problems = [...variants("Problem", "code").keys()];
    const needed = [
      ...problems.map((code) => `problem.${code}`),
      ...[...variants("EndReason", "why").keys()].map((why) => `call.ended.${why}`),
      ...names("DropCause").map((cause) => `line.cause.${cause}`),
      ...[...variants("ReconnectStep", "doing").keys()].map(
        (doing) => `line.reconnecting.${doing}`,
      ),
      ...names("Activity").map((activity) => `activity.${activity}`),
      ...names("DialStep").map((step) => `line.dialling.${step}`),
    ];
    expect(needed.length).toBeGreaterThan(30);
    for (const key of needed) expect(english.has(key), key).toBe(true);
    expect(Object.keys(en.problem).sort()).toEqual(problems.sort());
    expect(Object.keys(en.line.cause).sort()).toEqual(names("DropCause").sort());
  });

  it("name in a problem's text only what the problem carries", () => {
    for (const [code, fields] of variants("Problem", "code")) {
      const text = english.get(`problem.${code}`) ?? "";
      for (const name of placeholders(text)) expect(fields, code).toContain(name);
    }
  });
});

describe("components", () => {
  const spoken = new Set(["aria-label", "title", "placeholder", "alt"]);

  it.each(sources.filter(({ name }) => name.endsWith(".svelte")))(
    "hold no literal text: $name",
    ({ source }) => {
      const found: string[] = [];
      const visit = (node: unknown): void => {
        if (Array.isArray(node)) return node.forEach(visit);
        if (typeof node !== "object" || node === null) return;
        const { type, name } = node as { type?: string; name?: string };
        if (type === "Attribute" && !spoken.has(name ?? "")) return;
        if (type === "Text" && /\p{L}/u.test((node as AST.Text).data)) {
          found.push((node as AST.Text).data.trim());
        }
        Object.values(node).forEach(visit);
      };
      visit(parse(source, { modern: true }).fragment);
      expect(found).toEqual([]);
    },
  );
});

describe("texts", () => {
  it("fill in their placeholders and take numbers as they are", () => {
    expect(problemText({ code: "closed_by_server", close_code: 1011, detail: "overloaded" })).toBe(
      "The server ended the call with code 1011: overloaded. Call again; if it happens again, ask those who run the server.",
    );
  });

  it("keep what looks like a placeholder in what the system said", () => {
    const problem: Problem = { code: "internal", detail: "{detail} $& {host}" };
    expect(problemText(problem)).toContain("Offhook: {detail} $& {host}.");
  });

  it("do not depend on what may be missing", () => {
    const busy = (retry_after_s: number | null) => problemText({ code: "busy", retry_after_s });
    expect(busy(null)).toBe(busy(30));
    expect(busy(null)).not.toContain("{");
  });

  it("tell a cancelled call from one hung up", () => {
    const of = (name: "ended" | "ended-cancelled") => {
      const { call } = scenes[name].snapshot;
      return call.state === "ended" ? reasonText(call) : "";
    };
    expect(of("ended")).toBe("You hung up");
    expect(of("ended-cancelled")).toBe("You cancelled the call");
  });

  it("come in the first wanted language there is", () => {
    expect(chooseLanguage(["fr-CA", "de-AT", "en"])).toBe("de");
    expect(t("ready.call")).toBe("Anrufen");
    expect(chooseLanguage(["fr"])).toBe("en");
    expect(chooseLanguage([])).toBe("en");
  });
});

describe("durations", () => {
  it("are written the way the language does", () => {
    expect([seconds(2_340), shortTime(340), shortTime(1_260)]).toEqual([
      "2.3 s",
      "340 ms",
      "1.3 s",
    ]);
    chooseLanguage(["de"]);
    expect(seconds(2_340)).toBe("2,3 s");
  });

  it("count minutes and hours", () => {
    expect([clock(0), clock(154_900), clock(3_754_000)]).toEqual(["00:00", "02:34", "1:02:34"]);
    expect(isoDuration(3_754_000)).toBe("PT1H2M34S");
  });
});
