// What views have in common: the address, questions to the server, and numbers that are asked for again and again.
import { useEffect, useRef, useState } from "./html.js";

// address reads what stands behind the # of the page: #/view/instance?name=value
export function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, instance] = path.split("/");
  return { view: view || "overview", instance: decode(instance || ""), params: new URLSearchParams(query || "") };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// link returns the address of a view.
export function link(view, instance, params) {
  const query = new URLSearchParams(params || {}).toString();
  return "#/" + view + "/" + encodeURIComponent(instance) + (query ? "?" + query : "");
}

export function useAddress() {
  const [now, set] = useState(address);
  useEffect(() => {
    const changed = () => set(address());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return now;
}

// ask asks the server, and throws an Error with its words.
export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch("api/" + path, options);
  const text = await answer.text();
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(answer.ok ? "the answer is no JSON" : "status " + answer.status + " " + text.slice(0, 300));
  }
  if (!answer.ok) throw new Error(value.error || "status " + answer.status);
  return value;
}

export const of = (instance, what) => encodeURIComponent(instance) + "/" + what;

// useAsked asks for something once, and then each so many milliseconds while the page is seen.
export function useAsked(path, every) {
  const [result, set] = useState({});
  useEffect(() => {
    let over = false, first = true, timer;
    set({});
    const again = async () => {
      if (path !== undefined && (first || !document.hidden)) {
        first = false;
        try {
          const value = await ask(path);
          if (!over) set({ value, at: Date.now() });
        } catch (error) {
          if (!over) set((before) => ({ ...before, error: error.message }));
        }
      }
      if (!over && every) timer = setTimeout(again, every);
    };
    again();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [path, every]);
  return result;
}

const kept = 31; // samples, which are a minute

// useStats asks for the counts, and keeps those of a minute.
export function useStats(instance) {
  const samples = useRef({ of: "", all: [] });
  const asked = useAsked(of(instance, "stats"), 2000);
  const s = samples.current;
  if (s.of !== instance) samples.current = { of: instance, all: [] };
  const all = samples.current.all;
  if (asked.value && (!all.length || all[all.length - 1].at !== asked.at)) {
    all.push({ at: asked.at, stats: asked.value, ...totals(asked.value) });
    if (all.length > kept) all.shift();
  }
  return { samples: all, error: asked.error, now: asked.value };
}

function totals(stats) {
  const t = { total: 0, failed: 0, calls: 0, seconds: 0, errors: 0, ends: 0, vms: 0, idle: 0, waiting: 0 };
  for (const r of stats.requests) {
    t.total += r.total;
    t.failed += r.failed;
  }
  for (const s of stats.scripts) {
    for (const k of ["calls", "seconds", "errors", "vms", "idle", "waiting"]) t[k] += s[k];
    for (const n of Object.values(s.ends || {})) t.ends += n;
  }
  return t;
}

// perMinute returns how many requests of each tenant and pattern there were in the last minute.
export function perMinute(samples) {
  const rates = new Map();
  if (samples.length < 2) return rates;
  const first = samples[0], last = samples[samples.length - 1];
  const before = new Map(first.stats.requests.map((r) => [r.tenant + "\0" + r.pattern, r.total]));
  const minutes = Math.max(1, last.at - first.at) / 60000;
  for (const r of last.stats.requests) {
    const key = r.tenant + "\0" + r.pattern;
    rates.set(key, Math.max(0, r.total - (before.get(key) || 0)) / minutes);
  }
  return rates;
}

export const plural = (n, word) => n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");

export function number(n) {
  if (n === undefined || Number.isNaN(n)) return "–";
  return n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 });
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  for (; n >= 1024 && i < 3; i++) n /= 1024;
  return number(n) + " " + units[i];
}

export function age(from, now = Date.now()) {
  const s = Math.max(0, Math.round((now - new Date(from)) / 1000));
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (s >= size) return plural(Math.floor(s / size), unit);
  }
  return plural(s, "second");
}
