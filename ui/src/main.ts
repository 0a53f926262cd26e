/** Chooses language and backend, then shows the app. */
import { mount } from "svelte";

import App from "./App.svelte";
import type { Backend } from "./backend/backend";
import "./style/tokens.css";
import "./style/base.css";
import { chooseLanguage } from "./text";

const asked = new URLSearchParams(location.search);
const root = document.documentElement;
root.lang = chooseLanguage([...asked.getAll("lang"), ...navigator.languages]);
// For looking at the other theme or direction in a plain browser.
const theme = asked.get("theme");
if (theme) root.dataset["theme"] = theme;
if (asked.get("dir") === "rtl") root.dir = "rtl";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no element with the id app");
mount(App, { target, props: { backend: await chooseBackend() } });

async function chooseBackend(): Promise<Backend> {
  if ("__TAURI_INTERNALS__" in window) return (await import("./backend/tauri")).tauri;
  return (await import("./backend/scripted")).scripted(asked);
}
