/** Conversation order under late, missing and faulty links. */
import { describe, expect, it } from "vitest";

import { inConversationOrder, type Link } from "./transcript";

function order(...lines: Link[]): string {
  return inConversationOrder(lines)
    .map((line) => line.id)
    .join(" ");
}

describe("the transcript's order", () => {
  it("follows the chain, not the arrival", () => {
    expect(order({ id: "c", after: "b" }, { id: "a", after: null }, { id: "b", after: "a" })).toBe(
      "a b c",
    );
  });

  it("keeps two answers to one line in the order they came", () => {
    expect(order({ id: "a", after: null }, { id: "c", after: "a" }, { id: "b", after: "a" })).toBe(
      "a c b",
    );
  });

  it("shows a line whose predecessor has not come yet, last, and moves it when it has", () => {
    const [a, b, c] = [
      { id: "a", after: null },
      { id: "b", after: "a" },
      { id: "c", after: "b" },
    ];
    expect(order(c, a)).toBe("a c");
    expect(order(c, a, b)).toBe("a b c");
  });

  it("shows every line once when the chain is a circle", () => {
    expect(order({ id: "a", after: "b" }, { id: "b", after: "a" })).toBe("a b");
  });

  it("orders a long call in one pass", () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => ({
      id: String(n),
      after: n === 0 ? null : String(n - 1),
    }));
    const ordered = inConversationOrder(lines.toReversed());
    expect(ordered.map((line) => line.id)).toEqual(lines.map((line) => line.id));
  });
});
