// What was decided and not yet acknowledged: kept in the browser, sent in order, again and again until the server has it.

const PLACE = "review-outbox";
const PAUSE = 700; // [ms] between attempts

export async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  // changed(count, problem) is called whenever something was added, sent or refused.
  constructor(owner, changed) {
    this.prefix = `${PLACE}:${owner}:`;
    this.changed = changed;
    this.listeners = new Map();
    this.busy = false;
    this.count = 0;
    this.idle = Promise.resolve();
    const left = Object.keys(localStorage).filter((place) => place.startsWith(this.prefix)).sort();
    this.waiting = left.map((place) => ({ place, ...JSON.parse(localStorage.getItem(place)) }));
    if (this.waiting.length) this.flush();
  }

  // Resolves with the server's answer. Every entry has a place of its own: another tab may hold some too.
  put(path, body) {
    const place = `${this.prefix}${Date.now()}:${String(this.count++).padStart(6, "0")}`;
    localStorage.setItem(place, JSON.stringify({ path, body }));
    this.waiting.push({ place, path, body });
    this.changed(this.waiting.length, "");
    const told = new Promise((resolve, reject) => this.listeners.set(body.key, { resolve, reject }));
    told.catch(() => {}); // who does not wait for it hears of it through `changed`
    this.flush();
    return told;
  }

  flush() {
    if (!this.busy) {
      this.busy = true;
      this.idle = this.send().finally(() => { this.busy = false; });
    }
    return this.idle;
  }

  async send() {
    while (this.waiting.length) {
      const { place, path, body } = this.waiting[0];
      const { answer, told } = await this.attempt(path, body);
      if (!answer || answer.status >= 500 || answer.status === 401) {
        this.changed(this.waiting.length, answer?.status === 401 ? told.error : "the server does not answer; trying again");
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        continue;
      }
      this.waiting.shift();
      localStorage.removeItem(place);
      this.changed(this.waiting.length, answer.ok ? "" : told.error);
      const listener = this.listeners.get(body.key);
      this.listeners.delete(body.key);
      if (answer.ok) listener?.resolve(told);
      else listener?.reject(new Error(told.error));
    }
  }

  async attempt(path, body) {
    const message = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    try {
      const answer = await fetch(path, message);
      return { answer, told: await answer.json() };
    } catch {
      return {}; // nobody there, or the answer broke off: the key makes it safe to send again
    }
  }
}
