/** What is said in the scripted calls: data of the script, like an agent's words, not translated. */
import type { TranscriptEntry } from "../bindings";

/** What the scripted agent says, in turn. */
export const agentLines = [
  "Hello, this is the Offhook test agent. Say something, and I will play it back to you.",
  "You said that after a short pause, and it arrived in one piece. Would you like to try again? You can also interrupt me at any time while I am speaking.",
  "I heard you. Every word came through, and the line is quiet. Hang up whenever you like.",
];

const greeting: TranscriptEntry = {
  id: "item_1",
  after: null,
  speaker: "agent",
  text: "Hello, this is the Offhook test agent. Say something, and I will play it back to you.",
  unheard: "",
  status: "complete",
  spoken_ms: null,
};

const spoken: TranscriptEntry = {
  id: "item_2",
  after: "item_1",
  speaker: "caller",
  text: "",
  unheard: "",
  status: "complete",
  spoken_ms: 2_340,
};

const typed: TranscriptEntry = {
  id: "item_4",
  after: "item_3",
  speaker: "caller",
  text: "Does typing work as well?",
  unheard: "",
  status: "complete",
  spoken_ms: null,
};

function agentSays(entry: Partial<TranscriptEntry> & { id: string; after: string; text: string }) {
  return {
    speaker: "agent",
    unheard: "",
    status: "complete",
    spoken_ms: null,
    ...entry,
  } satisfies TranscriptEntry;
}

const answer = agentSays({
  id: "item_3",
  after: "item_2",
  text: "You said that after a short pause, and it arrived in one piece.",
});

/** A call whose last line is the caller's. */
export const callSoFar: TranscriptEntry[] = [greeting, spoken, answer, typed];

/** The same, with an answer under way. */
export const callInMidSentence: TranscriptEntry[] = [
  ...callSoFar,
  agentSays({
    id: "item_5",
    after: "item_4",
    text: "It does. What you type reaches me as if you had",
    status: "growing",
  }),
];

/** The same, with the answer cut short by the loss of the connection. */
export const brokenOffCall: TranscriptEntry[] = callInMidSentence.map((entry) =>
  entry.status === "growing" ? { ...entry, status: "broken_off" } : entry,
);

/** The same, with the answer cut short by the caller. */
export const interruptedCall: TranscriptEntry[] = [
  ...callSoFar,
  agentSays({
    id: "item_5",
    after: "item_4",
    text: "It does. What you type reaches me",
    unheard: " as if you had said it, and I answer aloud.",
    status: "interrupted",
  }),
  { ...spoken, id: "item_6", after: "item_5", spoken_ms: 1_120 },
];

/** The same, while the caller still speaks. */
export const interruptingCall: TranscriptEntry[] = interruptedCall.map((entry) =>
  entry.id === "item_6" ? { ...entry, status: "growing", spoken_ms: null } : entry,
);

/** A call too long for the window, with words too long for a line. */
export const longCall: TranscriptEntry[] = Array.from({ length: 24 }, (_, n) => {
  const link = { id: `long_${n}`, after: n === 0 ? null : `long_${n - 1}` };
  return n % 2 === 0
    ? { ...greeting, ...link, text: `${agentLines[(n / 2) % agentLines.length] ?? ""}` }
    : {
        ...typed,
        ...link,
        text: "https://example.org/a/very/long/address/without/any/blank/in/it?that=does-not-fit-in-one-line",
      };
});
