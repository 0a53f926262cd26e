/** The phone for a plain browser: `?state=NAME` holds a state still, without it a call can be made. */
import type { Backend } from "./backend";
import { ScriptedPhone } from "./scripted-phone";
import { isSceneName, scenes, type Scene } from "./scenes";

/** Where the scripted call survives a reload of the page, as the real one does in its process. */
const KEPT = "offhook.scripted";

/** The scripted phone that the page's address asks for. */
export function scripted(asked: URLSearchParams): Backend {
  const name = asked.get("state");
  if (name !== null && isSceneName(name)) return new ScriptedPhone(structuredClone(scenes[name]));
  const kept = sessionStorage.getItem(KEPT);
  const scene = kept === null ? structuredClone(scenes.ready) : (JSON.parse(kept) as Scene);
  const phone = new ScriptedPhone(scene, (now) => {
    sessionStorage.setItem(KEPT, JSON.stringify(now));
  });
  phone.resume();
  return phone;
}
