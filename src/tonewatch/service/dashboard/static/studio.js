// Records a corpus: who speaks and agrees, what to speak, a take, its check, and keeping it or not.
// The service hears a take to check it; it keeps none before somebody says so.
import { explain, listen, wav, width } from "/ui/static/listening.js";
import { ask, clock, word } from "/ui/static/shared.js";

const COUNT_FROM = 3;
const BEAT_MS = 800;

export default {
  props: { sentences: Array, states: Array, language: String, consent: Object, limits: Object, ages: Array },
  emits: ["changed"],
  template: `
    <div class="studio">
      <section v-if="!speaker" class="panel" aria-labelledby="studio-who">
        <h2 id="studio-who">{{ word("script.who_speaks") }}</h2>
        <div v-if="speakers.length" class="form-line">
          <div class="field"><label class="field-label" for="studio-known">{{ word("script.goes_on") }}</label>
            <select id="studio-known" v-model="known">
              <option v-for="each in speakers" :key="each.number" :value="each.number">{{
                word("script.speaker_is", each) }}</option></select></div>
          <button class="button" type="button" :disabled="!known" @click="begin(known)">{{
            word("script.go_on") }}</button>
        </div>
        <h3>{{ word("script.new_speaker") }}</h3>
        <blockquote class="consent" :lang="consent.language">{{ consent.text }}</blockquote>
        <form class="studio-form" @submit.prevent="agree">
          <label class="check"><input type="checkbox" v-model="agreed">
            <span>{{ word("script.agrees") }}</span></label>
          <div class="form-line">
            <div class="field"><label class="field-label" for="studio-sex">{{ word("script.sex") }}</label>
              <select id="studio-sex" v-model="sex">
                <option value="">{{ word("script.not_told") }}</option>
                <option value="female">{{ word("script.female") }}</option>
                <option value="male">{{ word("script.male") }}</option></select></div>
            <div class="field"><label class="field-label" for="studio-age">{{ word("script.age") }}</label>
              <select id="studio-age" v-model="age">
                <option value="">{{ word("script.not_told") }}</option>
                <option v-for="each in ages" :key="each" :value="each">{{ each }}</option></select></div>
            <div class="field"><label class="field-label" for="studio-language">{{
                word("script.speaks") }}</label>
              <input id="studio-language" v-model.trim="spoken" maxlength="20" autocomplete="off"
                pattern="[A-Za-z\\-]*" :placeholder="language" size="8"></div>
          </div>
          <p class="note">{{ word("script.no_name") }}</p>
          <div class="actions">
            <button class="button primary" type="submit" :disabled="!agreed || busy">{{
              word("script.keep_consent") }}</button>
            <span v-if="!agreed" class="note">{{ word("script.nothing_before_consent") }}</span></div>
        </form>
      </section>
      <section v-else class="panel" aria-labelledby="studio-prompt">
        <div class="studio-head">
          <h2 id="studio-prompt">{{ word("script.prompt_of", { n: at + 1, all: items.length }) }}</h2>
          <span class="tag">{{ word("script.speaker_number", { number: speaker }) }}</span>
          <span class="note number">{{ word("script.takes_kept", { n: kept, all: items.length }) }}</span>
          <button class="button quiet" type="button" :disabled="busy" @click="leave">{{
            word("script.other_speaker") }}</button>
        </div>
        <progress class="studio-progress" :max="items.length" :value="kept"
          :aria-label="word('script.takes_kept', { n: kept, all: items.length })"></progress>
        <p class="studio-state">{{ word("script.act") }} <strong>{{ item.word }}</strong>
          <span v-if="isKept" class="tag">{{ word("script.is_kept") }}</span></p>
        <p class="studio-sentence" :lang="language">{{ item.sentence }}</p>
        <div class="microphone-line">
          <button class="button large" :class="going ? 'danger' : 'primary'" type="button" ref="record"
            data-key="r" :disabled="state === 'asking' || state === 'checking'" @click="press">
            <span class="material-icons" aria-hidden="true">{{ going ? "stop" : "mic" }}</span>{{
            word(going ? "script.stop" : "script.record") }} <kbd>R</kbd></button>
          <span class="number time" v-if="state === 'recording'">{{ clock(seconds) }}</span>
          <span class="studio-count number" v-if="state === 'counting'" aria-hidden="true">{{ count }}</span>
          <div class="meter" role="meter" :aria-label="word('script.level')" aria-valuemin="0"
            aria-valuemax="100" :aria-valuenow="Math.round(100 * level)">
            <div class="meter-fill" :class="{ clipped: level > 0.98 }" :style="{ width: 100 * shown + '%' }"></div>
          </div>
          <div class="actions">
            <button class="button" type="button" :disabled="busy || at === 0" @click="to(at - 1)">{{
              word("script.prompt_before") }}</button>
            <button class="button" type="button" :disabled="busy || at === items.length - 1"
              @click="to(at + 1)">{{ word("script.prompt_next") }}</button></div>
        </div>
        <p class="note" role="status" aria-live="polite">{{ told }}</p>
        <div v-if="check" class="studio-check" role="group" :aria-label="word('script.check_of')">
          <p class="strong">{{ word(check.advice === "keep" ? "script.advice_keep" : "script.advice_retake") }}</p>
          <ul v-if="check.remarks.length" class="studio-remarks">
            <li v-for="each in check.remarks" :key="each.word">{{ remark(each) }}
              <span class="hash">{{ each.word }}</span></li></ul>
          <p class="note number">{{ measured }}</p>
          <audio ref="audio" controls :src="heard" :aria-label="word('script.play_take')"></audio>
          <div class="actions">
            <button class="button" :class="{ primary: check.advice === 'keep' }" type="button" ref="keep"
              data-key="k" :disabled="busy" @click="keep">{{ word("script.keep_take") }} <kbd>K</kbd></button>
            <button class="button" :class="{ primary: check.advice !== 'keep' }" type="button" ref="again"
              data-key="w" :disabled="busy" @click="again">{{ word("script.retake") }} <kbd>W</kbd></button></div>
        </div>
        <p class="note">{{ word("script.studio_keys") }}</p>
      </section>
      <p class="form-error" role="alert" v-if="error">{{ error }}</p>
    </div>`,
  data() {
    return {
      speakers: [],
      takes: [],
      known: "",
      agreed: false,
      sex: "",
      age: "",
      spoken: "",
      speaker: "",
      at: 0,
      state: "idle", // asking, counting, recording, checking
      count: 0,
      seconds: 0,
      level: 0,
      check: null,
      heard: "",
      told: "",
      error: "",
      saving: false,
    };
  },
  computed: {
    items() {
      return this.states.flatMap(({ state, word }) =>
        this.sentences.map((sentence, i) => ({ state, word, number: i + 1, sentence })),
      );
    },
    item() {
      return this.items[this.at];
    },
    kept() {
      return this.items.filter((item) => this.has(item)).length;
    },
    isKept() {
      return this.has(this.item);
    },
    going() {
      return this.state === "counting" || this.state === "recording";
    },
    busy() {
      return this.saving || this.state !== "idle";
    },
    shown() {
      return width(this.level);
    },
    measured() {
      const { duration_s, level_dbfs, snr_db } = this.check;
      return word("script.measured", {
        s: duration_s.toFixed(1),
        level: Math.round(level_dbfs),
        snr: snr_db === null ? "–" : Math.round(snr_db),
      });
    },
  },
  unmounted() {
    this.silence();
    this.drop();
  },
  methods: {
    word,
    clock,
    // Who agreed and what of theirs is kept, as [speaker, state, sentence].
    take(speakers, takes) {
      this.speakers = speakers;
      this.takes = takes;
      const there = speakers.map((each) => each.number);
      if (!there.includes(this.known)) this.known = there[there.length - 1] ?? "";
      if (this.speaker && !there.includes(this.speaker)) this.leave();
    },
    has(item) {
      return this.takes.some(
        ([speaker, state, sentence]) =>
          speaker === this.speaker && state === item.state && sentence === item.sentence,
      );
    },
    async agree() {
      this.error = "";
      this.saving = true;
      try {
        const details = { sex: this.sex || null, age: this.age, language: this.spoken };
        const asked = { agreed: true, consent: this.consent.text, ...details };
        const made = await ask("POST", "/studio/speakers", asked);
        this.speakers = [...this.speakers, made];
        this.$emit("changed");
        this.begin(made.number);
      } catch (error) {
        this.fail(error);
      }
      this.saving = false;
    },
    begin(number) {
      this.speaker = number;
      this.error = this.told = "";
      this.at = Math.max(0, this.items.findIndex((item) => !this.has(item)));
      this.focus("record");
    },
    leave() {
      this.stop();
      this.silence();
      this.drop();
      this.speaker = this.sex = this.age = this.spoken = "";
      this.agreed = false;
    },
    to(at) {
      this.drop();
      this.told = "";
      this.at = at;
    },
    press() {
      if (this.state === "recording") this.finish();
      else if (this.state === "counting") this.stop();
      else this.start();
    },
    async start() {
      this.error = "";
      this.drop();
      if (!this.source) {
        this.state = "asking";
        this.told = word("script.asking");
        try {
          const source = await listen((block) => this.hear(block));
          if (this.state !== "asking") return source.close();
          this.source = source;
        } catch (error) {
          this.state = "idle";
          this.told = "";
          this.error = explain(error);
          return;
        }
      }
      this.state = "counting";
      this.countdown(COUNT_FROM);
    },
    countdown(left) {
      this.count = left;
      this.told = left ? `${left}` : word("script.speak_now");
      if (left) {
        this.timer = setTimeout(() => this.countdown(left - 1), BEAT_MS);
      } else {
        this.blocks = [];
        this.seconds = 0;
        this.state = "recording";
      }
    },
    stop() {
      clearTimeout(this.timer);
      this.state = "idle";
      this.told = "";
    },
    hear({ samples, peak }) {
      this.level = peak;
      if (this.state !== "recording") return;
      this.blocks.push(samples);
      this.seconds += 0.1;
      if (this.seconds >= this.limits.longest_s) this.finish();
    },
    async finish() {
      this.state = "checking";
      this.told = word("script.checking");
      this.blob = wav(this.blocks, this.source.rate);
      this.blocks = [];
      try {
        const found = await this.send("never");
        if (!this.blob) return; // left meanwhile
        this.check = found;
        this.heard = URL.createObjectURL(this.blob);
        this.told = word("script.checked");
      } catch (error) {
        this.drop();
        this.fail(error);
      }
      this.state = "idle";
      this.focus(this.check?.advice === "keep" ? "keep" : this.check ? "again" : "record");
    },
    send(keep) {
      const { state, number } = this.item;
      const form = new FormData();
      const fields = { speaker: this.speaker, state, sentence: number, keep };
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append("file", this.blob, "take.wav");
      return ask("POST", "/studio/takes", form);
    },
    async keep() {
      this.saving = true;
      this.error = "";
      try {
        const { take } = await this.send("always");
        this.takes = [...this.takes, [take.speaker, take.state, take.sentence]];
        this.drop();
        this.$emit("changed");
        const next = this.items.findIndex((item) => !this.has(item));
        this.told = word(next < 0 ? "script.all_kept" : "script.kept_next");
        if (next >= 0) this.at = next;
      } catch (error) {
        this.fail(error);
      }
      this.saving = false;
      this.focus(this.check ? "keep" : "record");
    },
    again() {
      this.start();
      this.focus("record");
    },
    // The take that nobody kept goes.
    drop() {
      if (this.heard) URL.revokeObjectURL(this.heard);
      this.blob = this.check = null;
      this.heard = "";
    },
    silence() {
      clearTimeout(this.timer);
      this.source?.close();
      this.source = null;
      this.level = 0;
    },
    fail(error) {
      this.told = "";
      this.error = window.tonewatchWords[`error.${error.kind}`] ?? error.message;
    },
    focus(name) {
      this.$nextTick(() => this.$refs[name]?.focus());
    },
    // In the reader's language what the check says: what was measured, and what to do.
    remark({ word: what }) {
      const { check, limits } = this;
      return word("script.remark_" + what, {
        speech: check.speech_s.toFixed(2),
        duration: check.duration_s.toFixed(1),
        level: check.level_dbfs.toFixed(1),
        snr: (check.snr_db ?? 0).toFixed(1),
        clipped: (100 * check.clipping).toFixed(2),
        least_speech: limits.least_speech_s,
        shortest: limits.shortest_s,
        longest: limits.longest_s,
        quietest: limits.quietest_dbfs,
        loudest: limits.loudest_dbfs,
        least_snr: limits.least_snr_db,
      });
    },
  },
};
