import { html } from "./html.js";
import { bytes, link, number, of, plural, useAsked, useStats } from "./state.js";

// Pools shows the upstreams.
export function Pools({ instance }) {
  const { value: pools, error } = useAsked(of(instance.name, "pools"), 2000);
  return html`
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${pools && !pools.length && html`<p>There are no pools.</p>`}
    ${pools && pools.length > 0 && html`<div class="wide"><table aria-label="Upstreams">
      <thead><tr>${["Pool", "Tenant", "Upstream", "State", "In flight", "Fails", "Declared at"].map((n) => html`<th key=${n} scope="col">${n}</th>`)}</tr></thead>
      <tbody>${pools.flatMap((p, i) => (p.upstreams.length ? p.upstreams : [null]).map((u, j) => html`<tr key=${i + "/" + j}>
        <th scope="row"><a href=${link("routes", instance.name, { pool: p.name })}>${p.name}</a></th><td>${p.tenant}</td>
        ${u ? html`<td><code>${u.address}</code></td><td class=${u.healthy ? "good" : "alarm"}>${u.healthy ? "healthy" : "down"}</td><td>${u.requests}</td><td>${u.fails}</td>`
          : html`<td colspan="4">found when a request comes</td>`}
        <td>${p.at}</td></tr>`))}</tbody></table></div>`}`;
}

const short = (ns) => (ns >= 1e9 ? number(ns / 1e9) + " s" : number(ns / 1e6) + " ms");

// Tenants shows the tenants, what they may use and what they have used.
export function Tenants({ instance }) {
  const { value: tenants, error } = useAsked(of(instance.name, "tenants"));
  const { now } = useStats(instance.name);
  const used = new Map((now ? now.scripts : []).map((s) => [s.tenant, s]));
  const asked = new Map();
  for (const r of now ? now.requests : []) asked.set(r.tenant, (asked.get(r.tenant) || 0) + r.total);
  return html`
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${tenants && html`<div class="wide"><table aria-label="Tenants">
      <thead><tr>${["Tenant", "Hosts", "Prefix", "Requests", "Lua", "Ends of budgets", "Machines", "Limits", "State"].map((n) => html`<th key=${n} scope="col">${n}</th>`)}</tr></thead>
      <tbody>${tenants.map((t) => {
        const s = used.get(t.name), l = t.limits;
        return html`<tr key=${t.name}>
          <th scope="row"><a href=${link("routes", instance.name, { tenant: t.name || "-" })}>${t.name || "(default)"}</a></th>
          <td>${(t.hosts || []).join(", ") || "all"}</td><td><code>${t.prefix || "/"}</code></td>
          <td>${number(asked.get(t.name) || 0)}</td>
          <td>${s && s.calls ? number((s.seconds / s.calls) * 1000) + " ms a request, of " + short(l.cpu) : "–"}</td>
          <td>${s && s.ends ? Object.entries(s.ends).map(([k, n]) => k + " " + n).join(", ") : "none"}</td>
          <td>${s ? s.vms - s.idle + " used, " + s.idle + " idle, of " + l.vms : "–"}</td>
          <td>${short(l.cpu)} CPU, ${short(l.wall)} waiting, ${bytes(l.memory)} a machine, ${bytes(l.total_memory)} in all, ${bytes(l.body)} body</td>
          <td class=${t.left_out ? "alarm" : ""}>${t.left_out ? "left out: " + t.left_out : t.use_pool ? "else to pool " + t.use_pool : ""}</td></tr>`;
      })}</tbody></table></div>
      <p>${plural(tenants.length - 1, "tenant")} besides the default one.</p>`}`;
}
