/** Every text on the screen: codes with arguments, translated from the locale files. */
import type { Agent, Call, Problem } from "./bindings";
import de from "./locales/de.json";
import en from "./locales/en.json";

type Leaves<Tree, Prefix extends string = ""> = {
  [Name in keyof Tree & string]: Tree[Name] extends string
    ? `${Prefix}${Name}`
    : Leaves<Tree[Name], `${Prefix}${Name}.`>;
}[keyof Tree & string];

/** A path into the locale files, such as `problem.no_microphone`. */
export type Key = Leaves<typeof en>;

/** What the `{placeholders}` of a text stand for. Numbers are shown as they are. */
export type Arguments = Record<string, string | number | null>;

/** The languages there is a locale file for. */
export const languages = { en, de } as const;
export type Language = keyof typeof languages;

let language: Language = "en";
let texts = flatten(en);

/** The language in use. */
export function currentLanguage(): Language {
  return language;
}

/** Uses the first language of `wanted` (BCP 47 tags) that there is a locale file for. */
export function chooseLanguage(wanted: readonly string[]): Language {
  const known = wanted
    .map((tag) => tag.toLowerCase().split("-")[0])
    .find((tag): tag is Language => tag !== undefined && tag in languages);
  language = known ?? "en";
  texts = flatten(languages[language]);
  return language;
}

/** The text for `key` in the language in use, with its placeholders filled in. */
export function t(key: Key, args: Arguments = {}): string {
  const text = texts.get(key) ?? key;
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = args[name];
    return value === undefined || value === null ? placeholder : String(value);
  });
}

/** What happened, what it means and what to do about it. */
export function problemText(problem: Problem): string {
  const { code, ...args } = problem;
  if ("cause" in args)
    return t(`problem.${code}`, { ...args, cause: t(`line.cause.${args.cause}`) });
  return t(`problem.${code}`, args);
}

/** Why a call ended, in a few words. */
export function reasonText({ reason, duration_ms }: Extract<Call, { state: "ended" }>): string {
  const cancelled = reason.why === "hung_up" && duration_ms === 0;
  return t(`call.ended.${cancelled ? "cancelled" : reason.why}`);
}

/** One sentence on what an agent is for, if there is one. */
export function agentDescription(agent: Agent): string | null {
  return agent.description ?? (agent.built_in ? t("agent.built_in.description") : null);
}

/** The leaves of a nested record of texts, by their dotted path. */
export function flatten(tree: object, prefix = ""): Map<string, string> {
  const leaves = new Map<string, string>();
  for (const [name, value] of Object.entries(tree) as [string, unknown][]) {
    if (typeof value === "string") {
      leaves.set(prefix + name, value);
    } else if (typeof value === "object" && value !== null) {
      for (const [path, text] of flatten(value, `${prefix}${name}.`)) leaves.set(path, text);
    }
  }
  return leaves;
}
