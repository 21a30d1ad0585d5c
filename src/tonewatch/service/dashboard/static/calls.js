// The live calls: a row each, with a sparkline of the last minute. Rows stay where they are.
import { clock, percent, word } from "/ui/static/shared.js";

const MINUTE_S = 60;
const WIDTH = 180;
const HEIGHT = 28;

export default {
  props: { palette: Array },
  template: `
    <div class="table-scroll" v-show="rows.length" tabindex="0" role="group"
      :aria-label="word('script.live_calls')">
    <table class="table live-calls">
      <caption class="sr-only">{{ word("script.live_calls") }}</caption>
      <thead><tr>
        <th scope="col">{{ word("script.caller") }}</th>
        <th scope="col">{{ word("script.duration") }}</th>
        <th scope="col">{{ word("script.heard_now") }}</th>
        <th scope="col">{{ word("script.last_minute") }}</th>
        <th scope="col">{{ word("script.warnings") }}</th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id">
          <td class="cell-name"><a class="name" :href="row.address">{{ row.name }}</a>
            <span class="note">{{ row.place || row.roles }}</span></td>
          <td class="number">{{ clock(row.heard) }}</td>
          <td><template v-if="row.last === null">
              <span class="chip none">{{ word("script.waiting_short") }}</span></template>
            <template v-else-if="row.last[3] === null">
              <span class="chip none">{{ word("script.no_speech") }}</span></template>
            <span v-else class="chip" :class="{ unsure: !row.last[5] }">
              <span class="chip-letter" aria-hidden="true"
                :style="{ background: paint(row.last[3]).colour, color: paint(row.last[3]).ink }">{{
                paint(row.last[3]).letter }}</span>{{ paint(row.last[3]).word }}
              <span class="number">{{ percent(row.last[4]) }}</span>
              <span v-if="!row.last[5]" class="chip-unsure">{{ word("script.unsure") }}</span></span></td>
          <td><svg class="spark" width="${WIDTH}" height="${HEIGHT}" role="img"
              :aria-label="describe(row)" v-html="spark(row)"></svg></td>
          <td><span v-for="text in row.warnings" :key="text" class="warning">{{ text }}</span>
            <span v-if="row.dropped > 0" class="warning">{{
              word("script.dropped", { s: row.dropped.toFixed(1) }) }}</span></td>
        </tr>
      </tbody>
    </table></div>`,
  data: () => ({ rows: [] }),
  methods: {
    word,
    clock,
    percent,
    paint(label) {
      return this.palette.find((paint) => paint.label === label) ?? this.palette[0];
    },
    take(changed, gone) {
      for (const row of changed) {
        const there = this.rows.find((each) => each.id === row.id);
        const windows = [...(there?.windows ?? []), ...row.windows];
        const begin = row.heard - MINUTE_S;
        const kept = windows.filter((window) => window[2] > begin);
        const last = kept.length ? kept[kept.length - 1] : (there?.last ?? null);
        const whole = { ...row, windows: kept, last };
        if (there) Object.assign(there, whole);
        else this.rows.push(whole);
      }
      if (gone.length) this.rows = this.rows.filter((row) => !gone.includes(row.id));
    },
    spark(row) {
      const begin = row.heard - MINUTE_S;
      const scale = WIDTH / MINUTE_S;
      const bars = row.windows.map(([, start, end, label, confidence, certain], i) => {
        const next = row.windows[i + 1];
        const from = i ? row.windows[i - 1][2] : start;
        const x = (Math.max(from, end - 3) - begin) * scale;
        const wide = Math.max(1, (end - begin) * scale - x - (next ? 0.6 : 0));
        if (label === null) return "";
        const tall = Math.max(3, confidence * (HEIGHT - 3));
        const y = HEIGHT - 1 - tall;
        const paint = this.paint(label).colour;
        const look = certain ? "" : ' class="pale-bar"';
        return `<rect${look} x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}" fill="${paint}"/>`;
      });
      return `<line class="grid" x2="${WIDTH}" y1="${HEIGHT - 0.5}" y2="${HEIGHT - 0.5}"/>${bars.join("")}`;
    },
    describe(row) {
      const counts = new Map();
      for (const window of row.windows) {
        const name =
          window[3] === null
            ? word("script.no_speech")
            : window[5]
              ? this.paint(window[3]).word
              : word("script.unsure");
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
      return word("script.minute_of", { what: most.map(([name]) => name).join(", ") || "–" });
    },
  },
};
