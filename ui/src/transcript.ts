/** The order of a conversation: by what each line follows, not by when it arrived. */
import type { TranscriptEntry } from "./bindings";

/** What the order depends on. */
export type Link = Pick<TranscriptEntry, "id" | "after">;

/**
 * Sorts lines along their `after` chain.
 *
 * Lines that follow the same one keep their order of arrival, and so do lines whose predecessor is
 * not known (yet), which come last. Every line appears exactly once, even if a faulty far end
 * makes the chain a circle.
 */
export function inConversationOrder<Line extends Link>(arrived: readonly Line[]): Line[] {
  const known = new Set(arrived.map((line) => line.id));
  const followers = new Map<string, Line[]>();
  const first: Line[] = [];
  const orphans: Line[] = [];
  for (const line of arrived) {
    if (line.after === null) first.push(line);
    else if (!known.has(line.after)) orphans.push(line);
    else followers.set(line.after, [...(followers.get(line.after) ?? []), line]);
  }

  const ordered: Line[] = [];
  const placed = new Set<string>();
  const open = [...first, ...orphans, ...arrived].reverse();
  for (let line = open.pop(); line !== undefined; line = open.pop()) {
    if (placed.has(line.id)) continue;
    placed.add(line.id);
    ordered.push(line);
    open.push(...(followers.get(line.id) ?? []).toReversed());
  }
  return ordered;
}
