/** Colours are readable in both themes, and nothing assumes a direction of writing. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

const themes = ["light", "dark"] as const;
const tokens = new Map(
  [
    ...readFileSync("src/style/tokens.css", "utf8").matchAll(
      /--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g,
    ),
  ].map(([, name, light, dark]) => [name ?? "", { light: light ?? "", dark: dark ?? "" }]),
);

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio, WCAG 2.2. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const text: [string, string][] = [
  ["text", "bg"],
  ["text", "surface"],
  ["text", "sunken"],
  ["text", "accent-soft"],
  ["text", "danger-soft"],
  ["text", "caution-soft"],
  ["bg", "text"],
  ["muted", "bg"],
  ["muted", "surface"],
  ["muted", "accent-soft"],
  ["accent", "bg"],
  ["on-accent", "accent"],
  ["on-accent", "accent-strong"],
  ["danger", "bg"],
  ["on-danger", "danger"],
  ["on-danger", "danger-strong"],
  ["caution", "caution-soft"],
];

const shapes: [string, string][] = [
  ["edge", "bg"],
  ["edge", "surface"],
  ["accent", "surface"],
  ["accent", "sunken"],
  ["accent", "accent-soft"],
  ["danger", "danger-soft"],
  ["edge", "sunken"],
  ["focus", "bg"],
  ["focus", "surface"],
];

describe.each(themes)("in the %s theme", (theme) => {
  const ratio = ([over, under]: [string, string]) =>
    contrast(tokens.get(over)?.[theme] ?? "", tokens.get(under)?.[theme] ?? "");

  it.each(text)("text in %s on %s has a contrast of at least 4.5", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(shapes)("shapes in %s on %s have a contrast of at least 3", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(3);
  });
});

it("computes contrast as the standard does", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
});

const sheets = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(css|svelte)$/.test(name))
  .map((name) => {
    const source = readFileSync(join("src", name), "utf8");
    return {
      name,
      css: name.endsWith(".css") ? source : (/<style>([^]*)<\/style>/.exec(source)?.[1] ?? ""),
    };
  });

it.each(sheets)("$name uses logical properties and no colour of its own", ({ css, name }) => {
  const physical =
    /^\s*(?:(?:margin|padding|border|inset|scroll-\w+)-(?:left|right|top|bottom)|left|right|top|bottom|width|height|(?:min|max)-(?:width|height)|text-align:\s*(?:left|right)|float)\b.*:.*;/gm;
  expect(css.match(physical) ?? []).toEqual([]);
  if (!name.endsWith("tokens.css")) {
    // A mask's black is a stencil, not a colour.
    const colours = css
      .replace(/mask-image:[^;]*;/g, "")
      .match(/#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)\(/gi);
    expect(colours ?? []).toEqual([]);
  }
});
