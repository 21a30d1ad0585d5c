// What was said, under its time on the axis; the transcript tells it in full.
import { clock, word } from "./shared.js";

const meet = (one, other) => one.start_s < other.end_s && other.start_s < one.end_s;

// A block an utterance of the channel; of all where it has none, as its words may be in one channel.
export function blocks(said, channel, from, px) {
  const own = said.filter((each) => each.channel === channel);
  const all = (own.length ? own : said).filter((each) => each.end_s > from);
  const spotted = all.filter((each) => each.spotted);
  const told = all.filter((each) => !each.spotted && each.parts !== null);
  return all
    // A phrase that was spotted in what is written down anyhow would lie on top of it.
    .filter((each) => !each.spotted || !told.some((other) => meet(each, other)))
    .map((each) => {
      const parts = each.parts ?? [{ text: spotted.some((other) => meet(each, other)) ? "" : why(each) }];
      const left = px(Math.max(each.start_s, from));
      return {
        key: each.key,
        look: { untold: each.parts === null, interim: !each.final },
        parts,
        title: parts.map((part) => part.text).join(""),
        left,
        wide: Math.max(px(each.end_s) - left, 4),
      };
    });
}

function why({ start_s, end_s }) {
  return word("script.not_transcribed", { from: clock(start_s), to: clock(end_s) });
}
