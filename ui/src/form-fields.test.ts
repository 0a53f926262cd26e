/** Addresses as people type them. */
import { expect, it } from "vitest";

import { withScheme } from "./form-fields";

it("adds the scheme that people leave out, and only that", () => {
  expect(withScheme("voice.example.org")).toBe("https://voice.example.org");
  expect(withScheme("voice.example.org:8443/a")).toBe("https://voice.example.org:8443/a");
  expect(withScheme("WSS://voice.example.org")).toBe("WSS://voice.example.org");
  expect(withScheme("http://localhost:8080")).toBe("http://localhost:8080");
});
