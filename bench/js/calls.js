/**
 * Makes calls with one of the npm clients: `node calls.js partysocket|centrifuge`.
 *
 * Orders come as lines of JSON, and each is answered by one: `{"call":0,"start":"127.0.0.1:1"}`,
 * `{"call":0,"stop":true}`, `{"call":0,"close":true}`; the answer to a stop has the number of
 * frames that were spoken.
 */
import { createInterface } from "node:readline";
import { argv, stdin, stdout } from "node:process";

import { FRAME_MS, frame } from "./frames.js";

const { connect } = await import(`./${argv[2]}.js`);
const calls = new Map();

for await (const line of createInterface({ input: stdin })) {
  const order = JSON.parse(line);
  stdout.write(`${JSON.stringify({ call: order.call, spoken: carryOut(order) })}\n`);
}
for (const call of calls.values()) {
  hangUp(call);
}

function carryOut(order) {
  if (order.start !== undefined) {
    calls.set(order.call, start(order.start));
    return 0;
  }
  const call = calls.get(order.call);
  clearInterval(call.microphone);
  if (order.close) {
    hangUp(call);
    calls.delete(order.call);
  }
  return call.spoken;
}

function start(address) {
  const call = { spoken: 0, line: connect(address, () => token(address)) };
  const started = performance.now();
  const speak = () => {
    // What a late timer missed is spoken all the same.
    while (started + call.spoken * FRAME_MS <= performance.now()) {
      call.line.speak(frame(call.spoken));
      call.spoken += 1;
    }
  };
  call.microphone = setInterval(speak, FRAME_MS);
  return call;
}

function hangUp(call) {
  clearInterval(call.microphone);
  call.line.close();
}

/** Asks the server for a token, the way the page of a voice agent does. */
async function token(address) {
  const url = `http://${address}/v1/realtime/client_secrets`;
  const response = await fetch(url, { method: "POST" });
  if (!response.ok) {
    throw new Error(`the token service answers ${response.status}`);
  }
  return (await response.json()).value;
}
