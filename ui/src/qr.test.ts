/** The path of a QR code covers its dark modules and nothing else. */
import { expect, it } from "vitest";

import { qrPath, qrSide } from "./qr";

it("draws a run of dark modules as one rectangle, inside the quiet zone", () => {
  const code = { size: 3, modules: "## " + "   " + "# #" };
  expect(qrPath(code)).toBe("M4 4h2v1h-2zM4 6h1v1h-1zM6 6h1v1h-1z");
  expect(qrSide(code)).toBe(11);
});

it("draws nothing for what is missing", () => {
  expect(qrPath({ size: 2, modules: "#" })).toBe("M4 4h1v1h-1z");
});
