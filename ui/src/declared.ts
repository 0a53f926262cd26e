/** For tests: what the generated types declare, as text, less comments and line breaks. */
import { readFileSync } from "node:fs";

const bindings = readFileSync("src/bindings.ts", "utf8")
  .replace(/\/\*[^]*?\*\//g, "")
  .replace(/\s+/g, " ");

/** The right-hand side of a type's declaration. */
export function declared(type: string): string {
  const declaration = new RegExp(`export type ${type} = ([^;]*);`).exec(bindings)?.[1];
  if (declaration === undefined) throw new Error(`bindings.ts does not declare ${type}`);
  return declaration;
}

/** The names of the variants of a type of plain strings. */
export function names(type: string): string[] {
  return [...declared(type).matchAll(/"(\w+)"/g)].map(([, name]) => name ?? "");
}

/** The names of the variants of a union with this tag, and the fields that each carries. */
export function variants(type: string, tag: string): Map<string, string[]> {
  const found = declared(type).matchAll(new RegExp(`\\{ "${tag}": "(\\w+)"([^}]*)\\}`, "g"));
  return new Map(
    [...found].map(([, name, rest]) => [
      name ?? "",
      [...(rest ?? "").matchAll(/(\w+):/g)].map(([, field]) => field ?? ""),
    ]),
  );
}
