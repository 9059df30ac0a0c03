import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { link, number, of, perMinute, plural, useAsked, useStats } from "./state.js";
import { Place, base } from "./scripts.js";
import { Table } from "./table.js";

const part = (p) => (p.text || !p.at ? (p.kind + " " + (p.text || "")).trim() : p.kind + " " + base(p.at));
const list = (all) => (all || []).map(part).join(", ");

// kind says how specific a segment is: text before a regular expression before a parameter before a catch-all, as chi asks.
const kind = (s) => (s === "*" ? 3 : !s.includes("{") ? 0 : s.includes(":") ? 1 : 2);

// byMatching compares two routes of one tenant by the order in which they are asked.
function byMatching(a, b) {
  const x = a.segments, y = b.segments;
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const d = kind(x[i]) - kind(y[i]);
    if (d) return d;
    if (x[i] !== y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return x.length - y.length || (b.priority || 0) - (a.priority || 0) || a.index - b.index;
}

// prepare adds to each route what is looked for in it, and its place in the order.
function prepare(routes) {
  const tenants = new Map();
  routes.forEach((r, index) => {
    r.index = index;
    r.segments = r.pattern.split("/");
    r.tenant = r.tenant || "";
    r.pool = r.action.kind === "proxy" ? r.action.text || "" : "";
    r.script = (r.at || "").replace(/:\d+$/, "");
    r.words = [r.tenant, (r.hosts || []).join(" "), (r.methods || []).join(" "), r.pattern, r.name, list(r.guards), list(r.middleware), part(r.action), r.at].join(" ").toLowerCase();
    if (!tenants.has(r.tenant)) tenants.set(r.tenant, []);
    tenants.get(r.tenant).push(r);
  });
  let order = 0;
  for (const all of tenants.values()) for (const r of [...all].sort(byMatching)) r.order = order++;
  return routes;
}

const orders = {
  matching: (a, b) => a.order - b.order,
  declared: (a, b) => a.index - b.index,
  requests: (a, b) => b.rate - a.rate || a.order - b.order,
};

// Routes shows the table of routes, or a tree of them.
export function Routes({ instance, params }) {
  const { value, error } = useAsked(of(instance.name, "routes"));
  const { value: tenants } = useAsked(of(instance.name, "tenants"));
  const { samples } = useStats(instance.name);
  const routes = useMemo(() => (value ? prepare(value) : []), [value]);
  const [text, setText] = useState(params.get("q") || "");
  const [order, setOrder] = useState("matching");
  const [tree, setTree] = useState(false);
  const [only, setOnly] = useState({ tenant: params.get("tenant") || "", host: "", method: "", pool: params.get("pool") || "", script: "" });
  const [opened, setOpened] = useState(null);
  const rates = useMemo(() => perMinute(samples), [samples.length, samples[samples.length - 1]]);
  const prefixes = useMemo(() => new Map((tenants || []).map((t) => [t.name, t.prefix || ""])), [tenants]);
  const choices = useMemo(() => {
    const all = { tenant: new Set(), host: new Set(), method: new Set(), pool: new Set(), script: new Set() };
    for (const r of routes) {
      all.tenant.add(r.tenant || "-");
      for (const host of r.hosts || []) all.host.add(host);
      for (const method of r.methods || []) all.method.add(method);
      if (r.pool) all.pool.add(r.pool);
      if (r.script) all.script.add(r.script);
    }
    return all;
  }, [routes]);
  const shown = useMemo(() => {
    for (const r of routes) r.rate = rateOf(r, rates, prefixes);
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return routes.filter((r) => words.every((w) => r.words.includes(w)) &&
      (!only.tenant || (r.tenant || "-") === only.tenant) && (!only.pool || r.pool === only.pool) && (!only.script || r.script === only.script) &&
      (!only.host || (r.hosts || []).includes(only.host)) && (!only.method || !(r.methods || []).length || r.methods.includes(only.method)),
    ).sort(orders[order]);
  }, [routes, text, only, order, rates, prefixes]);
  const columns = [
    { name: "Tenant", of: (r) => r.tenant || "–" },
    { name: "Hosts", of: (r) => (r.hosts || []).join(", ") || "all" },
    { name: "Methods", of: (r) => (r.methods || []).join(" ") || "any" },
    { name: "Pattern", of: (r) => html`<code>${r.pattern}</code>`, class: "long" },
    { name: "Guards", of: (r) => list(r.guards) },
    { name: "Middleware", of: (r) => list(r.middleware) },
    { name: "Action", of: (r) => part(r.action) },
    { name: "Per minute", of: (r) => number(r.rate), class: "number" },
    { name: "Declared at", of: (r) => base(r.at) },
  ];
  return html`
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    <form class="filters" role="search" onSubmit=${(e) => e.preventDefault()}>
      <label>Find <input type="search" value=${text} onInput=${(e) => setText(e.target.value)} placeholder="words" /></label>
      ${Object.entries(choices).map(([name, all]) => (all.size > 1 || only[name]) && html`<label key=${name}>${name[0].toUpperCase() + name.slice(1)}
        <select value=${only[name]} onChange=${(e) => setOnly({ ...only, [name]: e.target.value })}>
          <option value="">all</option>${[...all].sort().map((v) => html`<option key=${v} value=${v}>${v === "-" ? "(default)" : v}</option>`)}
        </select></label>`)}
      <label>Order <select value=${order} onChange=${(e) => setOrder(e.target.value)}>
        <option value="matching">as they are matched</option><option value="declared">as they are declared</option><option value="requests">most requests first</option>
      </select></label>
      <label><input type="checkbox" checked=${tree} onChange=${(e) => setTree(e.target.checked)} /> Tree</label>
    </form>
    <p role="status">${value ? plural(shown.length, "route") + (shown.length < routes.length ? " of " + number(routes.length) : "") : "…"}</p>
    ${tree ? html`<${Tree} routes=${shown} open=${setOpened} tenants=${tenants || []} />`
      : html`<${Table} label="Routes" columns=${columns} rows=${shown} rowKey=${(r) => r.index} open=${setOpened} opened=${opened && opened.index} />`}
    ${opened && html`<${Details} key=${opened.index} r=${opened} instance=${instance.name} close=${() => setOpened(null)} />`}`;
}

// rateOf finds the count of a route: that of its pattern without the prefix of its tenant, behind its methods where a shape has several.
function rateOf(r, rates, prefixes) {
  const pattern = r.pattern.slice((prefixes.get(r.tenant) || "").length);
  const key = (label) => rates.get(r.tenant + "\0" + label);
  return key((r.methods || []).join(" ") + " " + pattern) ?? key([...(r.methods || [])].sort().join(" ") + " " + pattern) ?? key(pattern) ?? 0;
}

// Details shows one route.
function Details({ r, instance, close }) {
  const head = useRef();
  useEffect(() => head.current.focus(), []);
  const parts = (name, all) => all && all.length > 0 && html`<dt>${name}</dt>${all.map((p, i) => html`<dd key=${i}>${part(p)} ${p.at && html`<${Place} instance=${instance} at=${p.at} />`}</dd>`)}`;
  const url = (r.segments.some((s) => s.includes("{") || s === "*") ? r.segments.map((s) => (s === "*" ? "x" : s.replace(/\{[^}]*\}/g, "1"))).join("/") : r.pattern) || "/";
  return html`<section class="details" aria-label="Route" onKeyDown=${(e) => e.key === "Escape" && close()}>
    <h2 tabindex="-1" ref=${head}>${(r.methods || []).join(" ") || "any"} <code>${r.pattern}</code></h2>
    <dl>
      <dt>Declared at</dt><dd><${Place} instance=${instance} at=${r.at} /></dd>
      ${r.name && html`<dt>Name</dt><dd>${r.name}</dd>`}
      ${r.tenant && html`<dt>Tenant</dt><dd>${r.tenant}</dd>`}
      <dt>Hosts</dt><dd>${(r.hosts || []).join(", ") || "all"}</dd>
      ${parts("Guards", r.guards)}${parts("Middleware", r.middleware)}${parts("Action", [r.action])}
      ${r.meta && html`<dt>Meta</dt><dd><code>${JSON.stringify(r.meta)}</code></dd>`}
    </dl>
    <p><a class="button" href=${link("explain", instance, { method: (r.methods || [])[0] || "GET", url: (r.hosts ? "http://" + r.hosts[0].replace(/^\*/, "x") : "") + url })}>Try it</a>
    ${" "}<button type="button" onClick=${close}>Close</button></p>
  </section>`;
}

