// What the tables of live calls share: two cells, and how what is new comes into its row.
import { clock, paintOf, percent, word } from "/ui/static/shared.js";
import { HEIGHT, WIDTH, describe, lastMinute, spark } from "/ui/static/spark.js";

export const HEARD_CELL = `
  <td class="cell-heard"><span v-if="row.last === null || row.last[3] === null" class="chip none">{{
      word(row.last === null ? "script.waiting_short" : "script.no_speech") }}</span>
    <span v-else class="chip" :class="{ unsure: !row.last[5] }">
      <span class="chip-letter" aria-hidden="true"
        :style="{ background: paint(row.last[3]).colour, color: paint(row.last[3]).ink }">{{
        paint(row.last[3]).letter }}</span>{{ paint(row.last[3]).word }}
      <span class="number">{{ percent(row.last[4]) }}</span>
      <span v-if="!row.last[5]" class="chip-unsure">{{ word("script.unsure") }}</span></span></td>`;

export const SPARK_CELL = `
  <td class="cell-spark"><svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}"
    height="${HEIGHT}" preserveAspectRatio="none" role="img" :aria-label="describe(row)" v-html="spark(row)"></svg></td>`;

export default {
  props: { palette: Array, window_s: Number },
  data: () => ({ rows: [], now: performance.now() / 1000 }),
  mounted() {
    this.ticking = setInterval(() => (this.now = performance.now() / 1000), 1000);
  },
  unmounted() {
    clearInterval(this.ticking);
  },
  methods: {
    word,
    clock,
    percent,
    paint(label) {
      return paintOf(this.palette, label);
    },
    spark(row) {
      return spark(row, this.palette);
    },
    describe(row) {
      return describe(row, this.palette);
    },
    // Since the call began, whether its audio goes on or not; by this computer's own clock, which
    // may be wrong, only what has passed since the row came.
    lasts(row) {
      return clock((row.ended ?? this.now) - row.began);
    },
    find(id) {
      return this.rows.find((each) => each.id === id);
    },
    put(row) {
      const there = this.find(row.id);
      const windows = lastMinute(there?.windows ?? [], row.windows, row.heard);
      const last = windows.length ? windows[windows.length - 1] : (there?.last ?? null);
      if (there) Object.assign(there, row, { windows, last, ended: undefined });
      else this.rows.push({ ...row, windows, last, began: this.now - row.age });
    },
  },
};
