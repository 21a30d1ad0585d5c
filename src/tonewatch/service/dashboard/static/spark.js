// The last minute of a call as a small SVG: a bar a window, as tall as it is sure.
import { paintOf, word } from "./shared.js";

export const MINUTE_S = 60;
export const WIDTH = 180;
export const HEIGHT = 28;

// The windows of a row that lie in its last minute, old ones and new ones.
export function lastMinute(old, fresh, heard) {
  return [...old, ...fresh].filter((window) => window[2] > heard - MINUTE_S);
}

export function spark(row, palette) {
  const begin = row.heard - MINUTE_S;
  const scale = WIDTH / MINUTE_S;
  const bars = row.windows.map(([, start, end, label, confidence, certain], i) => {
    const next = row.windows[i + 1];
    const from = i ? row.windows[i - 1][2] : start;
    const x = (Math.max(from, start) - begin) * scale;
    const wide = Math.max(1, (end - begin) * scale - x - (next ? 0.6 : 0));
    if (label === null) return "";
    const tall = Math.max(3, confidence * (HEIGHT - 3));
    const y = HEIGHT - 1 - tall;
    const paint = paintOf(palette, label).colour;
    const look = certain ? "" : ' class="pale-bar"';
    return `<rect${look} x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}" fill="${paint}"/>`;
  });
  return `<line class="grid" x2="${WIDTH}" y1="${HEIGHT - 0.5}" y2="${HEIGHT - 0.5}"/>${bars.join("")}`;
}

export function describe(row, palette) {
  const counts = new Map();
  for (const window of row.windows) {
    const name =
      window[3] === null
        ? word("script.no_speech")
        : window[5]
          ? paintOf(palette, window[3]).word
          : word("script.unsure");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
  return word("script.minute_of", { what: most.map(([name]) => name).join(", ") || "–" });
}
