// The queue: live calls by urgency. A row moves only when its band changes, with a short highlight,
// and never while the pointer or the focus is on the list: those of calls that end wait there too.
// What reaches the chosen band is alerted.
import LiveRows, { HEARD_CELL, SPARK_CELL } from "/ui/static/live_rows.js";
import { remember } from "/ui/static/shared.js";

const ORDER = ["high", "medium", "", "low"]; // not assessed yet is not minor
const LEVELS = { high: ["high"], medium: ["high", "medium"], never: [] };
const NEWS_MS = 4000;
const SHOWN = 3; // alerts at a time: the queue itself must stay in sight
const TONES_HZ = [784, 988];

const rank = (row) => ORDER.indexOf(row.band);

export default {
  mixins: [LiveRows],
  props: { level: String, muted: Boolean, user: String },
  template: `
    <div class="queue">
      <div class="queue-line">
        <label class="field-line"><span>{{ word("script.alert_from") }}</span>
          <select v-model="from" @change="keep">
            <option v-for="each in ['high', 'medium', 'never']" :key="each" :value="each">{{
              word("script.alert_" + each) }}</option></select></label>
        <button class="button" type="button" role="switch" :aria-checked="!quiet" @click="mute">
          <span class="material-icons" aria-hidden="true">{{ quiet ? "volume_off" : "volume_up" }}</span>
          {{ word("script.sound") }}: {{ word(quiet ? "script.off" : "script.on") }}</button>
        <button class="button quiet" type="button" @click="sound(true)">{{ word("script.try_sound") }}</button>
        <span v-if="blocked" class="note" role="status">{{ word("script.sound_blocked") }}</span>
      </div>
      <div class="alerts" role="alert">
        <div v-if="alerts.length" class="alert">
          <ul><li v-for="row in alerts.slice(0, ${SHOWN})" :key="row.id">
            <span class="material-icons" aria-hidden="true">notification_important</span>
            <a :href="row.address">{{ row.name }}</a><span>{{ row.word }}<template v-if="row.reason">:
              {{ row.reason }}</template></span>
            <button class="button" type="button" @click="seen(row.id)"
              :aria-label="word('script.alert_seen_name', { name: row.name })">{{
              word("script.alert_seen") }}</button></li></ul>
          <p v-if="alerts.length > ${SHOWN}" class="alert-more">
            <span>{{ word("script.alert_more", { n: alerts.length - ${SHOWN} }) }}</span>
            <button class="button" type="button" @click="seen(...alerts.map(({ id }) => id))">{{
              word("script.alert_seen_all") }}</button></p>
        </div>
      </div>
      <div class="table-scroll" v-show="rows.length" tabindex="0" role="group" ref="list"
        :aria-label="word('script.queue')" @pointerenter="held = true" @pointerleave="release"
        @focusin="focused = true" @focusout="unfocus">
      <table class="table queue-table">
        <caption class="sr-only">{{ word("script.queue") }}</caption>
        <thead><tr>
          <th scope="col">{{ word("script.place") }}</th>
          <th scope="col">{{ word("script.urgency") }}</th>
          <th scope="col">{{ word("script.caller") }}</th>
          <th scope="col">{{ word("script.why") }}</th>
          <th scope="col">{{ word("script.check") }}</th>
          <th scope="col">{{ word("script.heard_now", { s: window_s }) }}</th>
          <th scope="col" class="cell-spark">{{ word("script.last_minute") }}</th>
        </tr></thead>
        <tbody>
          <tr v-for="(row, i) in rows" :key="row.id"
            :class="{ alarmed: isAlarming(row), moved: row.moved, over: row.ended !== undefined }">
            <td class="cell-place number strong">{{ i + 1 }}</td>
            <td class="cell-urgency"><span class="band" :class="row.band || 'none'">{{ row.word }}</span>
              <span v-if="row.value !== null" class="number note">{{ percent(row.value) }}</span></td>
            <td class="cell-name"><a class="name" :href="row.address">{{ row.name }}</a>
              <span class="note">{{ row.ended === undefined ? row.state : word("script.ended") }}
              <span class="number">{{ lasts(row) }}</span><template
                v-if="row.place"> · {{ row.place }}</template></span></td>
            <td class="cell-why"><span>{{ row.reason }}</span>
              <span v-if="row.tail" class="note tail">“…{{ row.tail }}”</span></td>
            <td class="cell-check" :class="{ nothing: !row.check }"><template v-if="row.check"><span class="flag">
              <span class="material-icons" aria-hidden="true">outlined_flag</span>{{
              word("script.check_this") }}</span>
              <span>{{ row.check.reason }}</span>
              <span class="note">{{ row.check.worth }}</span></template>
              <span v-else class="note">–</span></td>
            ${HEARD_CELL}
            ${SPARK_CELL}
          </tr>
        </tbody>
      </table></div>
      <p v-if="waits" class="note" role="status">{{ word("script.order_waits") }}</p>
    </div>`,
  data() {
    return {
      from: this.level,
      quiet: this.muted,
      alerts: [],
      held: false,
      focused: false,
      waits: false,
      blocked: false,
    };
  },
  created() {
    this.told = new Map(); // the highest band of each call that was alerted
    // And seen, on any visit by the same person.
    this.kept = `tonewatch_seen_alerts ${this.user}`;
    this.known = new Map(JSON.parse(sessionStorage.getItem(this.kept) ?? "[]"));
  },
  methods: {
    isAlarming(row) {
      return row.ended === undefined && LEVELS[this.from].includes(row.band);
    },
    take(changed, gone) {
      let rings = false;
      for (const row of changed) {
        const before = this.find(row.id)?.band;
        this.put(row);
        if (before !== undefined && before !== row.band) this.highlight(row.id);
        rings = this.alert(row) || rings;
      }
      for (const id of gone) {
        this.told.delete(id);
        const row = this.find(id);
        if (row) row.ended = performance.now() / 1000;
      }
      this.alerts = this.alerts.filter(({ id }) => !gone.includes(id));
      if (rings) this.sound(false);
      this.order();
    },
    // A call is alerted once for each band that it rises to, with what was so then: a screen reader
    // would begin anew at each word that changes.
    alert(row) {
      const before = this.told.get(row.id) ?? this.known.get(row.id);
      if (!this.isAlarming(row)) return false;
      if (before !== undefined && ORDER.indexOf(before) <= rank(row)) return false;
      this.told.set(row.id, row.band);
      const { id, name, address, word, reason } = row;
      const there = this.alerts.findIndex((each) => each.id === id);
      this.alerts.splice(there < 0 ? this.alerts.length : there, 1, { id, name, address, word, reason });
      return true;
    },
    seen(...ids) {
      this.alerts = this.alerts.filter(({ id }) => !ids.includes(id));
      for (const id of ids) this.known.set(id, this.told.get(id));
      for (const id of this.known.keys()) if (!this.find(id)) this.known.delete(id);
      sessionStorage.setItem(this.kept, JSON.stringify([...this.known]));
    },
    highlight(id) {
      this.find(id).moved = true;
      setTimeout(() => {
        const there = this.find(id);
        if (there) there.moved = false;
      }, NEWS_MS);
    },
    order() {
      const there = this.rows.filter((row) => row.ended === undefined);
      const wanted = there.sort((a, b) => rank(a) - rank(b) || a.started - b.started);
      const same = wanted.length === this.rows.length && wanted.every((row, i) => row === this.rows[i]);
      this.waits = !same && (this.held || this.focused);
      if (!same && !this.waits) this.rows = wanted;
    },
    release() {
      this.held = false;
      this.order();
    },
    unfocus(event) {
      this.focused = this.$refs.list.contains(event.relatedTarget);
      this.order();
    },
    keep() {
      remember("tonewatch_alert", this.from);
      this.told.clear();
      this.alerts = [];
      for (const row of this.rows) this.alert(row);
    },
    mute() {
      this.quiet = !this.quiet;
      remember("tonewatch_muted", this.quiet ? "yes" : "no");
    },
    // Two short tones. Browsers play none before somebody has clicked or typed on the page.
    async sound(isTrial) {
      if (this.quiet && !isTrial) return;
      this.audio ??= new AudioContext();
      const resumed = this.audio.resume().catch(() => null);
      await Promise.race([resumed, new Promise((done) => setTimeout(done, 300))]);
      this.blocked = this.audio.state !== "running";
      if (this.blocked) return;
      TONES_HZ.forEach((hz, i) => {
        const begin = this.audio.currentTime + 0.22 * i;
        const tone = this.audio.createOscillator();
        const gain = this.audio.createGain();
        tone.frequency.value = hz;
        gain.gain.setValueAtTime(0, begin);
        gain.gain.linearRampToValueAtTime(0.2, begin + 0.02);
        gain.gain.linearRampToValueAtTime(0, begin + 0.2);
        tone.connect(gain).connect(this.audio.destination);
        tone.start(begin);
        tone.stop(begin + 0.21);
      });
    },
  },
};
