/** Chooses language and backend, then shows the app. */
import { mount, unmount } from "svelte";

import App from "./App.svelte";
import type { Backend } from "./backend/backend";
import "./style/tokens.css";
import "./style/base.css";
import { chooseLanguage } from "./text";

const root = document.documentElement;
const target = document.getElementById("app");
if (!target) throw new Error("index.html has no element with the id app");

const inDesktop = "__TAURI_INTERNALS__" in window;
let shown = await show(target, asked());
// A plain browser's address names what it shows: the window's never changes.
if (!inDesktop) {
  addEventListener("hashchange", () => {
    void unmount(shown);
    void show(target, asked()).then((app) => (shown = app));
  });
}

/** What the address asks for, before the # or, without loading the page anew, behind it. */
function asked(): URLSearchParams {
  return new URLSearchParams(location.hash ? location.hash.slice(1) : location.search);
}

async function show(target: HTMLElement, asked: URLSearchParams) {
  root.lang = chooseLanguage([...asked.getAll("lang"), ...navigator.languages]);
  // For looking at the other theme or direction in a plain browser.
  const theme = asked.get("theme");
  if (theme) root.dataset["theme"] = theme;
  root.dir = asked.get("dir") === "rtl" ? "rtl" : "ltr";
  return mount(App, { target, props: { backend: await chooseBackend(asked) } });
}

async function chooseBackend(asked: URLSearchParams): Promise<Backend> {
  if (inDesktop) return (await import("./backend/tauri")).tauri;
  return (await import("./backend/scripted")).scripted(asked);
}
