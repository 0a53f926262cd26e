/** Colours are readable in both themes, and nothing assumes a direction of writing. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { contrast, luminance } from "../contrast";

const themes = ["light", "dark"] as const;
const tokens = new Map(
  [
    ...readFileSync("src/style/tokens.css", "utf8").matchAll(
      /--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g,
    ),
  ].map(([, name, light, dark]) => [name ?? "", { light: light ?? "", dark: dark ?? "" }]),
);

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
  const luminanceOf = (name: string) => luminance(tokens.get(name)?.[theme] ?? "") ?? NaN;
  const ratio = ([over, under]: [string, string]) =>
    contrast(luminanceOf(over), luminanceOf(under));

  it.each(text)("text in %s on %s has a contrast of at least 4.5", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(shapes)("shapes in %s on %s have a contrast of at least 3", (...pair) => {
    expect(ratio(pair)).toBeGreaterThanOrEqual(3);
  });
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
