// Two meters, urgency and check, and how each came about: signed bars from the intercept to the sum.
// The three largest parts stand there; the others fold into one row, whose number is their sum.
import { clock, percent, word } from "/ui/static/shared.js";

const SHOWN = 3;

// The shown parts add up to the shown sum: each is the difference of two rounded sums.
function steps(score) {
  const parts = [{ key: "", name: word("script.starts_at"), add: score.intercept }];
  for (const each of score.parts) parts.push({ ...each, add: each.log_odds });
  let sum = 0;
  const rows = parts.map((part) => {
    const from = sum;
    sum += part.add;
    return { ...part, from, to: sum, shown: round(sum) - round(from) };
  });
  const low = Math.min(0, ...rows.map((row) => row.to));
  const high = Math.max(0, ...rows.map((row) => row.to));
  const span = Math.max(high - low, 1);
  const at = (value) => (100 * (value - low)) / span;
  return rows.map((row) => ({
    ...row,
    zero: at(0),
    left: at(Math.min(row.from, row.to)),
    wide: row.add ? Math.max(Math.abs(at(row.to) - at(row.from)), 0.6) : 0,
  }));
}

// One row in the place of several that follow each other.
function folded(rows) {
  const ends = rows.flatMap((row) => [row.left, row.left + row.wide]);
  const left = Math.min(...ends);
  return {
    key: "folded",
    n: rows.length,
    name: word("script.smaller_parts", { n: rows.length }),
    add: rows.reduce((sum, row) => sum + row.add, 0),
    shown: rows.reduce((sum, row) => sum + row.shown, 0),
    zero: rows[0].zero,
    left,
    wide: Math.max(...ends) - left,
  };
}

const round = (value) => Math.round(100 * value) / 100;

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return value < -0.004 ? `−${text}` : value > 0.004 ? `+${text}` : text;
}

export default {
  props: { scores: Array },
  template: `
    <div class="scores">
      <div class="panel state-now"><template v-for="score in shown" :key="score.key"><p
        v-if="score.sentence">{{ score.sentence }}</p></template></div>
      <section v-for="score in shown" :key="score.key" class="panel score" :aria-label="score.name">
        <div class="score-head"><h2>{{ score.name }}</h2>
          <span class="number note">{{ score.at }}</span></div>
        <p class="score-now"><span class="number strong">{{ percent(score.value) }}</span>
          <span v-if="score.unit" class="note">{{ score.unit }}</span>
          <span v-if="score.key === 'check'" :class="score.flagged ? 'flag' : 'note'">
            <span v-if="score.flagged" class="material-icons" aria-hidden="true">outlined_flag</span>{{
            score.word }}</span>
          <span v-else class="band" :class="score.band">{{ score.word }}</span></p>
        <div class="gauge" role="meter" :aria-label="score.name" aria-valuemin="0" aria-valuemax="100"
          :aria-valuenow="Math.round(100 * score.value)" :aria-valuetext="percent(score.value) + ', ' + score.word">
          <span class="gauge-fill" :style="{ width: 100 * score.value + '%' }"></span>
          <span v-for="tick in score.ticks" :key="tick.at" class="gauge-tick"
            :style="{ left: 100 * tick.at + '%' }" :title="tick.word"></span></div>
        <p class="note">{{ score.note }}</p>
        <details open><summary>{{ word("script.came_about") }}</summary>
        <ol class="steps">
          <li v-for="row in rows(score)" :key="row.key">
            <span class="step-name">{{ row.name }}</span>
            <span v-if="row.why || row.n" class="step-why note"><button
                v-if="row.start_s !== null && row.start_s !== undefined"
                class="button link number" type="button" @click="go(row.start_s)"
                :aria-label="word('script.go_to', { time: clock(row.start_s) })">{{ clock(row.start_s) }}</button>
              <button v-if="row.n" class="button link" type="button" @click="whole.push(score.key)">{{
                word("script.show_parts") }}</button>{{ row.why }}</span>
            <span class="step-track" aria-hidden="true"><span class="step-zero" :style="{ left: row.zero + '%' }"></span>
              <span class="step-bar" :class="row.add < 0 ? 'down' : 'up'"
                :style="{ left: row.left + '%', width: row.wide + '%' }"></span></span>
            <span class="number step-add">{{ signed(row.shown) }}</span></li>
          <li class="step-sum"><span class="step-name">{{ word("script.sum") }}</span>
            <span class="note">{{ word("script.log_odds", { p: percent(score.value) }) }}</span>
            <span class="number step-add">{{ signed(score.log_odds) }}</span></li>
        </ol></details>
      </section>
    </div>`,
  data() {
    return { shown: this.scores, whole: [] };
  },
  methods: {
    word,
    clock,
    percent,
    signed,
    rows(score) {
      const rows = steps(score);
      const few = rows.slice(0, 1 + SHOWN);
      const rest = rows.slice(1 + SHOWN);
      return rest.length < 2 || this.whole.includes(score.key) ? rows : [...few, folded(rest)];
    },
    take(scores) {
      this.shown = scores;
    },
    go(s) {
      document.dispatchEvent(new CustomEvent("tonewatch-go", { detail: s }));
    },
  },
};
