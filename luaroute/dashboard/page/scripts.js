import { html, useEffect, useRef } from "./html.js";
import { link, of, plural, useAsked } from "./state.js";

// Scripts shows the text of scripts, with what check finds.
export function Scripts({ instance, params }) {
  const { value: list, error } = useAsked(of(instance.name, "scripts"));
  const name = params.get("name") || (list && list.length ? list[0].name : "");
  return html`
    ${error && html`<p class="bad" role="alert">${error}</p>`}
    ${list && !list.length && html`<p>There are no scripts.</p>`}
    ${list && list.length > 0 && html`<nav aria-label="Scripts" class="chips"><ul>${list.map((s) => html`<li key=${s.name}>
      <a href=${link("scripts", instance.name, { name: s.name })} aria-current=${s.name === name ? "true" : undefined}>${s.name}
      ${s.findings ? html` <b class="warn">${plural(s.findings, "finding")}</b>` : ""}</a></li>`)}</ul></nav>
      <${Script} key=${name} instance=${instance.name} name=${name} line=${+params.get("line") || 0} />`}`;
}

function Script({ instance, name, line }) {
  const { value, error } = useAsked(of(instance, "script?name=" + encodeURIComponent(name)));
  const here = useRef();
  useEffect(() => {
    if (here.current) here.current.scrollIntoView({ block: "center" });
  }, [value, line]);
  if (error) return html`<p class="bad" role="alert">${error}</p>`;
  if (!value) return html`<p>…</p>`;
  const at = new Map(), remark = (f, i) => html`<p key=${i} class=${f.severity === "note" ? "note" : "warn"}>${f.severity}: ${f.message} (${f.kind})</p>`;
  for (const f of value.findings || []) at.set(f.line, [...(at.get(f.line) || []), f]);
  const lines = value.code.replace(/\n$/, "").split("\n");
  return html`<p>Read only. What looks like a secret is •••. ${(value.findings || []).length > 0 && plural(value.findings.length, "finding") + ", below their lines."}</p>
    ${(at.get(undefined) || []).map(remark)}
    <div class="code" tabindex="0" role="region" aria-label=${"Text of " + name}><ol>${lines.map((text, i) => html`<li key=${i} class=${i + 1 === line ? "here" : ""} ref=${i + 1 === line ? here : undefined}>
      <code>${text || " "}</code>${(at.get(i + 1) || []).map(remark)}</li>`)}</ol></div>`;
}

// Place is a link to a line of a script: main.lua:3.
export function Place({ instance, at }) {
  const m = /^(.*):(\d+)$/.exec(at || "");
  if (!m) return html`<span>${at}</span>`;
  return html`<a href=${link("scripts", instance, { name: m[1], line: m[2] })} title=${at}>${base(at)}</a>`;
}

// base is a place without the folders of its file.
export const base = (at) => (at || "").replace(/^.*\/(?=[^/]*:\d+$)/, "");
