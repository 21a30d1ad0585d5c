// Draws what was heard as an SVG: waveform, stacked areas, a strip of letters, and the time axis.
// It knows numbers, colours and our own words; nothing in it comes from people.
import { clock, paintOf } from "./shared.js";

export const WAVE = [4, 64];
const AREA_HEIGHT = 150;
const STRIP_HEIGHT = 26;
const LINE_HEIGHT = 48;
const NAME_HEIGHT = 18;
export const SAID_HEIGHT = 36;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const LETTER_PX = 15;

// Each window's own stretch: around its middle, as far as the next one's.
export function cells(windows) {
  const middles = windows.map(([, start, end]) => (start + end) / 2);
  const steps = middles.slice(1).map((middle, i) => middle - middles[i]);
  const usual = steps.length ? [...steps].sort((a, b) => a - b)[steps.length >> 1] : 0;
  return windows.map((window, i) => {
    const [, start, end, label, confidence, certain] = window;
    const before = i ? Math.min(steps[i - 1], 1.5 * usual) : 0;
    const after = i < steps.length ? Math.min(steps[i], 1.5 * usual) : 0;
    return {
      window,
      label,
      confidence,
      certain,
      shares: window.slice(6),
      middle: middles[i],
      from: i ? middles[i] - before / 2 : start,
      to: i < steps.length ? middles[i] + after / 2 : end,
    };
  });
}

// Where each lane begins, from the top: areas, their strip, urgency, what was said, and the axis.
export function lanes(hasWave, hasLine, hasSaid) {
  const area = (hasWave ? WAVE[1] + 8 : 0) + NAME_HEIGHT;
  const strip = area + AREA_HEIGHT + 6;
  const line = strip + STRIP_HEIGHT + 8;
  const said = hasLine ? line + LINE_HEIGHT + 8 : line;
  const end = hasSaid ? said + SAID_HEIGHT : said - 8;
  return { area, strip, line, said, end, height: end + 22 };
}

export function draw({ cells, palette, from, to, width, outline, duration, id, words, line, ticks, hasSaid }) {
  const scale = width / Math.max(to - from, 0.001);
  const x = (s) => ((s - from) * scale).toFixed(1);
  const lane = lanes(outline.length > 0, line.length > 0, hasSaid);
  const areaTop = lane.area;
  const areaEnd = areaTop + AREA_HEIGHT;
  const stripTop = lane.strip;
  const rows = [
    `<defs><pattern id="unsure${id}" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="pale" width="7" height="7"/><line class="hatch" y2="7"/></pattern></defs>`,
    outline.length ? wave(outline, duration, from, to, width) : "",
    `<text class="lane-name" x="0" y="${areaTop - 6}">${words.areas}</text>`,
    `<rect class="ground" y="${areaTop}" width="${width}" height="${AREA_HEIGHT}"/>`,
  ];
  for (const run of runs(cells)) rows.push(stack(run, palette, x, areaEnd));
  for (const cell of same(cells)) {
    const wide = (cell.to - cell.from) * scale;
    const box = (top, tall, what) =>
      `<rect x="${x(cell.from)}" y="${top}" width="${wide.toFixed(1)}" height="${tall}" ${what}/>`;
    const middle = (Number(x(cell.from)) + wide / 2).toFixed(1);
    const text = (what, letter) =>
      `<text x="${middle}" y="${stripTop + 18}" ${what}>${letter}</text>`;
    if (cell.label === null) {
      if (wide > 80) rows.push(text('class="quiet"', words.none));
      continue;
    }
    const paint = paintOf(palette, cell.label);
    rows.push(box(stripTop, STRIP_HEIGHT, `fill="${paint.colour}"`));
    if (!cell.certain) {
      rows.push(box(areaTop, AREA_HEIGHT, `fill="url(#unsure${id})"`));
      rows.push(box(stripTop, STRIP_HEIGHT, `fill="url(#unsure${id})"`));
    }
    const named = wide > 9 * paint.word.length + 14 ? paint.word : paint.letter;
    if (wide >= LETTER_PX) {
      rows.push(
        cell.certain ? text(`fill="${paint.ink}"`, named) : text('class="doubt"', `${named}?`),
      );
    }
  }
  for (const share of [0.25, 0.5, 0.75]) {
    const y = areaEnd - share * AREA_HEIGHT;
    rows.push(
      `<line class="grid" x2="${width}" y1="${y}" y2="${y}"/><text class="line-name" x="4" y="${y - 3}">${100 * share}%</text>`,
    );
  }
  if (line.length) rows.push(urgency(line, ticks, x, to, width, lane.line, words));
  rows.push(axis(from, to, width, scale, lane.end));
  return rows.join("");
}

