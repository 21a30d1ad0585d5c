// One open microphone: what it hears a tenth of a second at a time, what it cannot in words, a WAV.
import { word } from "/ui/static/shared.js";

// Gives the rate in Hz and what closes it; `take` gets 16-bit samples and the loudest of them.
export async function listen(take) {
  if (!navigator.mediaDevices) throw new Error(word("script.needs_https"));
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    context.close().catch(() => null);
  };
  try {
    await context.audioWorklet.addModule("/ui/static/microphone_worklet.js");
  } catch (error) {
    close();
    throw error;
  }
  const node = new AudioWorkletNode(context, "taker");
  node.port.onmessage = ({ data }) => take(data);
  context.createMediaStreamSource(stream).connect(node);
  return { rate: context.sampleRate, close };
}

export function explain(error) {
  const known = {
    NotAllowedError: word("script.denied"),
    NotFoundError: word("script.no_microphone"),
  };
  return known[error.name] ?? error.message;
}

// How wide a meter is, 0 to 1, for a peak: in decibels from -60 to 0, what the ear calls louder.
export function width(peak) {
  return peak > 0.001 ? Math.max(0, 1 + (20 * Math.log10(peak)) / 60) : 0;
}

// One channel of 16-bit samples, in blocks, as a file.
export function wav(blocks, rate) {
  const bytes = 2 * blocks.reduce((sum, block) => sum + block.length, 0);
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((each, i) => head.setUint8(at + i, each.charCodeAt(0)));
  text(0, "RIFF");
  head.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, rate, true);
  head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, bytes, true);
  return new Blob([head, ...blocks], { type: "audio/wav" });
}