const shownAtOnce = 200;

// Tree shows routes below their tenants, and the layers and scopes that are written around them.
function Tree({ routes, open, tenants }) {
  const root = node("");
  for (const r of routes) {
    const of = tenants.find((t) => t.name === r.tenant), hosts = ((of && of.hosts) || []).join(", ");
    let at = inside(root, r.tenant, (r.tenant || "(default tenant)") + (hosts && ": " + hosts));
    for (const w of r.within || []) at = inside(at, [w.kind, w.text, w.at].join("\0"), part(w), w.at);
    at.routes.push(r);
  }
  return html`<ul class="tree">${[...root.below.values()].map((n) => html`<${Node} n=${n} few=${routes.length <= shownAtOnce} open=${open} />`)}</ul>`;
}

const node = (label, at) => ({ label, at, below: new Map(), routes: [] });

function inside(n, key, label, at) {
  return n.below.get(key) || n.below.set(key, node(label, at)).get(key);
}

const count = (n) => [...n.below.values()].reduce((sum, b) => sum + count(b), n.routes.length);

// Node shows what is around routes, what is in it, and its routes.
function Node({ n, few, open }) {
  return html`<li><${Branch} open=${few} label=${n.label + "  (" + number(count(n)) + ")"} title=${n.at}><ul>
    ${[...n.below.values()].map((b) => html`<${Node} n=${b} few=${few} open=${open} />`)}
    ${n.routes.slice(0, shownAtOnce).map((r) => html`<li key=${r.index}><button type="button" class="plain" onClick=${() => open(r)}>${(r.methods || []).join(" ") || "any"} <code>${r.pattern}</code> → ${part(r.action)}</button></li>`)}
    ${n.routes.length > shownAtOnce && html`<li>${number(n.routes.length - shownAtOnce)} more – find them in the table</li>`}</ul><//></li>`;
}

// Branch draws what is inside once it is open.
function Branch({ label, title, open, children }) {
  const [seen, setSeen] = useState(open);
  return html`<details open=${open} onToggle=${(e) => e.currentTarget.open && setSeen(true)}><summary title=${title}>${label}</summary>${seen && children}</details>`;
}
