// Signing in, and setting a password by a one-time link.
import { ask, word } from "/ui/static/shared.js";

export default {
  props: { next: String, token: String, shortest: Number },
  template: `
    <form class="sign-in" @submit.prevent="send" novalidate>
      <label v-if="!token" class="field">
        <span class="field-label">{{ word("script.name") }}</span>
        <input name="name" v-model="name" autocomplete="username" autofocus required maxlength="100"
          autocapitalize="none" spellcheck="false" ref="name">
      </label>
      <label class="field">
        <span class="field-label">{{ word(token ? "script.new_password" : "script.password") }}</span>
        <input name="password" v-model="password" required maxlength="256" ref="password"
          :type="shown ? 'text' : 'password'"
          :autocomplete="token ? 'new-password' : 'current-password'"
          :aria-describedby="token ? 'password-hint' : null">
      </label>
      <p v-if="token" id="password-hint" class="note">
        {{ word("script.password_hint", { n: shortest }) }}</p>
      <label class="check"><input type="checkbox" v-model="shown">
        <span>{{ word("script.show_password") }}</span></label>
      <p class="form-error" role="alert" v-if="error">{{ error }}</p>
      <button class="button primary" type="submit" :disabled="busy">
        {{ word(token ? "script.set_password" : "script.sign_in") }}</button>
    </form>`,
  data: () => ({ name: "", password: "", shown: false, busy: false, error: "" }),
  methods: {
    word,
    async send() {
      if (this.token && this.password.length < this.shortest) {
        this.error = word("script.password_hint", { n: this.shortest });
        this.$refs.password.focus();
        return;
      }
      this.busy = true;
      this.error = "";
      try {
        const body = { password: this.password };
        if (this.token) await ask("POST", "/session/password", { ...body, token: this.token });
        else await ask("POST", "/session", { ...body, name: this.name.trim() });
        location.assign(this.next);
      } catch (error) {
        this.error =
          error.status === 429
            ? word("script.wait", { s: error.after })
            : { bad_password: word("script.bad_password"), bad_token: word("script.bad_token") }[
                error.kind
              ] ?? (error.status === 422 ? word("script.bad_password") : error.message);
        this.busy = false;
        this.$refs.password.focus();
        this.$refs.password.select();
      }
    },
  },
};