function wave(outline, duration, from, to, width) {
  const middle = (WAVE[0] + WAVE[1]) / 2;
  const half = (WAVE[1] - WAVE[0]) / 2 - 2;
  const loudest = Math.max(0.01, ...outline);
  const top = [];
  const bottom = [];
  const scale = width / (to - from);
  outline.forEach((peak, i) => {
    const at = ((i + 0.5) / outline.length) * duration;
    const px = (at - from) * scale;
    const tall = half * Math.max(peak / loudest, 0.012);
    top.push(`${px.toFixed(1)},${(middle - tall).toFixed(1)}`);
    bottom.push(`${px.toFixed(1)},${(middle + tall).toFixed(1)}`);
  });
  return `<rect class="ground" y="${WAVE[0]}" width="${width}" height="${WAVE[1] - WAVE[0]}"/><polygon class="wave" points="${top.join(" ")} ${bottom.reverse().join(" ")}"/>`;
}

// The urgency so far holds until it is assessed anew: a line of steps, with the bands' thresholds.
function urgency(line, ticks, x, to, width, top, words) {
  const y = (value) => (top + LINE_HEIGHT * (1 - value)).toFixed(1);
  const points = line.flatMap(([at, value], i) => {
    const end = i + 1 < line.length ? line[i + 1][0] : to;
    return [`${x(at)},${y(value)}`, `${x(end)},${y(value)}`];
  });
  const thresholds = ticks.map(
    (tick) => `<line class="threshold" x2="${width}" y1="${y(tick)}" y2="${y(tick)}"/>`,
  );
  const names = ticks.map(
    (tick, i) =>
      `<text class="line-name end" x="${width - 4}" y="${Number(y(tick)) - 3}">${words.bands[i] ?? ""} ${Math.round(100 * tick)}%</text>`,
  );
  return `<rect class="ground" y="${top}" width="${width}" height="${LINE_HEIGHT}"/>${thresholds.join("")}<polyline class="urgency-line" points="${points.join(" ")}"/>${names.join("")}<text class="line-name" x="4" y="${top + 12}">${words.urgency}</text>`;
}

// Windows with speech that follow each other; areas end where nobody spoke.
function runs(cells) {
  const found = [];
  let run = [];
  for (const cell of cells) {
    const joined = run.length && cell.from - run[run.length - 1].to < 0.05;
    if (cell.label === null || !joined) {
      if (run.length) found.push(run);
      run = [];
    }
    if (cell.label !== null) run.push(cell);
  }
  if (run.length) found.push(run);
  return found;
}

// Neighbours that say the same become one box, with one letter.
function same(cells) {
  const found = [];
  for (const cell of cells) {
    const last = found[found.length - 1];
    const joined = last && cell.from - last.to < 0.05;
    if (joined && last.label === cell.label && last.certain === cell.certain) last.to = cell.to;
    else found.push({ ...cell });
  }
  return found;
}

function stack(run, palette, x, bottom) {
  const points = [run[0], ...run, run[run.length - 1]];
  const at = [run[0].from, ...run.map((cell) => cell.middle), run[run.length - 1].to];
  const sums = points.map(() => 0);
  return palette
    .map((paint, k) => {
      const low = at.map((s, i) => `${x(s)},${(bottom - AREA_HEIGHT * sums[i]).toFixed(1)}`);
      points.forEach((cell, i) => (sums[i] = Math.min(1, sums[i] + (cell.shares[k] ?? 0))));
      const high = at.map((s, i) => `${x(s)},${(bottom - AREA_HEIGHT * sums[i]).toFixed(1)}`);
      return `<polygon class="area" fill="${paint.colour}" points="${high.join(" ")} ${low.reverse().join(" ")}"/>`;
    })
    .join("");
}

function axis(from, to, width, scale, y) {
  const step = STEPS_S.find((each) => each * scale >= 56) ?? 3600;
  const rows = [];
  for (let s = Math.ceil(from / step) * step; s <= to; s += step) {
    const px = (s - from) * scale;
    if (px > width - 14) break;
    const anchor = px < 14 ? ' style="text-anchor:start"' : "";
    rows.push(
      `<line class="tick" x1="${px.toFixed(1)}" x2="${px.toFixed(1)}" y1="${y}" y2="${y + 4}"/><text class="axis" x="${px.toFixed(1)}" y="${y + 16}"${anchor}>${clock(s)}</text>`,
    );
  }
  return rows.join("");
}
