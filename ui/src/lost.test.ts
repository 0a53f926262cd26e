/** What is missing of a call is counted as people do, and never hidden. */
import { expect, it } from "vitest";

import { noStats } from "./backend/scenes";
import { keptText, nothingLost } from "./lost";

it("counts drops and what they cost", () => {
  const kept = (reconnects: number, caller_lost_ms: number, agent_lost_ms: number) =>
    keptText({ ...noStats, reconnects, caller_lost_ms, agent_lost_ms });
  expect(kept(0, 0, 0)).toBe("No speech was lost.");
  expect(kept(1, 340, 0)).toBe("Connection lost once. 340 ms of your speech was lost.");
  expect(kept(5, 400, 1_300)).toBe(
    "Connection lost 5 times. 400 ms of your speech and 1.3 s of the agent's were lost.",
  );
});

it("does not call nothing lost what nobody knows the length of", () => {
  const broken = { caller_ms: 0, agent_ms: 0, answer: true };
  expect(nothingLost(broken)).toBe(false);
  expect(nothingLost({ ...broken, answer: false })).toBe(true);
  expect(keptText({ ...noStats, reconnects: 1, answers_lost: 1 })).toBe(
    "Connection lost once. An answer of the agent's broke off.",
  );
  expect(keptText({ ...noStats, reconnects: 2, answers_lost: 2, agent_lost_ms: 1_300 })).toBe(
    "Connection lost twice. 1.3 s of the agent's speech was lost. 2 answers of the agent's broke off.",
  );
});
