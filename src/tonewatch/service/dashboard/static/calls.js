// The live calls: a row each, with a sparkline of the last minute. Rows stay where they are.
import LiveRows, { HEARD_CELL, SPARK_CELL } from "/ui/static/live_rows.js";

export default {
  mixins: [LiveRows],
  template: `
    <div class="table-scroll" v-show="rows.length" tabindex="0" role="group"
      :aria-label="word('script.live_calls')">
    <table class="table live-calls">
      <caption class="sr-only">{{ word("script.live_calls") }}</caption>
      <thead><tr>
        <th scope="col">{{ word("script.caller") }}</th>
        <th scope="col">{{ word("script.duration") }}</th>
        <th scope="col">{{ word("script.heard_now", { s: window_s }) }}</th>
        <th scope="col">{{ word("script.last_minute") }}</th>
        <th scope="col">{{ word("script.warnings") }}</th>
      </tr></thead>
      <tbody>
        <tr v-for="row in rows" :key="row.id">
          <td class="cell-name"><a class="name" :href="row.address">{{ row.name }}</a>
            <span class="note">{{ row.place || row.roles }}</span></td>
          <td class="cell-time number">{{ lasts(row) }}</td>
          ${HEARD_CELL}
          ${SPARK_CELL}
          <td class="cell-notes" :class="{ nothing: !row.warnings.length && !(row.dropped > 0) }"><span
            v-for="text in row.warnings" :key="text" class="warning">{{ text }}</span>
            <span v-if="row.dropped > 0" class="warning">{{
              word("script.dropped", { s: row.dropped.toFixed(1) }) }}</span></td>
        </tr>
      </tbody>
    </table></div>`,
  methods: {
    take(changed, gone) {
      for (const row of changed) this.put(row);
      if (gone.length) this.rows = this.rows.filter((row) => !gone.includes(row.id));
    },
  },
};
