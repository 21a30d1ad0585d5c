// What was said, utterance by utterance, with the phrases of the lists marked by colour and word.
import { clock, word } from "/ui/static/shared.js";

export default {
  props: { utterances: Array, subject: String, nothing: String },
  template: `
    <section class="panel transcript" :aria-label="subject">
      <h2>{{ subject }}</h2>
      <p class="note">{{ word("script.transcript_note") }}</p>
      <ul v-if="kinds.length" class="legend" :aria-label="word('script.marks')">
        <li v-for="kind in kinds" :key="kind"><mark class="hit" :class="kind">{{
          word("script.kind_" + kind) }}</mark></li></ul>
      <p v-if="!said.length" class="note">{{ nothing }}</p>
      <ol class="said" ref="list">
        <li v-for="each in said" :key="each.key" :class="{ interim: !each.final }">
          <button class="button link number" type="button" @click="go(each.start_s)"
            :aria-label="word('script.go_to', { time: clock(each.start_s) })">{{ clock(each.start_s) }}</button>
          <p v-if="each.parts === null" class="untold">{{ word("script.not_transcribed",
            { from: clock(each.start_s), to: clock(each.end_s) }) }}</p>
          <p v-else-if="!each.parts.length" class="note">{{ word("script.no_words") }}</p>
          <p v-else><span v-if="each.spotted" class="note">{{ word("script.spotted") + " " }}</span><template v-for="(part, i) in each.parts" :key="i"><template v-if="!part.kind">{{
            part.text }}</template><mark v-else class="hit" :class="[part.kind, { negated: part.negated }]"
            :title="part.about">{{ part.text }}<span class="hit-kind">{{ word(part.negated
            ? "script.negated" : "script.kind_" + part.kind) }}</span></mark></template></p>
        </li>
      </ol>
    </section>`,
  data() {
    return { said: [] };
  },
  created() {
    this.take(this.utterances);
  },
  computed: {
    kinds() {
      const found = this.said.flatMap((each) => (each.parts ?? []).map((part) => part.kind));
      return [...new Set(found.filter(Boolean))].sort();
    },
  },
  methods: {
    word,
    clock,
    // An utterance that begins where one does already takes its place: it was not final.
    take(utterances) {
      for (const each of utterances) {
        const key = `${each.channel}:${each.start_s}:${each.parts === null}:${each.spotted}`;
        const there = this.said.find((other) => other.key === key);
        if (there) Object.assign(there, each);
        else this.said.push({ ...each, key });
      }
      this.said.sort((a, b) => a.start_s - b.start_s || a.channel - b.channel);
      this.$nextTick(() => this.toEnd());
      // The part with the time axis shows it there, under its time.
      document.dispatchEvent(new CustomEvent("tonewatch-said", { detail: [...this.said] }));
    },
    toEnd() {
      const list = this.$refs.list;
      if (list && list.scrollHeight - list.scrollTop - list.clientHeight < 160) {
        list.scrollTop = list.scrollHeight;
      }
    },
    go(s) {
      document.dispatchEvent(new CustomEvent("tonewatch-go", { detail: s }));
    },
  },
};
