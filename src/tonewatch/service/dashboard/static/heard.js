// What was heard, over one time axis: player, waveform, areas, windows, and how often what.
// Live, windows come in by push() and the axis follows until somebody scrolls back.
import { cells, draw, lanes } from "/ui/static/chart.js";
import { blocks } from "/ui/static/lane.js";
import { clock, paintOf, percent, word } from "/ui/static/shared.js";
import Why from "/ui/static/why.js";

const FITS_S = 240; // longer ones scroll
const PX_PER_S = 5;
const LIVE_S = 900; // drawn of a live call: its last quarter of an hour
const ROWS = 100;
let number = 0;

export default {
  components: { Why },
  props: {
    palette: Array,
    subject: String,
    duration: Number,
    windows: Array,
    audio: String,
    live: Boolean,
    follows: Boolean,
    window_s: Number,
    explains: { type: String, default: "" },
    urgency: { type: Array, default: () => [] },
    ticks: { type: Array, default: () => [] },
  },
  template: `
    <div class="heard-place">
    <div v-show="begun || shownWindows.length" class="heard" :class="{ live: isLive }">
      <div class="player-line">
        <template v-if="source">
          <button class="button round" type="button" @click="toggle"
            :aria-label="word(playing ? 'script.pause' : 'script.play')">
            <span class="material-icons" aria-hidden="true">{{ playing ? "pause" : "play_arrow" }}</span>
          </button>
          <audio ref="audio" :src="source" preload="none" @timeupdate="at = $refs.audio.currentTime"
            @play="begin" @pause="playing = false" @ended="playing = false" @error="broken = true"></audio>
        </template>
        <span class="number time">{{ clock(at) }} / {{ clock(length) }}</span>
        <span class="sentence" :class="{ unsure: now && now.label !== null && !now.certain }">
          {{ sentence }}</span>
        <button v-if="isLive && frozen" class="button" type="button" @click="thaw">
          {{ word("script.back_to_live") }}</button>
      </div>
      <p v-if="broken" class="form-error" role="alert">{{ word("script.cannot_play") }}</p>
      <div class="chart-scroll" ref="scroll" tabindex="0" role="slider" @click="point"
        @keydown="key" @scroll.passive="scrolled" :aria-label="word('script.position')"
        aria-valuemin="0" :aria-valuemax="Math.round(length)" :aria-valuenow="Math.round(at)"
        :aria-valuetext="clock(at) + ', ' + sentence">
        <div class="chart-inside" :style="{ width: width + 'px', height: tall + 'px' }">
          <svg aria-hidden="true" :width="width" :height="tall" v-html="picture"></svg>
          <ol v-if="blocks.length" class="said-lane" aria-hidden="true" :style="{ top: saidTop + 'px' }">
            <li v-for="block in blocks" :key="block.key" :class="block.look" :title="block.title"
              :style="{ left: block.left + 'px', width: block.wide + 'px' }"><template
              v-for="(part, i) in block.parts" :key="i"><template v-if="!part.kind">{{ part.text }}</template><mark
              v-else class="hit" :class="[part.kind, { negated: part.negated }]">{{ part.text }}</mark></template></li>
          </ol>
          <div class="playhead" v-show="at >= from" :style="{ left: px(at) + 'px', height: tall - 20 + 'px' }"></div>
        </div>
      </div>
      <p v-if="!shownWindows.length" class="note chart-empty">{{
        word(isLive && begun ? "script.waiting" : "script.nothing_heard", { s: window_s }) }}</p>
      <ul class="legend" :aria-label="word('script.legend')">
        <li v-for="paint in palette" :key="paint.label">
          <span class="chip-letter" :style="{ background: paint.colour, color: paint.ink }"
            aria-hidden="true">{{ paint.letter }}</span>{{ paint.word }}</li>
        <li><span class="swatch-unsure" aria-hidden="true"></span>{{ word("script.unsure") }}</li>
      </ul>
      <div class="channels" v-if="channels.length > 1" role="group" :aria-label="word('script.channel')">
        <button v-for="each in channels" :key="each" class="button" type="button"
          :aria-pressed="each === channel" @click="channel = each; redraw()">
          {{ word("script.channel") }} {{ each + 1 }}</button>
      </div>
      <Why v-if="reasons && shownWindows.length" :address="reasons" :cell="now" :palette="palette"></Why>
      <slot></slot>
      <div v-show="shownWindows.length" class="heard-below">
        <section class="panel" :aria-labelledby="id + 'share'">
          <h2 :id="id + 'share'">{{ word("script.distribution") }}</h2>
          <p class="note">{{ word("script.distribution_note", { n: shownWindows.length }) }}</p>
          <ul class="bars">
            <li v-for="bar in bars" :key="bar.key">
              <span class="bar-name">{{ bar.word }}</span>
              <span class="bar-track" aria-hidden="true"><span class="bar-fill" :class="bar.key"
                :style="{ width: 100 * bar.share + '%', background: bar.colour }"></span></span>
              <span class="number">{{ percent(bar.share) }}</span></li>
          </ul>
        </section>
        <section class="panel windows" :aria-labelledby="id + 'windows'">
          <h2 :id="id + 'windows'">{{ word("script.windows") }}</h2>
          <div class="table-scroll tall" tabindex="0" role="group" :aria-label="word('script.windows')">
            <table class="table">
              <thead><tr><th scope="col">{{ word("script.time") }}</th>
                <th scope="col">{{ word("script.heard") }}</th>
                <th scope="col">{{ word("script.confidence") }}</th>
                <th scope="col">{{ word("script.next") }}</th></tr></thead>
              <tbody>
                <tr v-for="row in rows" :key="row.from" :class="{ current: now && row.from === now.from }">
                  <td><button class="button link number" type="button" @click="seek(row.window[1])"
                    :aria-label="word('script.go_to', { time: clock(row.window[1]) })">{{
                    clock(row.window[1]) }}–{{ clock(row.window[2]) }}</button></td>
                  <template v-if="row.label === null">
                    <td colspan="3" class="note">{{ word("script.no_speech") }}</td></template>
                  <template v-else>
                    <td><span class="chip" :class="{ unsure: !row.certain }">
                      <span class="chip-letter" aria-hidden="true"
                        :style="{ background: paint(row.label).colour, color: paint(row.label).ink }">{{
                        paint(row.label).letter }}</span>{{ paint(row.label).word
                      }}<span v-if="!row.certain" class="chip-unsure">{{ word("script.unsure") }}</span></span></td>
                    <td class="number">{{ percent(row.confidence) }}</td>
                    <td class="note">{{ second(row) }}</td></template>
                </tr>
              </tbody>
            </table>
          </div>
          <button v-if="hidden > 0" class="button" type="button" @click="all = true">{{
            word("script.show_all", { n: hidden }) }}</button>
        </section>
      </div>
    </div>
    <div v-if="!begun && !shownWindows.length" class="empty">
      <span class="material-icons icon" aria-hidden="true">graphic_eq</span>
      <p class="empty-title">{{ word("script.nothing_heard") }}</p>
      <p class="note">{{ word("script.speak_to_see", { s: window_s }) }}</p>
    </div></div>`,
  data() {
    return {
      id: `heard${number++}-`,
      at: 0,
      playing: false,
      broken: false,
      isLive: this.live,
      begun: !this.follows,
      source: this.audio,
      reasons: this.explains,
      length: this.duration,
      channel: this.windows.find((window) => window[3] !== null)?.[0] ?? this.windows[0]?.[0] ?? 0,
      channels: [],
      cells: [],
      shownWindows: [],
      width: 600,
      tall: 0,
      from: 0,
      scale: 1,
      saidTop: 0,
      said: [],
      frozen: false,
      picture: "",
      all: false,
    };
  },
  created() {
    this.every = [...this.windows];
    this.peaks = [];
    this.line = [...this.urgency];
    this.thresholds = this.ticks;
    document.addEventListener("tonewatch-said", this.hear);
  },
  mounted() {
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(this.$refs.scroll);
    document.addEventListener("tonewatch-go", this.go);
    if (this.follows) {
      document.addEventListener("tonewatch-heard", this.follow);
    }
    this.redraw();
  },
  unmounted() {
    this.watcher.disconnect();
    document.removeEventListener("tonewatch-go", this.go);
    document.removeEventListener("tonewatch-said", this.hear);
    document.removeEventListener("tonewatch-heard", this.follow);
    cancelAnimationFrame(this.frame);
  },
  computed: {
    now() {
      const inside = this.cells.find((cell) => this.at >= cell.from && this.at < cell.to);
      // After the last window's end the audio may go on for a moment.
      const last = this.cells[this.cells.length - 1];
      return inside ?? (last && this.at >= last.to ? last : undefined);
    },
    sentence() {
      const cell = this.now;
      if (!cell) return "";
      if (cell.label === null) return word("script.no_speech");
      const values = {
        word: this.paint(cell.label).word,
        p: percent(cell.confidence),
        subject: this.subject,
        from: clock(cell.window[1]),
        to: clock(cell.window[2]),
      };
      return word(cell.certain ? "script.sentence" : "script.sentence_unsure", values);
    },
    blocks() {
      return blocks(this.said, this.channel, this.from, (s) => this.px(s));
    },
    rows() {
      const rows = this.isLive ? [...this.cells].reverse() : this.cells;
      return this.all ? rows : rows.slice(0, ROWS);
    },
    hidden() {
      return this.cells.length - this.rows.length;
    },
    bars() {
      const n = Math.max(1, this.shownWindows.length);
      const count = (test) => this.shownWindows.filter(test).length / n;
      const bars = this.palette.map((paint) => ({
        key: paint.label,
        word: paint.word,
        colour: paint.colour,
        share: count((window) => window[3] === paint.label && window[5]),
      }));
      bars.push({ key: "unsure", word: word("script.unsure"), share: count((w) => w[3] !== null && !w[5]) });
      bars.push({ key: "silent", word: word("script.no_speech"), share: count((w) => w[3] === null) });
      return bars;
    },
  },
  methods: {
    word,
    clock,
    percent,
    paint(label) {
      return paintOf(this.palette, label);
    },
    second(cell) {
      const order = this.palette
        .map((paint, i) => [cell.shares[i] ?? 0, paint])
        .filter(([, paint]) => paint.label !== cell.label)
        .sort((a, b) => b[0] - a[0]);
      return order.length ? `${order[0][1].word} ${percent(order[0][0])}` : "";
    },
    redraw() {
      if (!this.$refs.scroll) return;
      this.channels = [...new Set(this.every.map((window) => window[0]))].sort();
      if (this.channels.length && !this.channels.includes(this.channel)) [this.channel] = this.channels;
      this.shownWindows = this.every.filter((window) => window[0] === this.channel);
      // Nothing moves under somebody who has scrolled back.
      if (!this.frozen) this.from = this.isLive ? Math.max(0, this.length - LIVE_S) : 0;
      this.cells = cells(this.shownWindows);
      const to = this.isLive ? Math.max(this.length, 30) : Math.max(this.length, 0.1);
      const span = to - this.from;
      const room = this.$refs.scroll.clientWidth;
      this.width = span <= FITS_S ? room : Math.max(room, Math.round(span * PX_PER_S));
      const lane = lanes(this.peaks.length > 0, this.line.length > 0, this.said.length > 0);
      this.tall = lane.height;
      this.saidTop = lane.said;
      this.picture = draw({
        cells: this.cells.filter((cell) => cell.to > this.from),
        palette: this.palette,
        from: this.from,
        to,
        width: this.width,
        outline: this.peaks,
        duration: this.length,
        id: this.id,
        line: this.line,
        ticks: this.thresholds,
        hasSaid: this.said.length > 0,
        words: {
          none: word("script.no_speech"),
          urgency: word("script.urgency"),
          areas: word("script.areas", { subject: this.subject }),
          bands: [word("script.medium_from"), word("script.high_from")],
        },
      });
      this.scale = this.width / span;
      if (this.isLive && !this.frozen) {
        this.at = this.length;
        this.$nextTick(() => this.toEnd());
      }
    },
    px(s) {
      return (s - this.from) * this.scale;
    },
    toEnd() {
      const scroll = this.$refs.scroll;
      if (scroll) scroll.scrollLeft = scroll.scrollWidth;
    },
    scrolled() {
      const scroll = this.$refs.scroll;
      if (!this.isLive || scroll.scrollWidth <= scroll.clientWidth + 2) return;
      if (scroll.scrollLeft + scroll.clientWidth < scroll.scrollWidth - 60) this.frozen = true;
    },
    thaw() {
      this.frozen = false;
      this.redraw();
    },
    point(event) {
      const inside = this.$refs.scroll.firstElementChild.getBoundingClientRect();
      this.seek(this.from + (event.clientX - inside.left) / this.scale);
    },
    hear({ detail }) {
      const some = this.said.length > 0;
      this.said = detail;
      if (some !== detail.length > 0) this.redraw();
    },
    // Other parts of the page lead to a time.
    go({ detail }) {
      this.seek(detail);
      this.$refs.scroll.focus();
    },
    seek(s) {
      this.at = Math.min(Math.max(s, 0), this.length);
      if (this.isLive) this.frozen = this.at < this.length - 1;
      if (this.at < this.from) {
        this.from = Math.max(0, this.at - LIVE_S / 2);
        this.redraw();
      }
      if (this.$refs.audio) this.$refs.audio.currentTime = this.at;
      const scroll = this.$refs.scroll;
      const px = this.px(this.at);
      if (px < scroll.scrollLeft || px > scroll.scrollLeft + scroll.clientWidth) {
        scroll.scrollLeft = px - scroll.clientWidth / 2;
      }
    },
    key(event) {
      const step = event.shiftKey ? 10 : 1;
      const to = {
        ArrowLeft: this.at - step,
        ArrowRight: this.at + step,
        Home: 0,
        End: this.length,
        PageUp: this.at - 30,
        PageDown: this.at + 30,
      }[event.key];
      if (to !== undefined) this.seek(to);
      else if (event.key === " ") this.toggle();
      else return;
      event.preventDefault();
    },
    toggle() {
      const audio = this.$refs.audio;
      if (!audio) return;
      if (audio.paused) audio.play().catch(() => (this.broken = true));
      else audio.pause();
    },
    begin() {
      this.playing = true;
      const step = () => {
        if (!this.playing || !this.$refs.audio) return;
        this.at = this.$refs.audio.currentTime;
        const scroll = this.$refs.scroll;
        const px = this.px(this.at);
        if (px > scroll.scrollLeft + scroll.clientWidth - 40) scroll.scrollLeft = px - 40;
        this.frame = requestAnimationFrame(step);
      };
      step();
    },
    push(windows, duration) {
      this.every.push(...windows);
      this.every.sort((a, b) => a[1] - b[1]);
      this.length = Math.max(this.length, duration);
      this.redraw();
    },
    // The urgency after so many seconds, and the thresholds that held then.
    push_urgency(at, value, ticks) {
      const last = this.line[this.line.length - 1];
      if (last && last[0] >= at) return;
      this.line.push([at, value]);
      this.thresholds = ticks;
      this.redraw();
    },
    draw_outline(peaks) {
      this.peaks = peaks;
      this.redraw();
    },
    end(audio, duration, explains = "") {
      this.isLive = false;
      this.frozen = false;
      this.length = duration || this.length;
      this.source = audio;
      this.reasons = explains;
      this.at = 0;
      this.redraw();
    },
    // Within the page, as the microphone's own answers come.
    follow({ detail }) {
      if (detail.begin) {
        this.every = [];
        this.length = 0;
        this.isLive = this.begun = true;
        this.frozen = false;
        this.source = "";
        this.redraw();
      } else if (detail.end) {
        this.end("", this.length);
      } else {
        this.push(detail.windows, detail.duration);
      }
    },
  },
};
