/** A call by centrifuge with its usual settings, to the peer of bench/src/centrifugo.rs. */
import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

export function connect(address, token) {
  const url = `ws://${address}/connection/websocket`;
  const client = new Centrifuge(url, { websocket: WebSocket, getToken: token });
  client.connect();
  return {
    speak: (audio) => {
      // It holds a publication for a while where there is no connection; then it is lost.
      client.publish("call", { audio }).catch(() => undefined);
    },
    close: () => client.disconnect(),
  };
}
