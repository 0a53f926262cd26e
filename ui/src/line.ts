/** What the connection line says: a tone, a shape, a word, and what it means for the call. */
import type { Call, DropCause, Line, Stats } from "./bindings";
import { seconds, shortTime, wholeSeconds } from "./format";
import { keptText, nothingLost, resumedText } from "./lost";
import { t } from "./text";

/** From this many seconds on it is said that the call will be given up. */
const ENDS_SOON_S = 60;

/** What the line looks like; the shape tells states apart where colours do not. */
export type Shape =
  | "none"
  | "calling"
  | "healthy"
  | "warning"
  | "waiting"
  | "connecting"
  | "offline"
  | "pausing"
  | "sending"
  | "over"
  | "failed";

export interface LineWords {
  tone: "idle" | "busy" | "good" | "weak" | "bad";
  shape: Shape;
  word: string;
  /** What it means, one thing a row. */
  rows: string[];
  /** A measurement that is nice to know. */
  detail?: string;
  /** Whether the user may hurry the next attempt, and whether one is under way already. */
  retry?: "possible" | "busy";
  /** How much of what was held has been sent. */
  progress?: { sent_ms: number; total_ms: number };
}

/** What else is known here: mute, and what is left of the phone's waits, in seconds. */
export interface Circumstances {
  muted: boolean;
  retryIn: number | null;
  givesUpIn: number | null;
}

export function lineWords(call: Call, now: Circumstances): LineWords {
  switch (call.state) {
    case "ready":
      return { tone: "idle", shape: "none", word: t("line.ready"), rows: [] };
    case "dialling":
      return {
        tone: "busy",
        shape: "calling",
        word: t(`line.dialling.${call.step}`),
        rows: [t(now.muted ? "line.held_muted" : "line.held_nothing")],
      };
    case "live":
      return liveWords(call.line, call.stats, now);
    case "ended":
      return call.reason.why === "failed"
        ? { tone: "bad", shape: "failed", word: t("line.failed"), rows: [] }
        : { tone: "idle", shape: "over", word: t("line.ended"), rows: [] };
  }
}

function liveWords(line: Line, stats: Stats, now: Circumstances): LineWords {
  switch (line.health) {
    case "good": {
      const rows = [keptText(stats)];
      const words = { tone: "good", shape: "healthy", word: t("line.good"), rows } as const;
      if (line.round_trip_ms === null) return words;
      const time = shortTime(line.round_trip_ms);
      return { ...words, detail: t("line.round_trip", { time }) };
    }
    case "unstable":
      return {
        tone: "weak",
        shape: "warning",
        word: t("line.unstable"),
        rows: [t("line.unstable_meaning")],
      };
    case "reconnecting":
      return {
        tone: "weak",
        ...step(line.step.doing, now.retryIn),
        rows: [attempt(line.cause, line.attempt), held(line, now.muted), ...ends(now.givesUpIn)],
        retry: line.step.doing === "connecting" ? "busy" : "possible",
      };
    case "catching_up": {
      // What is said meanwhile comes on top of what was held.
      const total_ms = Math.max(line.total_ms, line.left_ms);
      return {
        tone: "busy",
        shape: "sending",
        word: t("line.catching_up", { time: seconds(line.total_ms) }),
        rows: [t("line.catching_up_left", { time: seconds(line.left_ms) })],
        progress: { sent_ms: total_ms - line.left_ms, total_ms },
      };
    }
    case "resumed": {
      const whole = nothingLost(line.lost);
      return {
        tone: whole ? "good" : "weak",
        shape: whole ? "healthy" : "warning",
        word: resumedText(line.lost),
        rows: [],
      };
    }
  }
}

type Doing = Extract<Line, { health: "reconnecting" }>["step"]["doing"];

function step(doing: Doing, retryIn: number | null): Pick<LineWords, "shape" | "word"> {
  // A wait that is over here, though the phone has not said so yet, is an attempt.
  const over = retryIn === null || retryIn === 0;
  if (doing === "connecting" || (doing !== "offline" && over)) {
    return { shape: "connecting", word: t("line.reconnecting.connecting") };
  }
  if (doing === "offline") return { shape: "offline", word: t("line.reconnecting.offline") };
  const time = wholeSeconds(retryIn ?? 0);
  return { shape: doing, word: t(`line.reconnecting.${doing}`, { time }) };
}

function attempt(cause: DropCause, attempt: number): string {
  return t("line.attempt", { cause: t(`line.cause.${cause}`), attempt });
}

function held(line: Extract<Line, { health: "reconnecting" }>, muted: boolean): string {
  const time = seconds(line.held_ms);
  if (line.overflow_ms > 0) {
    return t("line.held_overflow", { time, lost: shortTime(line.overflow_ms) });
  }
  if (line.held_ms > 0) return t("line.held", { time });
  return t(muted ? "line.held_muted" : "line.held_nothing");
}

function ends(givesUpIn: number | null): string[] {
  if (givesUpIn === null || givesUpIn > ENDS_SOON_S) return [];
  return [t("line.gives_up", { time: wholeSeconds(givesUpIn) })];
}
