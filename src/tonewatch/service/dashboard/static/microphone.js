// The microphone as a live call: consent, start and stop, level, and what is heard.
import { explain, listen, width } from "/ui/static/listening.js";
import { clock, word } from "/ui/static/shared.js";

const LONGEST_WAIT_BYTES = 1e6; // more unsent than this, and the line is too slow
const HEARD = ["emotion_estimated", "no_speech"];

export default {
  props: { metadata: Object, keeps: Boolean },
  template: `
    <section class="microphone panel" :aria-label="word('script.microphone')">
      <label class="check"><input type="checkbox" v-model="agreed" :disabled="state !== 'idle'">
        <span>{{ word("script.consent") }}</span></label>
      <label class="check" v-if="keeps"><input type="checkbox" v-model="keep" :disabled="state !== 'idle'">
        <span>{{ word("script.keep_audio") }}</span></label>
      <div class="microphone-line">
        <button v-if="state === 'idle'" class="button primary large" type="button" :disabled="!agreed"
          @click="start"><span class="material-icons" aria-hidden="true">mic</span>{{ word("script.start") }}</button>
        <button v-else class="button danger large" type="button" @click="stop" ref="stop">
          <span class="material-icons" aria-hidden="true">stop</span>{{ word("script.stop") }}</button>
        <span class="number time" v-if="state !== 'idle'">{{ clock(seconds) }}</span>
        <div class="meter" role="meter" :aria-label="word('script.level')" aria-valuemin="0"
          aria-valuemax="100" :aria-valuenow="Math.round(100 * level)">
          <div class="meter-fill" :class="{ clipped: level > 0.98 }" :style="{ width: 100 * shown + '%' }"></div>
        </div>
        <span class="note" role="status">{{ hint }}</span>
      </div>
      <p class="form-error" role="alert" v-if="error">{{ error }}</p>
      <p v-if="ended" class="notice">{{ word("script.call_kept") }}
        <a :href="'/ui/calls/' + ended">{{ word("script.to_call") }}</a></p>
    </section>`,
  data: () => ({
    agreed: false,
    keep: true,
    state: "idle",
    seconds: 0,
    quiet: 0,
    level: 0,
    error: "",
    ended: "",
    warning: "",
  }),
  computed: {
    shown() {
      return width(this.level);
    },
    hint() {
      if (this.state === "idle") return this.agreed || this.ended ? "" : word("script.agree_first");
      if (this.state === "asking") return word("script.asking");
      if (this.warning) return this.warning;
      return this.quiet > 3 ? word("script.silent") : "";
    },
  },
  unmounted() {
    this.finish();
  },
  methods: {
    word,
    clock,
    async start() {
      this.error = this.ended = this.warning = "";
      this.state = "asking";
      this.seconds = this.quiet = 0;
      try {
        this.source = await listen((block) => this.take(block));
        if (this.state !== "asking") return this.silence();
        await this.connect(this.source.rate);
        this.state = "on";
        document.dispatchEvent(new CustomEvent("tonewatch-heard", { detail: { begin: true } }));
      } catch (error) {
        this.error = explain(error);
        this.finish();
      }
    },
    connect(rate) {
      return new Promise((resolve, reject) => {
        const scheme = location.protocol === "https:" ? "wss:" : "ws:";
        const socket = new WebSocket(`${scheme}//${location.host}/api/v1/live`);
        this.socket = socket;
        socket.onopen = () =>
          socket.send(
            JSON.stringify({
              type: "open",
              encoding: "pcm_s16le",
              rate_hz: rate,
              channels: ["caller"],
              metadata: this.metadata,
              record: this.keeps && this.keep,
            }),
          );
        socket.onmessage = ({ data }) => {
          const event = JSON.parse(data);
          if (event.type === "opened") {
            this.callId = event.call_id;
            resolve();
          } else {
            this.hear(event);
          }
        };
        socket.onclose = ({ code, reason }) => {
          const closed = { 4503: word("script.model_off"), 4429: word("script.too_many") };
          const why = closed[code] ?? (reason || word("script.no_answer"));
          if (this.socket === socket && code !== 1000) this.error = why;
          reject(new Error(why));
          if (this.socket === socket) this.finish();
        };
      });
    },
    take({ samples, peak }) {
      this.level = peak;
      if (this.state !== "on" || this.socket?.readyState !== WebSocket.OPEN) return;
      this.seconds += 0.1;
      this.quiet = peak < 0.003 ? this.quiet + 0.1 : 0;
      if (this.socket.bufferedAmount > LONGEST_WAIT_BYTES) this.warning = word("script.slow");
      this.socket.send(samples.buffer);
    },
    hear(event) {
      if (event.type === "call_ended") {
        this.ended = this.callId;
        this.finish();
      } else if (event.type === "call_warned") {
        this.warning = window.tonewatchWords[`warning.${event.code}`] ?? event.message;
      } else if (event.type === "heard" && HEARD.includes(event.event.type)) {
        const { start_s, end_s, label, confidence, certain, probabilities } = event.event;
        const row = label
          ? [event.channel, start_s, end_s, label, confidence, certain, ...Object.values(probabilities)]
          : [event.channel, start_s, end_s, null, 0, false];
        const detail = { windows: [row], duration: end_s };
        document.dispatchEvent(new CustomEvent("tonewatch-heard", { detail }));
      }
    },
    stop() {
      this.state = "stopping";
      this.silence();
      if (this.socket?.readyState === WebSocket.OPEN) {
        this.socket.send(JSON.stringify({ type: "end", reason: "finished" }));
      } else {
        this.finish();
      }
    },
    silence() {
      this.source?.close();
      this.source = null;
      this.level = 0;
    },
    finish() {
      this.silence();
      const socket = this.socket;
      this.socket = null;
      if (socket && socket.readyState < WebSocket.CLOSING) socket.close(1000);
      if (this.state !== "idle") {
        document.dispatchEvent(new CustomEvent("tonewatch-heard", { detail: { end: true } }));
      }
      this.state = "idle";
    },
  },
};
