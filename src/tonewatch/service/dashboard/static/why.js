// What a window's answer rests on: asked for when somebody wants to know, and drawn by the service.
import { ask, clock, percent, word } from "/ui/static/shared.js";

export default {
  props: { address: String, cell: Object, palette: Array },
  template: `
    <section class="why" :aria-label="word('script.why_title')">
      <div class="actions">
        <button class="button" type="button" :disabled="!start || busy" @click="look">{{
          start ? word("script.why_at", start) : word("script.why_choose") }}</button>
        <button v-if="found" class="button quiet" type="button" @click="found = null">{{
          word("script.why_hide") }}</button>
        <span class="note" role="status">{{ busy ? word("script.why_waits") : "" }}</span>
      </div>
      <p v-if="error" class="form-error" role="alert">{{ error }}</p>
      <figure v-if="found" class="panel">
        <h2>{{ word("script.why_of", span(found.start_s, found.end_s)) }}</h2>
        <p>{{ told }}</p>
        <img :src="found.picture" :alt="told">
        <figcaption class="why-notes">
          <p>{{ word("script.why_shows") }}</p>
          <p class="note">{{ word("script.why_not") }}</p></figcaption>
      </figure>
    </section>`,
  data: () => ({ found: null, busy: false, error: "" }),
  computed: {
    start() {
      if (!this.cell || this.cell.label === null) return null;
      const [, from, to] = this.cell.window;
      return this.span(from, to);
    },
    told() {
      const { falls, times_s, bands_hz, label, probability, baseline } = this.found;
      const most = Math.max(...falls.flat());
      const values = {
        word: this.palette.find((paint) => paint.label === label)?.word ?? label,
        p: percent(probability),
        hidden: percent(baseline),
      };
      if (most <= 0.005) return word("script.why_nothing", values);
      const band = falls.findIndex((row) => row.includes(most));
      const time = falls[band].indexOf(most);
      return word("script.why_told", {
        ...values,
        from: times_s[time].toFixed(1),
        to: times_s[time + 1].toFixed(1),
        low: Math.round(bands_hz[band]),
        high: Math.round(bands_hz[band + 1]),
        left: percent(probability - most),
      });
    },
  },
  methods: {
    word,
    span(from, to) {
      return { from: clock(from), to: clock(to) };
    },
    async look() {
      this.busy = true;
      this.error = "";
      try {
        this.found = await ask("GET", `${this.address}?start_s=${this.cell.window[1]}`);
      } catch (error) {
        this.error = window.tonewatchWords[`error.${error.kind}`] ?? error.message;
      }
      this.busy = false;
    },
  },
};
