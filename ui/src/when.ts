/** When something was and how it is called in the language in use. */
import { currentLanguage } from "./text";

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** `5 minutes ago`, `yesterday`; a date from a week on. Both times in s since the Unix epoch. */
export function when(at_s: number, now_s: number): string {
  const ago = Math.max(0, now_s - at_s);
  const language = currentLanguage();
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  if (ago < MINUTE_S) return relative.format(0, "second");
  if (ago < HOUR_S) return relative.format(-Math.floor(ago / MINUTE_S), "minute");
  const days = daysBetween(at_s, now_s);
  if (days === 0) return relative.format(-Math.floor(ago / HOUR_S), "hour");
  if (days < 7) return relative.format(-days, "day");
  return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(at_s * 1000);
}

/** Nights between two moments, by the local clock. */
function daysBetween(at_s: number, now_s: number): number {
  const midnight = (s: number) => new Date(s * 1000).setHours(0, 0, 0, 0) / 1000;
  return Math.round((midnight(now_s) - midnight(at_s)) / DAY_S);
}

/** The name of a language (BCP 47) that is not the one in use; `null` if it is, or is none. */
export function otherLanguage(tag: string | null): string | null {
  if (tag === null || tag.toLowerCase().split("-")[0] === currentLanguage()) return null;
  try {
    return new Intl.DisplayNames(currentLanguage(), { type: "language" }).of(tag) ?? null;
  } catch {
    return null;
  }
}
