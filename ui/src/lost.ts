/** What the loss of a connection cost, in words. */
import type { Lost, Stats } from "./bindings";
import { shortTime } from "./format";
import { t } from "./text";

/** That the connection is back, and what its loss cost. */
export function resumedText(lost: Lost): string {
  if (!lost.answer) return t(`line.resumed.${whose(lost)}`, times(lost));
  return t(`line.resumed.${lost.caller_ms > 0 ? "caller_answer" : "answer"}`, times(lost));
}

/** Whether the loss of a connection cost nothing. */
export function nothingLost(lost: Lost): boolean {
  return whose(lost) === "nothing" && !lost.answer;
}

/** How often a call's connection was lost, where it was, and what of the call is missing. */
export function keptText(stats: Stats): string {
  const lost = lostIn(stats);
  const sentences = stats.reconnects > 0 ? [dropsText(stats.reconnects)] : [];
  const missing = whose(lost);
  if (missing !== "nothing" || !lost.answer) {
    sentences.push(t(`kept.lost.${missing}`, times(lost)));
  }
  if (lost.answer) {
    const count = stats.answers_lost;
    sentences.push(t(`kept.answers.${count === 1 ? "one" : "other"}`, { count }));
  }
  return sentences.join(" ");
}

/** All that the losses of a call's connection cost. */
export function lostIn(stats: Stats): Lost {
  const { caller_lost_ms: caller_ms, agent_lost_ms: agent_ms, answers_lost } = stats;
  return { caller_ms, agent_ms, answer: answers_lost > 0 };
}

function dropsText(count: number): string {
  // The few that have a word of their own, which languages count differently beyond.
  const named = (["zero", "one", "two"] as const)[count] ?? "other";
  return t(`kept.drops.${named}`, { count });
}

function whose({ caller_ms, agent_ms }: Lost): "nothing" | "caller" | "agent" | "both" {
  if (caller_ms > 0) return agent_ms > 0 ? "both" : "caller";
  return agent_ms > 0 ? "agent" : "nothing";
}

function times({ caller_ms, agent_ms }: Lost): { caller: string; agent: string } {
  return { caller: shortTime(caller_ms), agent: shortTime(agent_ms) };
}
