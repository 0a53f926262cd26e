/** A call by partysocket with its usual settings: plain mode, a fresh token for every attempt. */
import ReconnectingWebSocket from "partysocket/ws";
import WebSocket from "ws";

export function connect(address, token) {
  const protocols = async () => ["realtime", `openai-insecure-api-key.${await token()}`];
  const socket = new ReconnectingWebSocket(`ws://${address}/v1/realtime`, protocols, { WebSocket });
  return {
    speak: (audio) => socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio })),
    close: () => socket.close(),
  };
}
