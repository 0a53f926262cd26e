/** Durations and levels as people of the language in use write them. */
import { currentLanguage, t } from "./text";

/** `2.3 s`: a duration in milliseconds, shown in tenths of a second. */
export function seconds(ms: number): string {
  const value = new Intl.NumberFormat(currentLanguage(), {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  }).format(ms / 1000);
  return t("unit.seconds", { value });
}

/** `4 s`: whole seconds, as a countdown shows them. */
export function wholeSeconds(value: number): string {
  return t("unit.seconds", { value: wholeNumber(value) });
}

/** `340 ms`, and from one second on `1.2 s`. */
export function shortTime(ms: number): string {
  if (ms >= 1000) return seconds(ms);
  return t("unit.milliseconds", {
    value: new Intl.NumberFormat(currentLanguage()).format(Math.round(ms)),
  });
}

/** `02:34`, or `1:02:34` from one hour on. */
export function clock(ms: number): string {
  const { hours, minutes, rest } = split(ms);
  const two = new Intl.NumberFormat(currentLanguage(), { minimumIntegerDigits: 2 });
  const short = `${two.format(minutes)}:${two.format(rest)}`;
  return hours > 0 ? `${new Intl.NumberFormat(currentLanguage()).format(hours)}:${short}` : short;
}

/** The same in the form machines read, as in `PT2M34S` (ISO 8601). */
export function isoDuration(ms: number): string {
  const { hours, minutes, rest } = split(ms);
  return `PT${hours}H${minutes}M${rest}S`;
}

/** A whole number, with the language's own minus sign. */
export function wholeNumber(value: number): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 0 }).format(value);
}

function split(ms: number): { hours: number; minutes: number; rest: number } {
  const total = Math.max(0, Math.floor(ms / 1000));
  return {
    hours: Math.floor(total / 3600),
    minutes: Math.floor(total / 60) % 60,
    rest: total % 60,
  };
}
