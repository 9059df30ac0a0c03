import { html, useEffect, useRef, useState } from "./html.js";
import { link, of, plural } from "./state.js";
import { Place } from "./scripts.js";

const kept = 500;
const outcomes = ["responded", "proxied", "handler", "declined", "not_found", "method", "refused", "limited", "budget", "error"];

// Live shows requests as they end.
export function Live({ instance }) {
  const [filter, setFilter] = useState({ tenant: "", status: "", pattern: "", pool: "", outcome: "" });
  const [state, setState] = useState("…");
  const [view, setView] = useState({ events: [], seen: 0, skipped: 0 });
  const [paused, setPaused] = useState(false);
  const hold = useRef(false);
  hold.current = paused;
  const query = new URLSearchParams(Object.entries(filter).filter(([, v]) => v).map(([k, v]) => [k, k === "tenant" && v === "-" ? "" : v])).toString();
  useEffect(() => {
    if (!instance.tail) return undefined;
    const data = { events: [], seen: 0, skipped: 0 };
    let source, retry, frame, over = false;
    const draw = () => {
      frame = 0;
      if (!hold.current) setView({ ...data, events: [...data.events] });
    };
    const soon = () => { frame ||= setTimeout(draw, 50); };
    const open = () => {
      source = new EventSource("api/" + of(instance.name, "tail") + (query ? "?" + query : ""));
      source.onopen = () => setState("looking");
      source.onmessage = (e) => {
        data.seen++;
        data.events.unshift({ key: data.seen, ...JSON.parse(e.data) });
        if (data.events.length > kept) data.events.pop();
        soon();
      };
      source.addEventListener("skipped", (e) => {
        data.skipped += +e.data;
        soon();
      });
      source.onerror = () => {
        setState("the connection was lost; looking for it again");
        if (source.readyState === EventSource.CLOSED && !over) retry = setTimeout(open, 2000);
      };
    };
    const timer = setTimeout(open, 200); // not for each letter of a filter
    return () => {
      over = true;
      clearTimeout(timer);
      clearTimeout(retry);
      clearTimeout(frame);
      if (source) source.close();
    };
  }, [instance.name, instance.tail, query]);
  if (!instance.tail) {
    return html`<p>The configuration does not show requests as they end. Write <code>tail</code> in the block of <code>luaroute_dashboard</code>.</p>`;
  }
  const field = (name, attributes) => html`<label>${name[0].toUpperCase() + name.slice(1)}
    <input ...${attributes} value=${filter[name]} onInput=${(e) => setFilter({ ...filter, [name]: e.target.value })} spellcheck="false" /></label>`;
  const clients = view.events.some((e) => e.client);
  return html`
    <form class="filters" role="search" onSubmit=${(e) => e.preventDefault()}>
      ${field("tenant", { size: 12, placeholder: "- for none" })}${field("status", { size: 5, placeholder: "5 or 404", inputmode: "numeric" })}${field("pattern", { size: 20 })}${field("pool", { size: 10 })}
      <label>Outcome <select value=${filter.outcome} onChange=${(e) => setFilter({ ...filter, outcome: e.target.value })}>
        <option value="">all</option>${outcomes.map((o) => html`<option key=${o} value=${o}>${o}</option>`)}</select></label>
      <button type="button" aria-pressed=${paused ? "true" : "false"} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause"}</button>
    </form>
    <p role="status" aria-live="polite">${paused ? "Paused. " : ""}${plural(view.seen, "request")} seen${view.skipped ? ", " + plural(view.skipped, "more") + " than are shown in a second" : ""}. At most ${instance.tail} a second. <span>${state}</span></p>
    <div class="wide"><table aria-label="Requests as they end">
      <thead><tr>${["Time", "Request", "Host", ...(clients ? ["Client"] : []), "Tenant", "Pattern", "Outcome", "Status", "Pool", "ms", "Lua µs", "Declared at", ""].map((n) => html`<th key=${n} scope="col">${n}</th>`)}</tr></thead>
      <tbody>${view.events.slice(0, 200).map((e) => html`<tr key=${e.key} class=${e.status >= 500 ? "alarm" : ""}>
        <td title=${e.id}>${new Date(e.time).toLocaleTimeString("en-GB") + "." + String(new Date(e.time).getMilliseconds()).padStart(3, "0")}</td>
        <td class="long"><b>${e.method}</b> <code>${e.path}</code></td><td>${e.host}</td>${clients && html`<td>${e.client}</td>`}<td>${e.tenant}</td><td><code>${e.pattern}</code></td><td>${e.outcome}</td><td>${e.status || "aborted"}</td>
        <td>${e.pool}${e.upstream ? " " + e.upstream : ""}</td><td class="number">${e.ms}</td><td class="number">${e.lua_us}</td><td><${Place} instance=${instance.name} at=${e.at} /></td>
        <td><a class="button" href=${link("explain", instance.name, { method: e.method, url: "http://" + e.host + e.path })} aria-label=${"Explain " + e.method + " " + e.path}>Explain</a></td></tr>`)}</tbody>
    </table></div>`;
}
