import { html, useEffect, useRef, useState } from "./html.js";
import { ask, link, of } from "./state.js";
import { Place } from "./scripts.js";

// read makes the question of the form.
function read(form) {
  const q = { method: form.method.trim() || "GET" };
  const m = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(form.url.trim());
  if (m) {
    q.scheme = m[1].toLowerCase();
    q.host = m[2];
  }
  q.path = (m ? m[3] : form.url.trim()) || "/";
  if (q.path[0] !== "/") q.path = "/" + q.path;
  const headers = {};
  for (const line of form.headers.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) (headers[line.slice(0, at).trim()] ||= []).push(line.slice(at + 1).trim());
  }
  if (Object.keys(headers).length) q.headers = headers;
  if (form.remote.trim()) q.remote_addr = form.remote.trim();
  if (form.body) q.body = form.body;
  return q;
}

const fromParams = (p) => ({ method: p.get("method") || "GET", url: p.get("url") || "/", headers: p.get("headers") || "", remote: p.get("remote") || "", body: "" });

// shared is what a link has of the form: never the body.
function shared(form) {
  const p = { method: form.method, url: form.url };
  if (form.headers) p.headers = form.headers;
  if (form.remote) p.remote = form.remote;
  return p;
}

// Explain shows what would become of a request, and why.
export function Explain({ instance, params }) {
  const [form, setForm] = useState(() => fromParams(params));
  const [result, setResult] = useState({});
  const asked = useRef("");
  const send = async (f) => {
    setResult({ waits: true });
    try {
      setResult({ decision: await ask(of(instance.name, "explain"), read(f)) });
    } catch (error) {
      setResult({ error: error.message });
    }
  };
  useEffect(() => { // a link that names a request asks at once
    const key = params.toString();
    if (params.get("url") && asked.current !== key) {
      asked.current = key;
      const f = { ...fromParams(params), body: form.body };
      setForm(f);
      send(f);
    }
  }, [params.toString()]);
  const submit = (e) => {
    e.preventDefault();
    const p = shared(form);
    asked.current = new URLSearchParams(p).toString();
    location.hash = link("explain", instance.name, p);
    send(form);
  };
  const set = (name) => (e) => setForm({ ...form, [name]: e.target.value });
  return html`
    <form class="question" onSubmit=${submit}>
      <label>Method <input value=${form.method} onInput=${set("method")} list="methods" size="8" spellcheck="false" /></label>
      <datalist id="methods">${["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((m) => html`<option key=${m} value=${m} />`)}</datalist>
      <label class="grow">URL or path <input value=${form.url} onInput=${set("url")} spellcheck="false" placeholder="https://example.com/users/7?page=2" /></label>
      <label>Client's address <input value=${form.remote} onInput=${set("remote")} spellcheck="false" placeholder="127.0.0.1" size="16" /></label>
      <label class="grow">Header <textarea rows="2" value=${form.headers} onInput=${set("headers")} spellcheck="false" placeholder="X-Canary: 1"></textarea></label>
      <label class="grow">Body <textarea rows="2" value=${form.body} onInput=${set("body")} spellcheck="false"></textarea></label>
      <p><button type="submit">Explain</button> Nothing is sent anywhere: guards run, with a tenth of their budget; nothing else of scripts does. The address of the page has all of the form but the body.</p>
    </form>
    <div role="status" aria-live="polite">
      ${result.waits && html`<p>…</p>`}
      ${result.error && html`<p class="bad">${result.error}</p>`}
      ${result.decision && html`<${Decision} d=${result.decision} instance=${instance.name} />`}
    </div>`;
}

// summary is the decision in one line.
function summary(d) {
  const to = d.pool ? "is forwarded to pool " + d.pool + (d.upstream ? " at " + d.upstream : "")
    : d.handler ? "is answered by Caddy's handler " + d.handler
      : d.next ? "goes on to Caddy's next handler"
        : d.status ? "is answered with " + d.status
          : d.action ? "is answered by " + d.action : "is answered by nobody";
  return "The request " + to + (d.variant ? ", as " + d.variant : "") + ".";
}

const fates = {
  taken: "answers", decides: "would decide; functions that answer are not run here", failed: "ended in an error", method: "is for other methods",
  guard: "lost, since a guard said no", layer: "lost, since a guard of the layer around it said no", declined: "declined", "not reached": "was not asked: something before it answered",
};

function Decision({ d, instance }) {
  return html`<section aria-label="Decision">
    <h2>${summary(d)}</h2>
    ${d.stops && html`<p class="warn">Not certain: ${d.stops.replace("; ask with ?run=true, or --run", "")}.</p>`}
    ${d.error && html`<pre class="bad">${d.error}</pre>`}
    ${d.allow && html`<p>The path has the methods ${d.allow.join(", ")}.</p>`}
    ${d.at && html`<p>Decided at <${Place} instance=${instance} at=${d.at} /></p>`}
    ${d.params && html`<p>Parameters: ${Object.entries(d.params).map(([k, v], i) => html`${i ? ", " : ""}<code>${k} = ${v}</code>`)}</p>`}
    <h3>Candidates, in the order in which they are asked</h3>
    <ol class="tree candidates">${d.candidates.map((c, i) => html`<li key=${i} class=${"fate-" + c.fate.replace(" ", "-")}>
      <p><b>${c.kind}</b> ${(c.methods || []).join(" ")} <code>${c.pattern}</code> ${c.route ? "“" + c.route + "” " : ""}${c.tenant ? "of " + c.tenant + " " : ""}
        ${c.at && html`<${Place} instance=${instance} at=${c.at} />`} – <em>${fates[c.fate] || c.fate}${c.says ? ": " + c.says : ""}</em></p>
      <ul>
        ${(c.guards || []).map((g, j) => html`<li key=${"g" + j} class=${"verdict-" + g.verdict.replace(" ", "-")}>guard ${g.guard} ${g.at && html`<${Place} instance=${instance} at=${g.at} />`}: <b>${g.verdict}</b>
          ${g.missed ? " – " + g.missed : ""}${g.layer ? " (of a layer)" : ""}${g.error ? " – " + g.error : ""}</li>`)}
        ${(c.middleware || []).map((m, j) => html`<li key=${"m" + j}>middleware ${m.middleware} ${m.at && html`<${Place} instance=${instance} at=${m.at} />`}: <b>${m.verdict}</b>${m.note ? " – " + m.note : ""}</li>`)}
        ${c.action && html`<li>action ${c.action}</li>`}
      </ul></li>`)}
      ${d.omitted > 0 && html`<li>${d.omitted} more of the same shape, which were not asked</li>`}</ol>
    ${d.request && html`<h3>The request that is passed on</h3><pre>${d.request.method} ${d.request.uri}
Host: ${d.request.host}
${fields(d.request.changed_headers)}${(d.request.removed_headers || []).map((n) => "without " + n + "\n").join("")}</pre>`}
    ${d.response_headers && html`<h3>The answer</h3><pre>${d.status}
${fields(d.response_headers)}${d.response_body ? "\n" + d.response_body : ""}</pre>`}
  </section>`;
}

const fields = (header) => Object.entries(header || {}).flatMap(([n, values]) => values.map((v) => n + ": " + v + "\n")).join("");
