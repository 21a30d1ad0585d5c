// Takes what the microphone gives, mixes it to one channel, and hands it on a tenth of a second at
// a time: as 16-bit samples, with the loudest of them.
class Taker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / 10);
    this.block = new Int16Array(this.size);
    this.n = 0;
    this.peak = 0;
  }

  process([channels]) {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      this.peak = Math.max(this.peak, Math.abs(sample));
      this.block[this.n++] = Math.round(sample * 32767);
      if (this.n === this.size) {
        const samples = this.block.slice();
        this.port.postMessage({ samples, peak: this.peak }, [samples.buffer]);
        this.n = 0;
        this.peak = 0;
      }
    }
    return true;
  }
}

registerProcessor("taker", Taker);
