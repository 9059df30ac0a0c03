import { html, useMemo } from "./html.js";
import { age, link, number, plural, useStats } from "./state.js";

// Overview shows how an instance is.
export function Overview({ instance }) {
  const { samples, error } = useStats(instance.name);
  const last = samples[samples.length - 1], before = samples[samples.length - 2];
  const rate = (key) => (last && before ? Math.max(0, last[key] - before[key]) / ((last.at - before.at) / 1000) : undefined);
  const rates = useMemo(() => samples.slice(1).map((s, i) => Math.max(0, s.total - samples[i].total) / ((s.at - samples[i].at) / 1000)), [last]);
  const calls = rate("calls");
  return html`
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${instance.last_error && html`<section class="bad"><h2>The last reload has failed</h2>
      <p>${age(instance.last_error.at)} ago, by ${instance.last_error.cause}. What was loaded before keeps serving.</p>
      <pre>${instance.last_error.error}</pre></section>`}
    ${instance.left_out && html`<section class="bad"><h2>Tenants that are left out</h2>
      <ul>${instance.left_out.map((t) => html`<li key=${t.tenant}><b>${t.tenant}</b> <code>${t.error}</code></li>`)}</ul></section>`}
    <dl class="cards">
      <${Card} name="Requests per second" value=${number(rate("total"))} more=${html`<${Spark} values=${rates} />`} />
      <${Card} name="Failed per second" value=${number(rate("failed"))} bad=${rate("failed") > 0} more=${last && plural(last.failed, "failure") + " so far"} />
      <${Card} name="Lua per request" value=${calls ? number((rate("seconds") / calls) * 1000) + " ms" : "–"} more=${last && plural(last.calls, "request") + " ran Lua"} />
      <${Card} name="Virtual machines" value=${last ? last.vms - last.idle + " of " + last.vms : "–"} more=${last && plural(last.waiting, "request") + " waiting"} />
      <${Card} name="Errors of scripts" value=${last ? number(last.errors) : "–"} bad=${last && last.errors > 0} more=${last && plural(last.ends, "end") + " of a budget"} />
    </dl>
    <h2>Routing table</h2>
    <p>Version ${instance.version}, loaded ${age(instance.loaded_at)} ago, with
      ${" "}<a href=${link("routes", instance.name)}>${plural(instance.counts.routes, "route")}</a>,
      ${" "}<a href=${link("pools", instance.name)}>${plural(instance.counts.pools, "pool")}</a> and
      ${" "}<a href=${link("tenants", instance.name)}>${plural(instance.counts.tenants, "tenant")}</a>, from
      ${" "}${instance.scripts.map((s, i) => html`${i ? ", " : ""}<a key=${s} href=${link("scripts", instance.name, { name: s })}>${s}</a>`)}</p>
    <h2>Changes of the last reload</h2>
    ${instance.difference ? html`<${Difference} d=${instance.difference} />` : html`<p>There was no reload since the configuration was loaded.</p>`}`;
}

const Card = ({ name, value, more, bad }) => html`<div class=${bad ? "card alarm" : "card"}><dt>${name}</dt><dd class="big">${value}</dd><dd>${more}</dd></div>`;

// Spark draws a minute.
function Spark({ values }) {
  const top = Math.max(1, ...values);
  const points = values.map((v, i) => (100 - (values.length - 1 - i) * (100 / 29)).toFixed(1) + "," + (22 - (v / top) * 20).toFixed(1));
  return html`<svg class="spark" viewBox="0 0 100 24" role="img" aria-label=${"the last minute, at most " + number(Math.max(0, ...values))}>
    <polyline points=${points.join(" ")} /></svg>`;
}

function Difference({ d }) {
  const rows = [];
  for (const [what, c] of [["route", d.routes], ["pool", d.pools], ["tenant", d.tenants]]) {
    for (const [how, n, names] of [["added", c.added, c.added_names], ["changed", c.changed, c.changed_names], ["removed", c.removed, c.removed_names]]) {
      if (n) rows.push(html`<li key=${what + how}>${plural(n, what)} ${how}: ${(names || []).slice(0, 10).map((t, i) => html`${i ? ", " : ""}<code>${t}</code>`)}${n > 10 ? " …" : ""}</li>`);
    }
  }
  return rows.length ? html`<ul>${rows}</ul>` : html`<p>Nothing but the text of scripts.</p>`;
}
