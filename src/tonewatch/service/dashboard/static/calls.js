// The live calls: a row each, with a sparkline of the last minute. Rows stay where they are.
import { clock, percent, word } from "/ui/static/shared.js";
import { HEIGHT, WIDTH, describe, lastMinute, paintOf, spark } from "/ui/static/spark.js";

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
          <td class="cell-time number">{{ clock(row.heard) }}</td>
          <td class="cell-heard"><template v-if="row.last === null">
              <span class="chip none">{{ word("script.waiting_short") }}</span></template>
            <template v-else-if="row.last[3] === null">
              <span class="chip none">{{ word("script.no_speech") }}</span></template>
            <span v-else class="chip" :class="{ unsure: !row.last[5] }">
              <span class="chip-letter" aria-hidden="true"
                :style="{ background: paint(row.last[3]).colour, color: paint(row.last[3]).ink }">{{
                paint(row.last[3]).letter }}</span>{{ paint(row.last[3]).word }}
              <span class="number">{{ percent(row.last[4]) }}</span>
              <span v-if="!row.last[5]" class="chip-unsure">{{ word("script.unsure") }}</span></span></td>
          <td class="cell-spark"><svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}"
              height="${HEIGHT}" preserveAspectRatio="none" role="img" :aria-label="describe(row)" v-html="spark(row)"></svg></td>
          <td class="cell-notes" :class="{ nothing: !row.warnings.length && !(row.dropped > 0) }"><span
            v-for="text in row.warnings" :key="text" class="warning">{{ text }}</span>
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
      return paintOf(this.palette, label);
    },
    spark(row) {
      return spark(row, this.palette);
    },
    describe(row) {
      return describe(row, this.palette);
    },
    take(changed, gone) {
      for (const row of changed) {
        const there = this.rows.find((each) => each.id === row.id);
        const kept = lastMinute(there?.windows ?? [], row.windows, row.heard);
        const last = kept.length ? kept[kept.length - 1] : (there?.last ?? null);
        const whole = { ...row, windows: kept, last };
        if (there) Object.assign(there, whole);
        else this.rows.push(whole);
      }
      if (gone.length) this.rows = this.rows.filter((row) => !gone.includes(row.id));
    },
  },
};
