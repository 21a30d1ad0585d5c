// Drag and drop, or choose: each file with its progress, which can be cancelled.
import { token, word } from "/ui/static/shared.js";

export default {
  props: { largest: Number, most: Number },
  emits: ["kept"],
  template: `
    <section class="upload" :class="{ over }" :aria-label="word('script.upload')"
      @dragover.prevent="over = true" @dragleave.prevent="over = false" @drop.prevent="drop">
      <div class="upload-ask">
        <p>{{ word("script.drop") }}</p>
        <label class="button primary">
          <input type="file" class="sr-only" multiple @change="choose"
            accept="audio/*,video/mp4,video/webm,.amr,.ulaw,.alaw,.al,.ul">
          <span>{{ word("script.choose") }}</span></label>
        <p class="note">{{ word("script.upload_note", { mb: largest, h: hours }) }}</p>
      </div>
      <ul v-if="files.length" class="upload-files" aria-live="polite">
        <li v-for="file in files" :key="file.number" :class="file.state">
          <span class="upload-name">{{ file.name }}</span>
          <progress v-if="file.state === 'sending'" max="1" :value="file.done"
            :aria-label="word('script.sending', { name: file.name })"></progress>
          <span class="number" v-if="file.state === 'sending' && file.done < 1">{{
            Math.round(100 * file.done) }}%</span>
          <span v-else>{{ file.text }}</span>
          <button class="button quiet" type="button" @click="away(file)"
            :aria-label="word(file.state === 'sending' ? 'script.cancel_name' : 'script.hide_name',
              { name: file.name })">×</button>
        </li>
      </ul>
    </section>`,
  data: () => ({ over: false, files: [], n: 0 }),
  computed: {
    hours() {
      return Math.round((10 * this.most) / 3600) / 10;
    },
  },
  methods: {
    word,
    choose(event) {
      this.take(event.target.files);
      event.target.value = "";
    },
    drop(event) {
      this.over = false;
      this.take(event.dataTransfer.files);
    },
    take(files) {
      for (const file of files) {
        this.files.push({ number: this.n++, name: file.name, state: "waiting", done: 0, text: "", file });
      }
      this.next();
    },
    next() {
      if (this.files.some((file) => file.state === "sending")) return;
      const file = this.files.find((each) => each.state === "waiting");
      if (file) this.send(file);
    },
    send(file) {
      if (file.file.size > this.largest * 1e6) {
        this.end(file, "failed", word("script.too_large", { mb: this.largest }));
        return;
      }
      const form = new FormData();
      form.append("file", file.file, file.name);
      const request = new XMLHttpRequest();
      file.request = request;
      file.state = "sending";
      file.text = word("script.reading");
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) file.done = event.loaded / event.total;
      };
      request.onload = () => {
        let content = {};
        try {
          content = JSON.parse(request.responseText);
        } catch {
          content = {};
        }
        if (request.status === 201) {
          this.end(file, "kept", word("script.kept"));
          this.$emit("kept", content.id);
        } else {
          const known = window.tonewatchWords[`error.${(content.type ?? "").split(":").pop()}`];
          this.end(file, "failed", known ?? content.detail ?? word("script.no_answer"));
        }
      };
      request.onerror = () => this.end(file, "failed", word("script.no_answer"));
      request.open("POST", "/api/v1/recordings");
      request.setRequestHeader("X-CSRF-Token", token());
      request.send(form);
    },
    end(file, state, text) {
      file.state = state;
      file.text = text;
      file.request = null;
      if (state === "kept") setTimeout(() => this.away(file), 6000);
      this.next();
    },
    away(file) {
      file.request?.abort();
      this.files = this.files.filter((each) => each !== file && each.number !== file.number);
      this.next();
    },
  },
};
