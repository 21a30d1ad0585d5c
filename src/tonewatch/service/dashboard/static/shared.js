// What several parts share: words, numbers, colours, calls of the service's own interface.

export function word(key, values = {}) {
  const text = window.tonewatchWords[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

export function paintOf(palette, label) {
  return palette.find((paint) => paint.label === label) ?? palette[0];
}

function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export function remember(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
}

export const token = () => cookie("tonewatch_csrf");

// Gives the answer's JSON; throws an Error with the service's own explanation. A form goes as it is.
export async function ask(method, path, body) {
  const isForm = body instanceof FormData;
  const kind = isForm ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers: { ...kind, "X-CSRF-Token": token() },
      body: isForm || body === undefined ? body : JSON.stringify(body),
    });
  } catch {
    throw new Error(word("script.no_answer"));
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) {
    const error = new Error(content?.detail ?? word("script.no_answer"));
    error.kind = (content?.type ?? "").split(":").pop();
    error.status = answer.status;
    error.after = answer.headers.get("Retry-After");
    throw error;
  }
  return content;
}
