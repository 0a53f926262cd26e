/** What a screen reader is told, politely, when one snapshot follows another. */
import type { Call, Line, Snapshot } from "./bindings";
import { clock } from "./format";
import { resumedText } from "./lost";
import { problemText, reasonText, t } from "./text";

/**
 * The words for what changed, or `null` if nothing did that is worth interrupting for.
 *
 * The first snapshot is the page itself, which a screen reader reads anyway; the agent's words
 * and activity are left out, or the reader would talk over the agent.
 */
export function announcement(before: Snapshot | null, now: Snapshot): string | null {
  if (before === null) return null;
  const words: string[] = [];
  if (before.call.state !== now.call.state) words.push(stateText(now.call));
  else if (before.call.state === "live" && now.call.state === "live") {
    const change = lineText(before.call.line, now.call.line);
    if (change !== null) words.push(change);
  }
  if (before.muted !== now.muted) words.push(t(now.muted ? "announce.muted" : "announce.unmuted"));
  if (now.notice !== null && JSON.stringify(before.notice) !== JSON.stringify(now.notice)) {
    words.push(problemText(now.notice));
  }
  return words.length > 0 ? words.join(" ") : null;
}

/** Nothing for what only goes on: the next attempt, the countdown, the share that was sent. */
function lineText(before: Line, now: Line): string | null {
  const same = before.health === now.health;
  switch (now.health) {
    case "reconnecting": {
      if (before.health === "reconnecting" && before.cause === now.cause) return null;
      return t("announce.reconnecting", { cause: t(`line.cause.${now.cause}`) });
    }
    case "resumed":
      return same ? null : t("announce.resumed", { resumed: resumedText(now.lost) });
    case "good":
      // That all is well again was said when the connection was back.
      return same || before.health === "resumed" ? null : t("announce.good");
    default:
      return same ? null : t(`announce.${now.health}`);
  }
}

function stateText(call: Call): string {
  switch (call.state) {
    case "ready":
      return t("announce.ready");
    case "dialling":
    case "live":
      return t(`announce.${call.state}`, { agent: call.agent.name });
    case "ended": {
      const failed = call.reason.why === "failed" ? ` ${problemText(call.reason.problem)}` : "";
      const summary = t("announce.ended", {
        reason: reasonText(call),
        time: clock(call.duration_ms),
      });
      return summary + failed;
    }
  }
}
